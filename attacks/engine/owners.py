"""Who is at work: names of processes, by which unfinished work says whose it is, and whether such a process has ended."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from pathlib import Path


def me() -> str:
    """Return the name of this process: its machine, its number, and when it began, so that a number used again is another."""
    return _name(os.getpid())


def gone(owner: str) -> bool:
    """Return whether the process of this name has surely ended. Of one on another machine, or with no such name, nobody knows."""
    machine, _, rest = owner.partition("-")
    number, _, began = rest.partition("-")
    if machine != _machine() or not number.isdecimal():
        return False
    return not _runs(int(number)) or _began(int(number)) != began


@functools.cache
def _name(number: int) -> str:
    return f"{_machine()}-{number}-{_began(number)}"


@functools.cache
def _machine() -> str:
    """Return a short name of what numbers processes: the machine, or the container, where these number by themselves."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _status(number: int) -> list[str]:
    """Return what Linux says of a process behind its name, the third field first; nothing where that cannot be read."""
    try:
        # The name stands in brackets and may itself hold brackets and blanks.
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _began(number: int) -> str:
    """Return when a process began, by the machine's own count; 0 where that cannot be read."""
    status = _status(number)
    return status[19] if len(status) > 19 else "0"


def _runs(number: int) -> bool:
    if os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    # One that has ended, but whose parent has not asked how, still has its number.
    return _status(number)[:1] not in (["Z"], ["X"])
