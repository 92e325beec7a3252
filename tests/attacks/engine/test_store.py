"""The store: whole nodes or none, safe formats, damage found, full disks, readers that may not write."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_disks import files_end_at, make_unwritable

from attacks.engine.store import ARRAYS, META, WEIGHTS, Store, StoreError, default_folder
from attacks.models.architectures import Estimator
from attacks.seeds import digest

FINGERPRINT, OTHER = "ab" + "0" * 62, "cd" + "0" * 62


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def write(store: Store, fingerprint: str = FINGERPRINT, **more) -> None:
    parts = {"meta": {"cut": 0.25}, "arrays": {"score": np.arange(3.0)}, "weights": {"w": np.ones((2, 2), np.float32)}}
    store.write(fingerprint, "attack", "an-attack", **{**parts, **more})


def test_what_is_written_is_read_back(store):
    assert FINGERPRINT not in store
    write(store, meta={"cut": None, "of": {2: "two", 10: "ten"}, "nan": float("nan")})
    meta, arrays, weights = store.read(FINGERPRINT)
    assert meta["cut"] is None and meta["of"] == {"2": "two", "10": "ten"} and np.isnan(meta["nan"])
    assert arrays["score"].tolist() == [0, 1, 2] and weights["w"].shape == (2, 2)
    assert [(n.kind, n.name) for n in store.nodes()] == [("attack", "an-attack")]


def test_mapped_arrays_stay_on_disk(store):
    store.write(FINGERPRINT, "answers", "x", mapped=np.arange(6.0).reshape(2, 3))
    assert isinstance(store.map(FINGERPRINT), np.memmap) and store.map(FINGERPRINT)[1, 2] == 5
    (place,) = store.folder.glob("nodes/*/*/mapped.npy")
    place.write_bytes(b"damaged")
    for read in (Store(store.folder).map, Store(store.folder).read):
        with pytest.raises(StoreError, match="mia store gc"):
            read(FINGERPRINT)


def test_only_safe_formats(store):
    write(store)
    names = {path.name for path in store.folder.rglob("*") if path.is_file()}
    assert names == {"node.json", "arrays.npz", "weights.safetensors", "CACHEDIR.TAG"}


def change(place: Path, alter, *, seal: bool = False) -> None:
    """Alter a node's description; with `seal`, give it the hash that belongs to it."""
    description = json.loads((place / META).read_text())
    alter(description)
    if seal:
        description.pop("hash")
        description["hash"] = digest(description)
    (place / META).write_text(json.dumps(description))


