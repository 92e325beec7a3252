"""The line to blame for a failure: the contributor's own where there is one, not the innermost frame of a library."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Sequence
from concurrent.futures.process import _RemoteTraceback
from pathlib import Path

from attacks.engine.code import Code
from attacks.handles import AttackError, wrong_calls
from taxonomy.findings import printable, relative

# Longer lines of source are not shown.
SHOWN = 100
FRAME = re.compile(r'^  File "(.+)", line (\d+), in (\S+)', re.MULTILINE)


def told(error: BaseException, code: Code) -> str:
    """Return an error as one sentence: type, message, what a wrong call could have been, and the line to blame.

    An AttackError explains itself; it has a line only where code that is not ours called what raised it.
    """
    raised = [*traceback.extract_tb(error.__traceback__), *_elsewhere(error)]
    frames = [frame for frame in raised if frame.filename != wrong_calls.__file__]
    theirs = _innermost(frames, code.homes(own=False))
    if isinstance(error, AttackError):
        return f"{one_line(error)}{_place(theirs, code)}" if theirs and theirs is not frames[-1] else one_line(error)
    blamed = theirs or _unparsed(error, code) or _innermost(frames, code.homes(own=True)) or (frames[-1] if frames else None)
    said = one_line(error.msg if isinstance(error, SyntaxError) else error)
    return f"{type(error).__name__}: {said}{wrong_calls.hint(error)}{_place(blamed, code) if blamed else ' (unknown place)'}"


def _elsewhere(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of another process in which the error was raised, as that process told them in text."""
    told = str(error.__cause__) if isinstance(error.__cause__, _RemoteTraceback) else ""
    return [traceback.FrameSummary(file, int(line), name) for file, line, name in FRAME.findall(told)]


def one_line(said: object) -> str:
    """Return what is said in one line: libraries, and code of users, say things in several."""
    return printable(" ".join(str(said).split()))


def _unparsed(error: BaseException, code: Code) -> traceback.FrameSummary | None:
    """Return the line that is no Python, in a file of theirs: it was never run, so no frame of the failure is in it."""
    if not isinstance(error, SyntaxError) or error.filename is None:
        return None
    return _innermost([traceback.FrameSummary(error.filename, error.lineno, "")], code.homes(own=False))


def _innermost(frames: Sequence[traceback.FrameSummary], homes: Sequence[Path]) -> traceback.FrameSummary | None:
    """Return the innermost frame that lies in one of these folders or files."""
    inside = (f for f in reversed(frames) if any(Path(f.filename).resolve().is_relative_to(home) for home in homes))
    return next(inside, None)


def _place(frame: traceback.FrameSummary, code: Code) -> str:
    """Return file and line of a frame, with its text where that is short."""
    text = linecache.getline(frame.filename, frame.lineno or 0).strip()
    return f" ({_shown(Path(frame.filename), code)}:{frame.lineno})" + (
        f", in `{printable(text)}`" if 0 < len(text) <= SHOWN else ""
    )


def _shown(path: Path, code: Code) -> str:
    """Return a path below the working folder, or below what its package lies in, or below where libraries lie."""
    libraries = [folder for folder in path.parents if folder.name in ("site-packages", "dist-packages")]
    near = relative(path)
    if not Path(near).is_absolute() and not libraries:
        return near
    packages = [home.parent for own in (False, True) for home in code.homes(own=own)]
    for folder in (*libraries, *packages):
        if path.resolve().is_relative_to(folder):
            return printable(str(path.resolve().relative_to(folder)))
    return printable(path.name)
