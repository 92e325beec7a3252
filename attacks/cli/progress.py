"""Progress on the terminal: one bar a task, with the time left; plain lines where there is no terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bars:
    """Shows how far a run is. A task ends when the next one starts."""

    def __init__(self, console: Console):
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )
        self._stack: list[tuple[TaskID, str, int]] = []
        self._done: dict[TaskID, int] = {}
        self._said = time.monotonic()

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts; it ends by itself with the last part."""
        task = self._bars.add_task(what, total=total)
        self._stack.append((task, what, total))
        self._done[task] = 0

    def advance(self) -> None:
        """One part of the task that was begun last is done."""
        task, what, total = self._stack[-1]
        self._bars.advance(task)
        self._done[task] += 1
        finished = self._done[task] == total
        if not self._console.is_terminal and (finished or time.monotonic() - self._said > 10):
            self._console.print(f"{what}: {self._done[task]}/{total}")
            self._said = time.monotonic()
        if finished:
            self._stack.pop()