def test_pickles_are_not_loaded(store):
    write(store)
    place = store.place(FINGERPRINT)
    np.savez(place / ARRAYS, score=np.array([{"a": 1}], dtype=object))
    found = hashlib.sha256((place / ARRAYS).read_bytes()).hexdigest()
    change(place, lambda d: d["files"].update({ARRAYS: found}), seal=True)
    with pytest.raises(StoreError, match="allow_pickle"):
        store.read(FINGERPRINT)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit": lambda place: flip(place / ARRAYS),
    "a flipped bit in the weights": lambda place: flip(place / WEIGHTS),
    "an empty file": lambda place: (place / ARRAYS).write_bytes(b""),
    "a file gone": lambda place: (place / ARRAYS).unlink(),
    "half a description": lambda place: (place / META).write_text("{"),
    "a list for a description": lambda place: (place / META).write_text("[1, 2]"),
    "a deep description": lambda place: (place / META).write_text("[" * 100_000),
    "a description that is no text": lambda place: (place / META).write_bytes(b"\xff\xfe"),
    "a digit of the meta data": lambda place: change(place, lambda d: d["meta"].update(cut=0.26)),
    "no files": lambda place: change(place, lambda d: d.update(files={})),
    "another name": lambda place: change(place, lambda d: d.update(fingerprint=OTHER)),
    "inputs that it has not": lambda place: change(place, lambda d: d.update(inputs=[])),
    "no hash": lambda place: change(place, lambda d: d.pop("hash")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_never_used(store, damage):
    write(store, OTHER)
    write(store, inputs=[OTHER])
    DAMAGE[damage](store.place(FINGERPRINT))
    assert FINGERPRINT in store, "it is there, and damaged: making it anew in silence would hide a failing disk"
    with pytest.raises(StoreError, match="mia store gc"):
        store.read(FINGERPRINT)
    assert store.examined(store.place(FINGERPRINT)) is None
    assert store.typical_seconds({"epochs": 3}) is None, "whoever looks through the store passes it over"


def test_nodes_in_each_others_places_are_not_used(store):
    write(store)
    write(store, OTHER, arrays={"score": np.zeros(3)})
    one, other, aside = store.place(FINGERPRINT), store.place(OTHER), store.folder / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    for fingerprint in (FINGERPRINT, OTHER):
        with pytest.raises(StoreError, match="other work"):
            store.read(fingerprint)
    assert list(store.nodes()) == []


def test_a_node_whose_inputs_are_gone_is_absent(store):
    write(store, OTHER)
    write(store, inputs=[OTHER])
    assert FINGERPRINT in store
    store.drop(store.place(OTHER))
    assert FINGERPRINT not in store
    write(store, arrays={"score": np.zeros(3)}, inputs=[])
    assert store.read(FINGERPRINT)[1]["score"].tolist() == [0, 0, 0], "what is made anew takes the place"


def test_what_is_half_there_makes_way(store):
    write(store)
    (store.place(FINGERPRINT) / META).unlink()
    assert FINGERPRINT not in store
    write(store)
    assert store.read(FINGERPRINT)[0] == {"cut": 0.25}


def test_what_was_taken_away_is_not_called_damaged(store):
    with pytest.raises(StoreError, match="no longer there"):
        store.read(FINGERPRINT)


def _write_many(folder: Path) -> None:
    store = Store(folder)
    for i in range(30):
        write(store, f"{i:02x}" + "0" * 62)


@pytest.mark.slow
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


# -- full disks, and folders that cannot be written -------------------------------------------------------------------------


LARGE = np.zeros((200, 1000))


@pytest.mark.parametrize("part", ["arrays", "weights", "mapped", "meta"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(store, part):
    whole = {"mapped": LARGE, "meta": {"long": "x" * LARGE.nbytes}}.get(part, {"large": LARGE})
    with files_end_at(100_000), pytest.raises(StoreError, match=r"the store .* cannot be written .*MIA_STORE"):
        store.write(FINGERPRINT, "model", "target", **{part: whole})
    assert FINGERPRINT not in store and not list((store.folder / "unfinished").iterdir())
    write(store)
    assert FINGERPRINT in store


def test_an_error_in_between_leaves_no_draft(store):
    with pytest.raises(ValueError):
        store.write(FINGERPRINT, "model", "target", mapped=np.array([{}], dtype=object))
    assert not list((store.folder / "unfinished").iterdir())


def test_an_unwritable_store_is_one_sentence(store, tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = Store(tmp_path / "file" / "store")
    assert FINGERPRINT not in nowhere and list(nowhere.nodes()) == []
    with nowhere.in_use():  # whoever only reads is not kept from it
        pass
    write(store)
    make_unwritable(store)
    for found in (nowhere, store):
        with pytest.raises(StoreError, match="MIA_STORE"):
            found.once(OTHER, lambda: pytest.fail("it is found out before any work is done"))
        with pytest.raises(StoreError, match="MIA_STORE"):
            write(found, OTHER)
    assert store.read(FINGERPRINT)[0] == {"cut": 0.25}


def test_a_forest_is_stored_where_the_clock_stands_before_1980(store, monkeypatch):
    """Zip archives, as which estimators are kept, know no earlier year."""
    monkeypatch.setattr("time.time", lambda: 0.0)
    x, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    for name in ("random-forest", "decision-tree", "logistic-regression"):
        fitted, again = Estimator(name, 2), Estimator(name, 2)
        fitted.fit(x, y, 0)
        fingerprint = name.encode().hex().ljust(64, "0")
        store.write(fingerprint, "model", name, weights={key: value.numpy() for key, value in fitted.state_dict().items()})
        weights = store.read(fingerprint)[2]
        again.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        assert torch.equal(again(x), fitted(x))
        assert again.state_dict()["skops"].numpy().tobytes() == weights["skops"].tobytes(), "parameters are what was stored"


def test_the_folder_may_start_with_a_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIA_STORE", "~/work")
    assert default_folder() == tmp_path / "work"
    monkeypatch.setenv("MIA_STORE", "~nobody-of-this-name/work")
    with pytest.raises(StoreError, match="no such home folder"):
        default_folder()


# -- how long training takes ------------------------------------------------------------------------------------------------


def test_typical_seconds_are_those_of_what_was_trained(store):
    recipe = {"epochs": 3, "hidden": [4]}
    for k, seconds in enumerate((1.0, 3.0, 8.0)):
        store.write(f"a{k}" + "0" * 62, "model", "target", meta={"recipe": recipe, "seconds": seconds})
    # Layers that stand in for hidden ones have a recipe too, and an attack its seconds.
    store.write("b0" + "0" * 62, "step", "stand-in-layers", meta={"recipe": recipe})
    store.write("b1" + "0" * 62, "attack", "an-attack", meta={"seconds": 70.0})
    assert store.typical_seconds({"epochs": 3, "data": "digits"}) == 3.0
    assert store.typical_seconds({"epochs": 4}) is None
