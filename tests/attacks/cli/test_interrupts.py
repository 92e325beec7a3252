"""Ctrl-C, SIGTERM and kill -9: one sentence, nothing finished is lost, nothing stands in the way of the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupts import start, wait_for

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.models.paths import SIZES
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
# Three blocks.
SIZE, MODELS = SIZES["mlp"], 3 * SIZES["mlp"]
RUN = ["run", "carlini-2022-lira", "--catalog", TINY, "--target", "tiny", "--set", f"shadow-models.count={MODELS}"]
TOLD = "interrupted. Finished work is kept; the same command goes on from there."


def finish(store: Path):
    """Do in this process what RUN asks for."""
    catalog = load([TINY])
    overrides = {"shadow-models": {"count": str(MODELS)}}
    plan = plans.make(catalog, catalog.target("tiny"), None, ["carlini-2022-lira"], overrides)
    return Engine(catalog, Store(store)).run(plan)


def pieces(store: Path) -> list[str]:
    return sorted(node.kind for node in Store(store).nodes() if node.kind in ("model", "block"))


def ended(process: subprocess.Popen[str], how: int) -> str:
    """Return what an interrupted command told; its exit code says what interrupted it, and it shows no traceback."""
    _, told = process.communicate(timeout=300)
    assert process.returncode == 128 + how and TOLD in told and "Traceback" not in told, told
    return told


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGKILL, id="kill -9", marks=pytest.mark.slow), pytest.param(signal.SIGINT, id="Ctrl-C")]
)
def test_interrupted_work_is_kept(tmp_path, how):
    process = start(tmp_path, "piece 4", *RUN)
    process.send_signal(how)
    if how == signal.SIGKILL:
        process.communicate(timeout=300)
    else:
        ended(process, how)
    assert pieces(tmp_path / "store") == ["block", "block", "model"], "the target and two blocks of shadow models"
    # A claim and a draft of the dead are in nobody's way.
    again = finish(tmp_path / "store")
    assert again.trained == SIZE, "no more was lost than the block in progress"
    assert again.scores["carlini-2022-lira"].tolist() == finish(tmp_path / "other").scores["carlini-2022-lira"].tolist()
    left = [path for folder in ("claims", "running", "unfinished") for path in (tmp_path / "store" / folder).iterdir()]
    assert left == [] or how == signal.SIGKILL


@pytest.mark.parametrize(
    ("module", "how"),
    [("typer", signal.SIGINT), ("rich", signal.SIGTERM), ("torch", signal.SIGINT)],
    ids=["typer", "rich, SIGTERM", "torch"],
)
def test_while_it_loads_it_leaves_at_once(tmp_path, module, how):
    process = start(tmp_path, f"import {module}", *RUN)
    process.send_signal(how)
    ended(process, how)
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_an_attack_in_progress_is_no_failed_attack(tmp_path):
    process = start(tmp_path, "attack 1", "run", "yeom-2018-gap", *RUN[2:6])
    process.send_signal(signal.SIGTERM)
    ended(process, signal.SIGTERM)
    assert not any((tmp_path / "mia-runs").rglob("*.*")), "nothing is reported, and no draft lies about"


@pytest.mark.slow
def test_workers_end_at_once(tmp_path):
    """They stand in the middle of a model, and would stand there for ever."""
    process = start(tmp_path, "piece 1", *RUN, "--workers", "2")
    workers = wait_for(tmp_path, process)
    process.send_signal(signal.SIGINT)
    ended(process, signal.SIGINT)
    assert_gone(workers)


@pytest.mark.slow
def test_ctrl_c_reaches_workers_that_have_just_begun(tmp_path):
    """In a terminal Ctrl-C goes to all processes at once; a worker that still loads must not answer with a traceback."""
    process = start(tmp_path, "worker", *RUN, "--workers", "2")
    workers = wait_for(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    ended(process, signal.SIGINT)
    assert_gone(workers)


@pytest.mark.slow
def test_workers_leave_with_their_coordinator(tmp_path):
    process = start(tmp_path, "piece 1", *RUN, "--workers", "2")
    workers = wait_for(tmp_path, process)
    process.kill()
    process.communicate(timeout=300)
    assert_gone(workers)
    assert finish(tmp_path / "store").trained == MODELS + 1


@pytest.mark.slow
def test_a_worker_that_is_ended_from_outside_is_one_sentence(tmp_path):
    """So does a system that runs out of memory; the target's entry is not to blame."""
    process = start(tmp_path, "piece 1", *RUN, "--workers", "2")
    os.kill(wait_for(tmp_path, process)[0], signal.SIGKILL)
    _, told = process.communicate(timeout=300)
    assert (
        process.returncode == 2 and "a worker was ended from outside" in told and "entry" not in told and "Traceback" not in told
    )


def assert_gone(numbers: list[int]) -> None:
    """Wait until processes have ended, which they do by themselves."""
    deadline = time.monotonic() + 300
    while any(map(alive, numbers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [number for number in numbers if alive(number)]


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
        status = Path(f"/proc/{number}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_who_asks_again_is_heard(tmp_path):
    """Taking back what is half done may hang; the second Ctrl-C does not wait for it."""
    program = (
        "import os, signal, sys, time\nfrom attacks.cli import interrupts\ninterrupts.heed()\n"
        "try:\n    with interrupts.working():\n        try:\n            os.kill(os.getpid(), signal.SIGINT)\n"
        "        finally:\n            os.kill(os.getpid(), signal.SIGINT)\n            print('hangs', flush=True)\n"
        "except interrupts.Interrupted as error:\n    sys.exit(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=heeding)
    assert done.returncode == 130 and done.stdout == "" and TOLD in done.stderr


def heeding() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_what_ignores_ctrl_c_goes_on_ignoring_it():
    """So does what a shell starts in the background."""
    program = (
        "import os, signal\nfrom attacks.cli import interrupts\ninterrupts.heed()\nos.kill(os.getpid(), signal.SIGINT)\n"
        "with interrupts.working():\n    os.kill(os.getpid(), signal.SIGINT)\nprint('done')\n"
    )

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=ignore)
    assert done.returncode == 0 and done.stdout == "done\n"
