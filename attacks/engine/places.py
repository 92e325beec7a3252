"""Where long work is carried out, and where it shows how far it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Progress(Protocol):
    """Where long work shows how far it is."""

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts."""

    def advance(self) -> None:
        """One part is done."""


class Silent:
    """Shows nothing."""

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts."""

    def advance(self) -> None:
        """One part is done."""


class SerialExecutor(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call and return its finished future; an interrupt passes through."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class NamedExecutor(Executor):
    """Carries out calls in places that may be lost with what they are at: then the call is carried out in another place.

    Calls have names. Who asks for what is at work already gets no result of their own, and finds what the other's call leaves.
    """

    @abstractmethod
    def named(self, name: str, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Carry out a call; its result is None if it was at work already, for somebody else."""

    @abstractmethod
    def errand(self, name: str, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Carry out a call as `named` does, which is handed an executor for calls of its own, and then the arguments."""

    def waiting(self) -> AbstractContextManager[None]:
        """Let other calls have the place of one that only waits. Nobody who holds a claim may wait so."""
        return nullcontext()
