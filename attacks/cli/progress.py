"""Progress on the terminal: one bar a task, with its rate and the time left; plain lines where there is no terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

# How many seconds lie between two plain lines at least.
QUIET = 10


@dataclass
class Course:
    """How far a task is: its parts, and when it began and when its last part was done, in seconds of one clock."""

    what: str
    total: int
    begun: float
    done: int = 0
    last: float = 0.0

    def advance(self, now: float) -> None:
        """One part is done."""
        self.done += 1
        self.last = now

    def told(self, now: float) -> str:
        """Return the rate and the time left in words, or how long all of it took; nothing before the first part is done."""
        if not self.done:
            return ""
        each = (self.last - self.begun) / self.done
        rate = f"{each:.1f} s each" if each >= 1 else f"{min(1 / each, 999):.1f} a second" if each else ""
        if self.done >= self.total:
            return ", ".join(filter(None, [rate, f"{_clock(self.last - self.begun)} in all"]))
        left = max(0.0, each * (self.total - self.done) - (now - self.last))
        return ", ".join(filter(None, [rate, f"{_clock(left)} left"]))


def _clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


class Bars:
    """Shows how far a run is. A task ends when the next one starts."""

    def __init__(self, console: Console):
        self._console = console
        self._courses: dict[TaskID, Course] = {}
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Told(self._courses), console=console
        )
        self._stack: list[TaskID] = []
        self._said = time.monotonic()

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts; it ends by itself with the last part."""
        task = self._bars.add_task(what, total=total)
        self._courses[task] = Course(what, total, time.monotonic())
        self._stack.append(task)

    def advance(self) -> None:
        """One part of the task that was begun last is done."""
        task, now = self._stack[-1], time.monotonic()
        course = self._courses[task]
        course.advance(now)
        self._bars.advance(task)
        finished = course.done == course.total
        if not self._console.is_terminal and (finished or now - self._said > QUIET):
            self._console.print(f"{course.what}: {course.done}/{course.total}, {course.told(now)}")
            self._said = now
        if finished:
            self._stack.pop()


class _Told(ProgressColumn):
    """What a course tells, beside its bar."""

    def __init__(self, courses: dict[TaskID, Course]):
        super().__init__()
        self._courses = courses

    def render(self, task: Task) -> Text:
        course = self._courses.get(task.id)
        return Text(course.told(time.monotonic()) if course else "", style="progress.remaining")
