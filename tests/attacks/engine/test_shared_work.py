"""Runs and the store that they share: what was dropped is made again, what is at work is left alone, nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bad_disks import files_end_at, make_unwritable
from interrupts import start

from attacks.audit import report
from attacks.engine import plan as plans
from attacks.engine.collection import collect
from attacks.engine.runner import Engine
from attacks.engine.store import META, Store, StoreError
from attacks.models.paths import SIZES
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
SIZE = SIZES["mlp"]
LIRA, RMIA = "carlini-2022-lira", "zarifzadeh-2024-rmia"
# Three blocks.
MODELS = 12
RUN = ["run", LIRA, "--catalog", TINY, "--target", "tiny", "--set", f"shadow-models.count={MODELS}"]


def run(store: Store, attack: str = LIRA):
    catalog = load([TINY])
    plan = plans.make(catalog, catalog.target("tiny"), None, [attack], {"shadow-models": {"count": str(MODELS)}})
    outcome = Engine(catalog, store).run(plan)
    assert not outcome.failures
    return outcome


def scores(outcome) -> list[float]:
    (found,) = outcome.scores.values()
    return found.tolist()


def nodes(store: Store, kind: str, name: str = "") -> list[Path]:
    return [node.folder for node in store.nodes() if node.kind == kind and node.name.startswith(name)]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


# -- dropped work -----------------------------------------------------------------------------------------------------------


def test_a_dropped_block_is_made_again(store):
    """The step that names it counts as absent, and no run is refused."""
    first = run(store)
    assert first.trained == MODELS + 1 and len(nodes(store, "block")) == MODELS // SIZE
    store.drop(nodes(store, "block")[1])
    for place in nodes(store, "attack"):
        store.drop(place)
    again = run(store)
    assert again.trained == SIZE and scores(again) == scores(first)


@pytest.mark.slow
def test_collection_by_age_does_no_damage(store):
    first, other = run(store), run(store, RMIA)
    for place in nodes(store, "model") + nodes(store, "block"):
        os.utime(place / META, (time.time() - 40 * 86400,) * 2)
    collect(store, older_than_days=30)
    assert (
        nodes(store, "model") == nodes(store, "block") == nodes(store, "step", "shadow-models") == []
        and len(nodes(store, "attack")) == 2
    )
    again = run(store)
    assert again.trained == 1 and scores(again) == scores(first), "its scores stand by themselves; only the target is asked"
    for place in nodes(store, "attack", RMIA):
        store.drop(place)
    more = run(store, RMIA)
    assert more.trained == MODELS and scores(more) == scores(other)


@pytest.mark.slow
def test_a_run_beside_which_all_is_dropped(store, tmp_path, mia):
    process = start(tmp_path, "piece 3", *RUN)
    beside = mia("store", "gc", "--all")
    assert beside.returncode == 1 and "a run is at work in this store" in beside.stderr and "0 nodes dropped" in beside.stdout
    assert len(nodes(store, "model")) == len(nodes(store, "block")) == 1
    process.kill()
    process.communicate()
    after = mia("store", "gc", "--all")
    assert after.returncode == 0 and not after.stderr and store.places() == []


def test_all_of_an_unwritable_store_is_one_sentence(store, mia):
    run(store)
    make_unwritable(store)
    done = mia("store", "gc", "--all")
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


# -- disks ------------------------------------------------------------------------------------------------------------------


def test_whoever_trains_nothing_needs_not_write(store):
    first = run(store)
    make_unwritable(store)
    again = run(Store(store.folder))
    assert again.trained == 0 and scores(again) == scores(first)
    with pytest.raises(StoreError, match="MIA_STORE"):
        run(Store(store.folder), RMIA)


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_no_fault_of_the_entry(store, tmp_path):
    def little_room() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    settings = {**os.environ, "MIA_STORE": str(store.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "attacks.cli", *map(str, RUN)]
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, preexec_fn=little_room)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"the store {store.folder} cannot be written (File too large)" in done.stderr and "entry" not in done.stderr
    assert list((store.folder / "unfinished").iterdir()) == []


@pytest.mark.slow
def test_a_report_is_written_whole_or_not_at_all(store, tmp_path, monkeypatch):
    outcome, folder = run(store), tmp_path / "out"
    report.prepare(folder)
    report.write_run(outcome, folder, "mia run", load())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {"report.html", "results.json", "roc.png", "scores.npz"}
    with np.load(folder / "scores.npz") as found:
        assert found[LIRA].tolist() == scores(outcome) and found["member"].sum() == 120
    outcome.trained = 77
    with files_end_at(1500), pytest.raises(InputError, match="cannot be written"):
        report.write_run(outcome, folder, "mia run", load())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    order, plain = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, path: (order.append(path.name), plain(self, path))[1])
    report.write_run(outcome, folder, "mia run", load())
    assert order[-1] == "results.json" and json.loads((folder / "results.json").read_text())["trained"] == 77


def test_drafts_of_a_report_that_was_killed_are_swept(tmp_path):
    draft = tmp_path / f".draft-{killed()}-{'0' * 32}"
    draft.write_text("half")
    report.prepare(tmp_path)
    assert not draft.exists()


def killed() -> str:
    """The name of a process that has ended."""
    program = "from attacks.engine import owners; print(owners.me())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


# -- two runs at once -------------------------------------------------------------------------------------------------------


def trained(process: subprocess.Popen[str]) -> int:
    printed, told = process.communicate()
    assert process.returncode == 0, told
    return json.loads(printed)["trained"]


def begin(folder: Path, store: Store, *more: str) -> subprocess.Popen[str]:
    folder.mkdir()
    settings = {**os.environ, "MIA_STORE": str(store.folder)}
    command = [sys.executable, "-m", "attacks.cli", *map(str, RUN), "--json", *more]
    return subprocess.Popen(command, cwd=folder, env=settings, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_what_another_run_is_at_is_waited_for_and_taken_over_if_it_dies(store, tmp_path):
    """The first stands in the middle of a block; the second trains the others, and that one only once the first is gone."""
    first = start(tmp_path, "piece 3", *RUN)
    second = begin(tmp_path / "second", store)
    while len(nodes(store, "block")) < 2:
        assert second.poll() is None, second.communicate()
        time.sleep(0.05)
    time.sleep(1)
    assert second.poll() is None and len(nodes(store, "block")) == 2
    first.kill()
    first.communicate()
    assert trained(second) == 2 * SIZE


@pytest.mark.slow
def test_two_runs_train_each_model_once(store, tmp_path):
    runs = [begin(tmp_path / name, store, "--workers", "2") for name in ("first", "second")]
    assert sum(map(trained, runs)) == MODELS + 1
    found = [np.load(tmp_path / name / "mia-runs" / "tiny-seed-0" / "scores.npz")[LIRA].tolist() for name in ("first", "second")]
    assert found[0] == found[1]
