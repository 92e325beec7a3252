"""Data sets that only the web has, from a server on this machine: checked, pinned on first use, never silent, never unpacked."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading

import numpy as np
import pytest

from attacks.targets import data
from attacks.targets.data import files, pictures, shokri
from attacks.targets.data.files import Source
from taxonomy.findings import InputError

RECORDS = 6


def archive(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, inside in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(inside)
            tar.addfile(entry, io.BytesIO(inside))
    return buffer.getvalue()


def csv(rows: np.ndarray) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def bits(features: int) -> np.ndarray:
    return np.random.default_rng(features).integers(0, 2, (RECORDS, features))


def labels(classes: int) -> np.ndarray:
    return np.linspace(1, classes, RECORDS).astype(int)[:, None]


def photographs(colours: int = 3 * 32 * 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (RECORDS, colours)).astype(np.uint8)


def cifar_10() -> bytes:
    rows = np.hstack([(labels(10) - 1).astype(np.uint8), photographs()])
    return archive({f"cifar-10-batches-bin/data_batch_{k}.bin": rows[k - 1 : k + 1].tobytes() for k in range(1, 6)})


def cifar_100() -> bytes:
    rows = np.hstack([np.full((RECORDS, 1), 7, np.uint8), (labels(100) - 1).astype(np.uint8), photographs()])
    return archive({"cifar-100-binary/train.bin": rows.tobytes()})


def location() -> bytes:
    rows = np.hstack([labels(30), bits(446)]).astype(str)
    rows[:, 0] = [f'"{label}"' for label in rows[:, 0]]
    return archive({"bangkok": csv(rows)})


# name, constant in its module, module, the archive, shape of a record, classes
SETS = {
    "purchase-100": ("PURCHASE", shokri, archive({"./dataset_purchase": csv(np.hstack([labels(100), bits(600)]))}), (600,), 100),
    "texas-100": (
        "TEXAS",
        shokri,
        archive({"texas/100/feats": csv(bits(6169)), "texas/100/labels": csv(labels(100))}),
        (6169,),
        100,
    ),
    "location-30": ("LOCATION", shokri, location(), (446,), 30),
    "cifar-10": ("CIFAR_10", pictures, cifar_10(), (3, 32, 32), 10),
    "cifar-100": ("CIFAR_100", pictures, cifar_100(), (3, 32, 32), 100),
}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Give archives away under the addresses of a data set, and return the folder that they lie in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(name, content, sha256=None):
        constant, module, *_ = SETS[name]
        source = getattr(module, constant)
        (folder / source.name).write_bytes(content)
        known = source.sha256 and (sha256 or hashlib.sha256(content).hexdigest())
        local = dataclasses.replace(source, url=f"http://127.0.0.1:{server.server_port}/{source.name}", sha256=known)
        monkeypatch.setattr(module, constant, local)
        return tmp_path / "cache" / "mia-atlas" / "data" / source.name

    yield serve
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", SETS)
def test_formats(name, served, capsys):
    _, _, content, shape, classes = SETS[name]
    path = served(name, content)
    loaded = data.load(name)
    assert loaded.x.shape == (RECORDS, *shape) and loaded.x.dtype == np.float32 and loaded.y.max() + 1 == classes
    assert loaded.y.tolist() == [label - 1 for label in labels(classes)[:, 0]]
    assert f"Downloading {path.name}" in capsys.readouterr().err
    assert {file.name.removesuffix(".sha256") for file in path.parent.iterdir()} == {path.name}, "nothing is unpacked"
    data.load(name)
    assert capsys.readouterr().err == "", "it is not fetched a second time"


def test_what_a_photograph_is(served):
    """Colour planes one after the other; every colour has mean 0 and deviation 1."""
    served("cifar-100", SETS["cifar-100"][2])
    x = data.load("cifar-100").x
    raw = photographs().reshape(-1, 3, 32, 32).astype(float)
    for colour in range(3):
        assert np.corrcoef(x[:, colour].ravel(), raw[:, colour].ravel())[0, 1] == pytest.approx(1)
        assert x[:, colour].mean() == pytest.approx(0, abs=1e-5) and x[:, colour].std() == pytest.approx(1, abs=1e-5)


def test_binary_features_stay_as_they_are(served):
    served("purchase-100", SETS["purchase-100"][2])
    assert (data.load("purchase-100").x == bits(600)).all()


def test_duplicates_are_dropped(served):
    rows = np.hstack([labels(100), bits(600)])
    served("purchase-100", archive({"dataset_purchase": csv(np.vstack([rows, rows[:3]]))}))
    assert len(data.load("purchase-100").x) == RECORDS


def test_pinned_on_first_use(served, capsys):
    path = served("location-30", location())
    data.load("location-30")
    pin = path.with_name(path.name + ".sha256")
    assert f"pinned from now on, in {pin}" in capsys.readouterr().err
    assert pin.read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


@pytest.mark.parametrize("again", ["damaged on disk", "another one on the web"])
def test_changed_content_is_refused(served, again):
    """Whether the file on disk changed, or was deleted and the web has another: the pin holds."""
    path = served("location-30", location())
    data.load("location-30")
    other = archive({"bangkok": csv(np.hstack([labels(30), 1 - bits(446)]))})
    if again == "damaged on disk":
        path.write_bytes(other)
    else:
        path.unlink()
        served("location-30", other)
    with pytest.raises(InputError, match=r"has changed since its first use: SHA-256 \w{64}, not \w{64}.*delete"):
        data.load("location-30")
    pin = path.with_name(path.name + ".sha256")
    pin.unlink()
    assert (data.load("location-30").x == 1 - bits(446)).all(), "what the message says to do helps"


def test_a_known_checksum_is_held_to(served):
    path = served("cifar-10", cifar_10(), sha256="0" * 64)
    with pytest.raises(InputError, match="not the CIFAR-10 that is expected"):
        data.load("cifar-10")
    assert not path.with_name(path.name + ".sha256").exists()


def test_the_checksums_of_cifar_are_known_before_the_download():
    for source in (pictures.CIFAR_10, pictures.CIFAR_100):
        assert source.sha256 and len(source.sha256) == 64 and "binary" in source.url, "the version for Python is a pickle"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("purchase-100", b"\x1f\x8bnot gzip", "damaged"),
        ("purchase-100", SETS["purchase-100"][2][:-200], "damaged"),
        ("purchase-100", archive({"other": b"1,0\n"}), "holds no dataset_purchase"),
        ("purchase-100", archive({"dataset_purchase": b"1,0,x\n"}), "not a table of small whole numbers"),
        ("purchase-100", archive({"dataset_purchase": b"1,0,1\n1,0\n"}), "not a table of small whole numbers"),
        ("purchase-100", archive({"dataset_purchase": b"1,0,1\n"}), "not purchase-100 as we know it"),
        ("location-30", archive({"bangkok": csv(np.hstack([labels(31), bits(446)]))}), "class from 1 to 30"),
        ("texas-100", archive({"texas/100/feats": csv(bits(6169)), "texas/100/labels": b"1\n"}), "not texas-100 as we know it"),
        ("cifar-100", archive({"cifar-100-binary/train.bin": b"123"}), "does not hold pictures of CIFAR-100"),
    ],
    ids=[
        "no gzip",
        "cut off",
        "other file",
        "letters",
        "ragged",
        "too few rows",
        "class 31",
        "too few records",
        "short pictures",
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_damaged_content_is_one_sentence(name, content, message, served):
    served(name, content)
    with pytest.raises(InputError, match=message):
        data.load(name)


@pytest.mark.parametrize("name", SETS)
def test_offline(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    constant, module, *_ = SETS[name]
    source = dataclasses.replace(getattr(module, constant), url="http://127.0.0.1:9/file.tgz")
    monkeypatch.setattr(module, constant, source)
    with pytest.raises(InputError, match=r"mia-atlas\[download\].*or put http://127.0.0.1:9/file.tgz into"):
        data.load(name)


def test_without_pooch(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(InputError, match=r"not on this machine.*mia-atlas\[download\]"):
        files.fetched(Source("Example", "http://127.0.0.1:9/file.tgz"))


def test_a_file_put_there_by_hand_is_used(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "mia-atlas" / "data"
    folder.mkdir(parents=True)
    (folder / shokri.LOCATION.name).write_bytes(location())
    assert data.load("location-30").x.shape == (RECORDS, 446)
    assert "Downloading" not in capsys.readouterr().err
