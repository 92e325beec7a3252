"""The store: whole nodes or none, safe formats, damage found, shared by several runs."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from attacks.store import ARRAYS, META, Store, StoreError

FINGERPRINT = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "store")
    found.prepare()
    return found


def write(store: Store, fingerprint: str = FINGERPRINT) -> None:
    arrays = {"score": np.arange(3.0)}
    store.write(fingerprint, "attack", "an-attack", meta={"cut": None}, arrays=arrays, weights={"w": np.ones((2, 2), np.float32)})


def test_what_is_written_is_read_back(store):
    assert FINGERPRINT not in store
    write(store)
    meta, arrays, weights = store.read(FINGERPRINT)
    assert meta == {"cut": None} and arrays["score"].tolist() == [0, 1, 2] and weights["w"].shape == (2, 2)
    assert [(n.kind, n.name) for n in store.nodes()] == [("attack", "an-attack")]


def test_mapped_arrays_stay_on_disk(store):
    store.write(FINGERPRINT, "answers", "x", mapped=np.arange(6.0).reshape(2, 3))
    assert isinstance(store.map(FINGERPRINT), np.memmap) and store.map(FINGERPRINT)[1, 2] == 5
    (place,) = store.folder.glob("nodes/*/*/mapped.npy")
    place.write_bytes(b"damaged")
    with pytest.raises(StoreError, match="mia store gc"):
        Store(store.folder).map(FINGERPRINT)


def test_only_safe_formats(store):
    write(store)
    names = {path.name for path in store.folder.rglob("*") if path.is_file()}
    assert names == {"node.json", "arrays.npz", "weights.safetensors"}


def test_pickles_are_not_loaded(store):
    write(store)
    place = next(store.folder.glob("nodes/*/*"))
    np.savez(place / ARRAYS, score=np.array([{"a": 1}], dtype=object))
    description = json.loads((place / META).read_text())
    import hashlib

    description["files"][ARRAYS] = hashlib.sha256((place / ARRAYS).read_bytes()).hexdigest()
    (place / META).write_text(json.dumps(description))
    with pytest.raises(StoreError):
        store.read(FINGERPRINT)


@pytest.mark.parametrize("damage", ["change", "truncate", "delete", "meta"])
def test_damage_is_found_and_can_be_dropped(store, damage):
    write(store)
    place = next(store.folder.glob("nodes/*/*"))
    if damage == "change":
        content = bytearray((place / ARRAYS).read_bytes())
        content[len(content) // 2] ^= 1
        (place / ARRAYS).write_bytes(content)
    elif damage == "truncate":
        (place / ARRAYS).write_bytes(b"")
    elif damage == "delete":
        (place / ARRAYS).unlink()
    else:
        (place / META).write_text("{")
    with pytest.raises(StoreError, match="mia store gc"):
        store.read(FINGERPRINT)
    assert store.collect()[0] == 1
    assert FINGERPRINT not in store


def test_gc_keeps_good_work_and_living_drafts(store):
    write(store)
    living = store.folder / "unfinished" / f"{os.getpid()}-1"
    dead = store.folder / "unfinished" / "999999999-1"
    living.mkdir()
    dead.mkdir()
    assert store.collect() == (0, 0)
    assert FINGERPRINT in store and living.exists() and not dead.exists()


def test_gc_by_age_and_all(store):
    write(store)
    assert store.collect(older_than_days=1)[0] == 0
    meta = next(store.folder.glob(f"nodes/*/*/{META}"))
    os.utime(meta, (time.time() - 3 * 86400,) * 2)
    assert store.collect(older_than_days=1)[0] == 1
    write(store)
    assert store.collect(everything=True)[0] == 1


def _write_many(folder: Path) -> None:
    store = Store(folder)
    for i in range(30):
        write(store, f"{i:02x}" + "0" * 62)


def test_two_runs_may_write_the_same_nodes_at_once(store):
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_write_many, args=(store.folder,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    nodes = list(store.nodes())
    assert len(nodes) == 30
    for node in nodes:
        store.read(node.fingerprint)
    assert not list((store.folder / "unfinished").iterdir())


def test_an_unwritable_store_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="MIA_STORE"):
        Store(tmp_path / "file" / "store").prepare()
