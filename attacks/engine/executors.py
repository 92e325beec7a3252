"""Where work is done: in this process, in several of its own, which leave as soon as this one is interrupted, or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attacks.engine.places import SerialExecutor
from attacks.engine.store import default_folder
from taxonomy.findings import InputError


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
    sys.stdout = sys.stderr  # what code of the user's own prints is no result

    def leave_with_the_coordinator() -> None:
        # After `kill -9` of the coordinator nobody tells its workers to stop. What they have not stored whole is not there.
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave_with_the_coordinator, daemon=True).start()


@contextmanager
def executor(workers: int, dask: str | None = None, *, trusted: Sequence[Path] = (), device: str = "cpu") -> Iterator[Executor]:
    """Yield an executor: in this process for one worker, else that many processes, or the Dask cluster of this address.

    An interrupt ends the processes at once. The workers of a cluster use the store of this process, run code of the folders that
    are trusted, and are those with an accelerator if another device than the CPU is asked for. Raises InputError for a cluster
    that cannot be used.
    """
    if dask is not None:
        from attacks.engine.cluster import cluster

        if workers > 1:
            raise InputError(
                "--workers are processes of this machine, and a Dask cluster has its own workers: leave one of the two out"
            )
        with cluster(dask, store=default_folder(), trusted=trusted, device=device) as pool:
            yield pool
        return
    if workers <= 1:
        yield SerialExecutor()
        return
    others = set(multiprocessing.active_children())
    processes = Workers(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        yield processes
    except KeyboardInterrupt:
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        raise
    finally:
        processes.shutdown(wait=True, cancel_futures=True)
