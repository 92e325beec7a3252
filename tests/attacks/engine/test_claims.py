"""Claims and drafts: work in progress is done once, and what a dead process leaves behind stands in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from attacks.engine import claims, drafts, owners
from attacks.engine.claims import claimed, holder
from attacks.engine.store import Store
from taxonomy.findings import InputError

FINGERPRINT = "ab" + "0" * 62
# A process that prints its name and waits to be told to end.
WAITING = "import sys; from attacks.engine import owners; print(owners.me(), flush=True); sys.stdin.read()"


@pytest.fixture
def other():
    """Another process, and its name."""
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def hold(path: Path, owner: str, age: float = 0) -> None:
    """Leave a claim of some process that was last refreshed so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{owner} of-old")
    os.utime(path, (time.time() - age,) * 2)


def test_processes_are_told_apart(other):
    process, name = other
    assert name != owners.me() and not owners.gone(name) and not owners.gone(owners.me())
    machine, number, began = name.split("-")
    assert owners.gone(f"{machine}-999999999-{began}")
    if Path("/proc/self/stat").exists():
        assert owners.gone(f"{machine}-{number}-{int(began) + 1}"), "its number is in use again, by another process"
    assert not owners.gone(f"0{machine[:-1]}-999999999-{began}"), "of another machine nobody knows"
    assert not owners.gone("") and not owners.gone("a b-c")
    process.kill()
    while process.poll() is None and not owners.gone(name):  # also before anybody asks how it ended
        time.sleep(0.01)
    assert owners.gone(name)


def test_only_one_holds_a_claim(tmp_path):
    path = tmp_path / "claims" / "work"
    with claimed(path) as mine:
        assert mine and holder(path) == owners.me()
        with claimed(path) as second:
            assert not second
        assert path.exists(), "who did not get it does not end it"
    assert not path.exists() and holder(path) is None


def test_a_claim_ends_with_an_error(tmp_path):
    with pytest.raises(RuntimeError), claimed(tmp_path / "work"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_whose_process_ended_holds_nothing(tmp_path, other):
    process, name = other
    hold(tmp_path / "work", name)
    with claimed(tmp_path / "work") as mine:
        assert not mine
    process.kill()
    process.wait()
    with claimed(tmp_path / "work") as mine:
        assert mine


@pytest.mark.parametrize("age", [claims.EXPIRY_SECONDS + 60, -claims.EXPIRY_SECONDS - 60], ids=["old", "clock set back"])
def test_who_shows_no_sign_of_life_holds_nothing(tmp_path, age, other):
    path = tmp_path / "work"
    for name in ("0000-1-1", other[1], ""):
        hold(path, name)
        assert holder(path) == name
        hold(path, name, age)
        assert holder(path) is None
        with claimed(path) as mine:
            assert mine and holder(path) == owners.me()


def test_a_living_claim_is_refreshed(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(claims, "_refresher", claims._Refresher())
    path = tmp_path / "work"
    with claimed(path):
        os.utime(path, (1000, 1000))
        while path.stat().st_mtime == 1000:
            time.sleep(0.01)


def test_what_expired_and_was_taken_over_is_left_alone(tmp_path):
    path = tmp_path / "work"
    with claimed(path):
        hold(path, "0000-1-1")
    assert holder(path) == "0000-1-1"


def test_work_is_done_once(tmp_path):
    """Who comes second waits, and finds it done."""
    store, calls = Store(tmp_path), []
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        go_on.wait()
        calls.append("first")
        store.write(FINGERPRINT, "step", "a step")

    first = threading.Thread(target=lambda: store.once(FINGERPRINT, slowly))
    first.start()
    begun.wait()
    assert store.is_claimed(FINGERPRINT)
    threading.Timer(0.1, go_on.set).start()
    assert not Store(tmp_path).once(FINGERPRINT, lambda: calls.append("second"))
    first.join()
    assert calls == ["first"] and not store.is_claimed(FINGERPRINT)


def test_work_that_failed_is_done_by_the_next(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError):
        store.once(FINGERPRINT, lambda: 1 / 0)
    assert store.once(FINGERPRINT, lambda: store.write(FINGERPRINT, "step", "a step"))


# -- drafts -----------------------------------------------------------------------------------------------------------------


def test_files_are_written_all_or_none(tmp_path):
    (tmp_path / "a").write_text("before")
    with pytest.raises(InputError, match="b cannot be written"):
        drafts.replace({tmp_path / "missing" / "b": b"1", tmp_path / "a": b"2"})
    assert (tmp_path / "a").read_text() == "before"
    drafts.replace({tmp_path / "a": b"1", tmp_path / "c": b"2"})
    assert (tmp_path / "a").read_bytes() == b"1" and (tmp_path / "c").read_bytes() == b"2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_drafts_of_the_dead_are_swept(tmp_path, other):
    process, name = other
    for owner in (name, owners.me(), "0000-1-1"):
        (tmp_path / f".draft-{owner}-{'0' * 32}").write_text("four")
    old = tmp_path / f".draft-0000-1-2-{'0' * 32}"
    old.write_text("four")
    os.utime(old, (time.time() - 2 * drafts.ABANDONED_SECONDS,) * 2)
    (tmp_path / "report.html").write_text("")
    assert drafts.sweep(tmp_path) == 4 and len(list(tmp_path.iterdir())) == 4
    process.kill()
    process.wait()
    assert drafts.sweep(tmp_path) == 4
    assert {path.name for path in tmp_path.iterdir()} == {
        f".draft-{owners.me()}-{'0' * 32}",
        f".draft-0000-1-1-{'0' * 32}",
        "report.html",
    }
