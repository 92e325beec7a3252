"""What `mia store gc` drops and keeps, alone and beside running work."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from bad_disks import make_unwritable

from attacks.engine import owners
from attacks.engine.collection import Collected, collect
from attacks.engine.store import META, Store, StoreError

MODEL, STEP, ATTACK = (f"{letter}0" + "0" * 62 for letter in "abc")


@pytest.fixture
def store(tmp_path):
    """A model, a step that names it, and an attack, whose scores stand by themselves."""
    found = Store(tmp_path / "store")
    found.write(MODEL, "model", "shadow models", weights={"w": np.ones(3, np.float32)})
    found.write(STEP, "step", "shadow-models", meta={"models": [MODEL]}, inputs=[MODEL])
    found.write(ATTACK, "attack", "an-attack", arrays={"score": np.arange(3.0)})
    return found


def kept(store: Store) -> set[str]:
    return {node.fingerprint for node in store.nodes()}


def age(store: Store, fingerprint: str, days: float) -> None:
    os.utime(store.place(fingerprint) / META, (time.time() - days * 86400,) * 2)


def test_good_work_is_kept(store):
    assert collect(store) == Collected(0, 0, 0)
    assert kept(store) == {MODEL, STEP, ATTACK}


def test_nothing_is_made_where_there_is_no_store(tmp_path):
    assert collect(Store(tmp_path / "store")).dropped == 0 and not (tmp_path / "store").exists()


def test_what_names_a_dropped_node_goes_with_it(store):
    (store.place(MODEL) / "weights.safetensors").write_bytes(b"")
    assert collect(store).dropped == 2
    assert kept(store) == {ATTACK}


def test_work_older_than_some_days(store):
    age(store, STEP, 3)
    assert collect(store, 4).dropped == 0
    assert collect(store, 2).dropped == 1 and kept(store) == {MODEL, ATTACK}


def test_an_old_model_takes_a_younger_step_with_it(store):
    age(store, MODEL, 3)
    assert collect(store, 2).dropped == 2 and kept(store) == {ATTACK}


def test_everything(store):
    stray = store.place(MODEL).parent / "stray"
    stray.write_text("12345")
    found = collect(store, everything=True)
    assert found.dropped == 4 and found.bytes > 5 and store.places() == []
    assert collect(store, 0.0).dropped == 0


def test_strays_and_work_in_wrong_places_are_dropped(store):
    wrong = store.folder / "nodes" / "zz"
    wrong.mkdir()
    store.place(MODEL).rename(wrong / MODEL)
    assert collect(store).dropped == 2 and kept(store) == {ATTACK}


def test_drafts_are_dropped_unless_somebody_writes_them(store):
    living, dead = (store.folder / "unfinished" / f".draft-{owner}-0" for owner in (owners.me(), dead_process()))
    for draft in (living, dead):
        draft.mkdir()
        (draft / "arrays.npz").write_bytes(b"1234")
    assert collect(store) == Collected(0, 4, 0)
    assert living.exists() and not dead.exists()


def dead_process() -> str:
    machine, _, began = owners.me().split("-")
    return f"{machine}-999999999-{began}"


@pytest.mark.parametrize("what", [{"older_than_days": 0.0}, {"everything": True}], ids=["--older-than 0", "--all"])
def test_beside_a_run_what_is_whole_is_kept(store, what):
    (store.place(ATTACK) / "arrays.npz").write_bytes(b"")
    with store.in_use():
        found = collect(store, **what)
        assert (found.dropped, found.runs) == (1, 1) and kept(store) == {MODEL, STEP}
    assert collect(store, **what).dropped == 2


def test_a_run_that_was_killed_is_no_run(store):
    (store.folder / "running").mkdir(exist_ok=True)
    (store.folder / "running" / "0123").write_text(f"{dead_process()} 0")
    found = collect(store, everything=True)
    assert (found.dropped, found.runs) == (3, 0)


def test_a_run_waits_until_collection_has_ended(store, monkeypatch):
    """A run that starts while work is dropped must not rely on what is about to go."""
    seen = []

    def wait(seconds: float) -> None:
        seen.append(kept(store))
        collecting.__exit__(None, None, None)

    monkeypatch.setattr("attacks.engine.store.time.sleep", wait)
    collecting = store.alone()
    assert collecting.__enter__() == 0
    with store.in_use():
        assert seen == [{MODEL, STEP, ATTACK}]


def test_one_collects_at_a_time(store):
    with store.alone(), pytest.raises(StoreError, match="another `mia store gc` is at work"):
        collect(store)


def test_an_unwritable_store_is_one_sentence(store):
    make_unwritable(store)
    with pytest.raises(StoreError, match="cannot be written"):
        collect(store, everything=True)
    assert kept(store) == {MODEL, STEP, ATTACK}
