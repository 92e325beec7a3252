"""Where models are trained: in this process, or in several of their own, which leave as soon as this one is interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from attacks.engine.workshop import SerialExecutor


class Workers(ProcessPoolExecutor):
    """Processes that never see Ctrl-C, which reaches all of a terminal's processes: the one that has them decides."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a call to a worker, which is started if need be. A worker inherits which signals are blocked, and keeps it."""
        if not hasattr(signal, "pthread_sigmask"):
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems on which it cannot be blocked

    def leave_with_the_coordinator() -> None:
        # After `kill -9` of the coordinator nobody tells its workers to stop. What they have not stored whole is not there.
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave_with_the_coordinator, daemon=True).start()


@contextmanager
def executor(workers: int) -> Iterator[Executor]:
    """Return an executor: in this process for one worker, else that many processes. An interrupt ends them at once."""
    if workers <= 1:
        yield SerialExecutor()
        return
    others = set(multiprocessing.active_children())
    pool = Workers(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    except KeyboardInterrupt:
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
