"""Claims: by files that are made exclusively and refreshed, processes that share a folder tell who is at work on what.

A claim is free again when its process has ended, which only the same machine can tell, or when it was not refreshed for a while:
its machine is gone, or stands still. Whoever then goes on doubles work at worst, since finished work appears whole or not at all.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attacks.engine import owners

REFRESH_SECONDS = 20.0
EXPIRY_SECONDS = 600.0


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim what a path stands for and yield whether that succeeded; the claim ends with the block. Raises OSError."""
    mark = f"{owners.me()} {uuid.uuid4().hex}"
    mine = _take(path, mark)
    if mine:
        _refresher.add(path)
    try:
        yield mine
    finally:
        if mine:
            _refresher.remove(path)
            with suppress(OSError):
                # After it expired, it may be somebody else's.
                if path.read_text(encoding="utf-8") == mark:
                    path.unlink()


def holder(path: Path) -> str | None:
    """Return the name of the process that holds a claim, or None if it is free."""
    try:
        owner = path.read_text(encoding="utf-8").partition(" ")[0]
        # By the folder's own clock, which need not be ours; a clock that was set back must not make a claim eternal.
        old = abs(_now(path.parent) - path.stat().st_mtime) > EXPIRY_SECONDS
    except OSError:
        return None
    return None if old or owners.gone(owner) else owner


def _take(path: Path, mark: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and holder(path) is None:
        _drop(path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(mark)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _drop(path: Path) -> None:
    """Remove a claim that is free; one that somebody took in this moment is put back."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if holder(aside) is not None:
            aside.rename(path)
        aside.unlink(missing_ok=True)


def _now(folder: Path) -> float:
    """Return the time by the clock of a folder, or by ours where nothing can be written into it."""
    probe = folder / f".{uuid.uuid4().hex}"
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError:
        return time.time()
    return now


class _Refresher:
    """Refreshes the claims of this process, from a thread that ends with it."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, path: Path) -> None:
        with self._lock:
            self._paths.add(path)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="claims", daemon=True)
                self._thread.start()

    def remove(self, path: Path) -> None:
        with self._lock:
            self._paths.discard(path)

    def _run(self) -> None:
        while True:
            threading.Event().wait(REFRESH_SECONDS)
            with self._lock:
                for path in self._paths:
                    with suppress(OSError):
                        os.utime(path)


_refresher = _Refresher()
