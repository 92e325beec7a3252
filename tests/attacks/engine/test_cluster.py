"""A Dask cluster does what this process does, to the last bit; a lost worker costs its task; what cannot work is told at once."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import dask_processes
import pytest

from attacks.engine import cluster as clusters
from attacks.engine import dask_worker
from attacks.engine import plan as plans
from attacks.engine.cluster import Cluster
from attacks.engine.dask_worker import CODE, Home, Seen, WorkerError
from attacks.engine.executors import executor
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError
from attacks.models.paths import SIZES
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
# Attacks on scores, two of which share their models, and one whose step trains a model of its own.
NAMES = ["carlini-2022-lira", "shokri-2017", "yeom-2018-loss", "li-2021-transfer"]
MODELS = 3 * SIZES["mlp"]


def run(store: Path, names=NAMES, dask=None):
    catalog = load([TINY])
    plan = plans.make(catalog, catalog.target("tiny"), None, names, {"shadow-models": {"count": str(MODELS)}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIA_STORE", str(store))
        with executor(1, dask) as pool:
            return Engine(catalog, Store(store), executor=pool).run(plan)


def found(outcome):
    assert not outcome.failures, outcome.failures
    figures = ({k: v for k, v in result.items() if k not in ("seconds", "trained")} for result in outcome.results)
    return list(figures), {name: score.tobytes() for name, score in outcome.scores.items()}


@pytest.fixture
def dask(tmp_path):
    with dask_processes.processes(tmp_path) as started:
        yield started


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_task_and_nothing_else(dask, tmp_path):
    standing = tmp_path / "standing"
    standing.mkdir()
    lost = dask.worker("--preload", dask_processes.__file__, MIA_TEST_STANDING=str(standing))
    dask.wait_for(1)
    outcomes = []
    at_work = threading.Thread(target=lambda: outcomes.append(run(tmp_path / "store", dask=dask.address)))
    at_work.start()
    while not any(standing.iterdir()):
        assert at_work.is_alive() and lost.poll() is None, dask.told
        time.sleep(0.05)
    dask.worker()
    dask.wait_for(2)
    lost.kill()
    at_work.join()
    (outcome,) = outcomes
    at_home = run(tmp_path / "home")
    assert found(outcome) == found(at_home)
    # What the dead worker had asked others to train, the next attempt at its attack finds in the store.
    assert 0 < outcome.trained <= at_home.trained <= outcome.trained + outcome.reused
    kinds = [sorted(node.fingerprint for node in Store(tmp_path / place).nodes()) for place in ("store", "home")]
    assert kinds[0] == kinds[1], "the store holds the same work under the same names"
    again = run(tmp_path / "store", dask=dask.address)
    assert again.trained == 0 and found(again) == found(outcome)


@pytest.mark.slow
def test_workers_that_would_do_something_else_are_told_before_anything_is_done(dask, mia, tmp_path):
    command = ["run", "yeom-2018-loss", "--catalog", TINY, "--target", "tiny", "--dask", dask.address]
    assert "the cluster has no workers; `dask worker" in refused(mia(*command), tmp_path)
    dask.worker("--nthreads", "2")
    dask.wait_for(1)
    assert "runs 2 tasks at once in one process" in refused(mia(*command), tmp_path)


@pytest.mark.slow
def test_with_an_accelerator_asked_for_only_workers_that_offer_one_are_asked(dask, tmp_path):
    dask.worker()
    dask.wait_for(1)
    with pytest.raises(InputError, match=r"no worker of the Dask cluster .* offers the resource GPU"):
        executor(1, dask.address, device="cuda").__enter__()
    marked = dask.worker("--resources", "GPU=1")
    dask.wait_for(2)
    with clusters.cluster(dask.address, store=tmp_path / "store", device="cuda") as pool:
        assert {call.result() for call in [pool.submit(os.getpid) for _ in range(6)]} == {marked.pid}
        with pytest.raises(InputError, match="cannot go on: the store is full"):
            pool.named("name", dask_processes.refuse).result()


# -- what cannot work ------------------------------------------------------------------------------------------------------


def refused(done, folder: Path) -> str:
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert not (folder / "mia-runs").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "expected the address of a scheduler"),
        ("cluster", "missing port number in address 'cluster'; expected the address of a scheduler"),
        ("https://127.0.0.1:1", "unknown address scheme 'https'"),
        ("127.0.0.1:1", "no Dask scheduler answers there; `dask scheduler` starts one"),
    ],
)
def test_a_wrong_address_is_one_sentence(mia, tmp_path, monkeypatch, address, told):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1.0)
    command = ["run", "yeom-2018-loss", "--catalog", TINY, "--target", "tiny", "--dask", address]
    assert told in refused(mia(*command), tmp_path)


def test_what_accepts_connections_and_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(InputError, match="no Dask scheduler answers there"):
        executor(1, f"127.0.0.1:{silent.getsockname()[1]}").__enter__()


def test_without_the_package_one_sentence_says_how_to_get_it(mia, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = refused(mia("run", "--dask", "127.0.0.1:8786"), tmp_path)
    assert 'pip install "mia-atlas[dask]"' in told


@pytest.mark.parametrize("command", ["run", "bench"])
def test_a_cluster_has_its_own_workers(mia, tmp_path, command):
    done = mia(command, "yeom-2018-loss", "--dask", "127.0.0.1:8786", "--workers", "2", "--out", tmp_path / "mia-runs")
    assert "leave one of the two out" in done.stderr.splitlines()[-1] and done.returncode == 2
    assert not (tmp_path / "mia-runs").exists()


HERE = {"torch": "2.13.0+cpu", "python": "3.11", CODE: "0123"}


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Seen({**HERE, "torch": "2.9.0"}, 1), "has torch 2.9.0, but here is 2.13.0+cpu"),
        (Seen({**HERE, CODE: "4567"}, 1), "runs other code than this process"),
        (Seen(HERE, 8), "start it with --nthreads 1"),
        (Seen(HERE, 1, store="does not see the store /here that this process uses"), "does not see the store /here"),
        (
            ModuleNotFoundError("No module named 'attacks'"),
            "does not run this version of MIA Atlas (ModuleNotFoundError: No module named 'attacks')",
        ),
        (InputError("--trust-code /mine: no such folder"), "no such folder; a folder must be there under the same path"),
    ],
)
def test_why_a_worker_is_not_what_is_asked_for(seen, told):
    home = Home(Path("/here"), (), HERE, "me")
    assert dask_worker.problem(home, Seen(HERE, 1)) is None
    assert told in str(dask_worker.problem(home, seen))


def test_a_worker_sees_whether_the_store_is_the_same(tmp_path):
    home = Home(tmp_path / "store", (), {}, "me")
    with home.marked() as mark:
        assert dask_worker._store(home, mark) is None
        assert "does not see the store" in dask_worker._store(home, tmp_path / "elsewhere" / mark.name)
    assert not any((tmp_path / "store" / "unfinished").iterdir())


def test_calls_of_one_name_with_other_stores_are_other_calls(tmp_path):
    home = Home(tmp_path, (), HERE, "me")
    assert home.name == replace(home, asker="you").name != replace(home, store=tmp_path / "other").name


def test_changed_code_is_other_code(tmp_path):
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    before = dask_worker.Code((tmp_path,)).text
    (tmp_path / "mine.py").write_text("def f():\n    return 2\n")
    assert dask_worker.Code((tmp_path,)).text != before != dask_worker.Code().text


class Lost:
    """A client whose tasks come to nothing."""

    def __init__(self, error: BaseException):
        self.error, self.status = error, "closed" if error.args == ("Client is closed",) else "running"

    def submit(self, *arguments, **options):
        return self

    def result(self):
        raise self.error


def killed():
    from distributed.scheduler import KilledWorker

    return KilledWorker("key", None, 3)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (killed, AttackError, "4 Dask workers died one after the other at the same task"),
        (CancelledError, InputError, "the Dask scheduler is gone; finished work is kept"),
        (lambda: RuntimeError("Client is closed"), InputError, "the Dask scheduler is gone; finished work is kept"),
        (lambda: RuntimeError("shapes differ"), RuntimeError, "^shapes differ$"),
        (lambda: WorkerError("the Dask worker has no torch"), InputError, "the Dask worker has no torch"),
        (lambda: AttackError("a model diverged"), AttackError, "^a model diverged$"),
    ],
)
def test_what_becomes_of_lost_tasks_is_told_in_a_sentence(error, kind, told):
    pool = Cluster(Lost(error()), Home(Path(), (), {}, "me"))
    with pytest.raises(kind, match=told):
        pool.named("name", dask_processes.refuse).result()
