"""Data sets: real, deduplicated, checked, and never downloaded silently."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading

import numpy as np
import pytest

from attacks.targets import data
from taxonomy.findings import InputError


def test_digits_are_deduplicated_and_standardised():
    digits = data.load("digits")
    assert digits.x.shape == (1797, 64) and digits.x.dtype == np.float32 and digits.classes == 10
    assert len(np.unique(digits.x, axis=0)) == len(digits.x)
    assert np.allclose(digits.x.mean(axis=0), 0, atol=1e-5)


def test_duplicates_are_dropped():
    found = data.deduplicated("x", np.array([[1.0], [2.0], [1.0]]), np.array([0, 1, 1]))
    assert found.x.tolist() == [[1.0], [2.0]] and found.y.tolist() == [0, 1]


def test_unknown_data_set():
    with pytest.raises(InputError, match="did you mean digits"):
        data.load("digit")


@pytest.mark.slow
def test_fashion_holds_no_duplicates():
    fashion = data.load("fashion")
    assert fashion.x.shape == (60000, 28, 28)
    assert len({row.tobytes() for row in fashion.x}) == 60000
    assert (np.bincount(fashion.y) == 6000).all()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DEBIAN_FASHION", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_without_the_package_or_a_network_the_user_is_told_what_to_do(elsewhere, monkeypatch):
    monkeypatch.setattr(data, "FASHION_URL", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="dataset-fashion-mnist"):
        data.load("fashion")


def test_a_download_is_announced_and_checked(elsewhere, monkeypatch, capsys):
    served = elsewhere / "served"
    served.mkdir()
    (served / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not the pictures"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setattr(data, "FASHION_URL", f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(InputError, match="not the Fashion-MNIST that is expected"):
            data.load("fashion")
        assert "Downloading train-images" in capsys.readouterr().err
    finally:
        server.shutdown()


def test_a_damaged_archive_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DEBIAN_FASHION", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(InputError, match="damaged"):
        data.load("fashion")
