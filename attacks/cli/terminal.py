"""What stands behind the command's output: a pipe that is closed, a disk that is full, a terminal that knows no UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

# Where results go if other things that are printed do not go there.
_results: list[TextIO] = []


class _Out(io.FileIO):
    """A file that stays quiet when nobody reads it any more, as in `mia attacks | head`: the command goes on to its end."""

    problem = ""

    def write(self, data: object, /) -> int:
        """Write, or remember why that is not possible and write to nowhere from now on."""
        view = memoryview(data)  # type: ignore[arg-type]
        try:
            return super().write(view)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.problem = error.strerror or str(error)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return view.nbytes


def results_alone() -> None:
    """Let nothing but results reach stdout: what anything else prints, as code of the user's own may, goes to stderr."""
    if not _results:
        _results.append(sys.stdout)
        sys.stdout = sys.stderr


def results() -> TextIO:
    """Return where results go."""
    return _results[0] if _results else sys.stdout


def knows_utf8(stream: TextIO) -> bool:
    """Whether a stream can show every character."""
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def prepare() -> list[_Out]:
    """Let stdout and stderr bear what stands behind them; return the files whose problems are to be told at the end.

    What an encoding cannot show becomes a question mark. Where a stream was replaced, as by a test, nothing is done.
    """
    made = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed, as by `>&-`
            setattr(sys, name, io.StringIO())
            continue
        try:
            raw = _Out(stream.fileno(), "wb", closefd=False)
        except (AttributeError, OSError):
            continue
        errors = "backslashreplace" if knows_utf8(stream) else "replace"
        lines = name == "stderr" or raw.isatty()
        setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, errors, line_buffering=lines))
        made.append(raw)
    return made
