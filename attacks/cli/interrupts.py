"""Ctrl-C, and the request to end that other programs send (SIGTERM): both are told in a sentence, and lose nothing finished.

As long as a command only loads and looks up, it leaves at once, wherever it stands: an exception could come up amid an
import, where libraries turn it into errors of their own. Once it works, an exception lets it take back what it has half done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TOLD = "mia: interrupted. Finished work is kept; the same command goes on from there."
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asks this process to end; `code` is the exit code that tells so."""

    def __init__(self, number: int):
        super().__init__()
        self.code = 128 + number


def heed() -> None:
    """Let this process leave when it is asked to, with one sentence. Signals that it was told to ignore it goes on to ignore."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


@contextmanager
def working() -> Iterator[None]:
    """Raise Interrupted inside this block, rather than leave."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number in SIGNALS if before[number] is _leave]
    try:
        for number in heeded:
            signal.signal(number, _raise)
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{TOLD}\n".encode())
    os._exit(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    # Who asks again does not want to wait for what is taken back.
    signal.signal(number, _leave)
    raise Interrupted(number)
