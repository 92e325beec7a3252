"""What a process does that a test will interrupt."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Let Ctrl-C end this process, also where the tests were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
