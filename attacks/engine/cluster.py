"""A Dask cluster as an executor (`mia run --dask ADDRESS`): models and attacks are its tasks, results go to the shared store."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attacks.engine import dask_worker
from attacks.engine.dask_worker import Home, Seen, WorkerError
from attacks.engine.places import NamedExecutor
from attacks.handles import AttackError
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Task

CONNECT_SECONDS = 10.0
# The scheduler holds the records of what is queued there, so not everything is queued at once. An adaptive cluster, which begins
# without a worker to spare, grows by what is queued.
QUEUED, QUEUED_BY_WORKER = 64, 2
# How often a task that waits for others looks whether it is still wanted itself.
LOOK_SECONDS = 2.0
# What a worker with an accelerator offers, by `dask worker --resources GPU=1`.
GPU = "GPU"


class Cluster(NamedExecutor):
    """Carries out calls as tasks on a Dask cluster. One that was lost with its worker is carried out again by another.

    How many workers a task may outlive is the scheduler's to say: `distributed.scheduler.allowed-failures`, by default 3. A task
    that raises is not tried again, since it would raise again.
    """

    priority = 0

    def __init__(self, client: Client, home: Home, *, queued: int = QUEUED, resources: Mapping[str, float] | None = None):
        self.client, self.home, self.resources = client, home, dict(resources or {})
        # One thread a queued task, which does nothing but wait for it.
        self._threads = ThreadPoolExecutor(queued, thread_name_prefix="dask")

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Carry out a call on some worker."""
        return self._threads.submit(self._carried_out, uuid.uuid4().hex, fn, args, kwargs)

    def named(self, name: str, fn: Any, /, *args: Any) -> Future[Any]:
        """Carry out a call on some worker, once for all who ask for its name at a time."""
        return self._threads.submit(self._carried_out, name, fn, args, {})

    def errand(self, name: str, fn: Any, /, *args: Any) -> Future[Any]:
        """Carry out a call on some worker, which is handed an executor on the same cluster."""
        return self.named(f"{fn.__name__}-{name}", with_executor, self.home, self.resources, fn, *args)

    def _carried_out(self, name: str, fn: Any, arguments: Sequence[Any], more: Mapping[str, Any]) -> Any:
        from distributed.scheduler import KilledWorker

        key = f"mia-{fn.__name__}-{name}-{self.home.name}"
        try:
            future = self.client.submit(
                dask_worker.carried_out,
                self.home,
                fn,
                *arguments,
                **more,
                key=key,
                retries=0,
                priority=self.priority,
                resources=self.resources,
            )
            asker, result = self._result(future)
            return result if asker == self.home.asker else None
        except KilledWorker as error:
            times = error.allowed_failures + 1
            raise AttackError(
                f"{times} Dask workers died one after the other at the same task, perhaps for lack of memory"
            ) from error
        except WorkerError as error:
            raise InputError(str(error)) from error
        except Exception as error:
            # A client that has lost its scheduler closes, and refuses what comes later in words of its own.
            if isinstance(error, CancelledError) or self.client.status in ("closing", "closed"):
                told = "the Dask scheduler is gone; finished work is kept, and the same command goes on from there"
                raise InputError(told) from error
            raise

    def _result(self, future: Task[Any]) -> tuple[str, Any]:
        found: tuple[str, Any] = future.result()
        return found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. What is not at work yet is forgotten if `cancel_futures`, as the standard executors have it."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


class _OnWorker(Cluster):
    """The cluster as a task on one of its workers sees it: one that waits for others makes room for the next."""

    priority = 1  # so what somebody waits for comes first

    def __init__(self, home: Home, resources: Mapping[str, float]):
        from distributed import get_client, get_worker

        super().__init__(get_client(), replace(home, asker=uuid.uuid4().hex), resources=resources)
        self._worker, self._key = get_worker(), get_worker().get_current_task()

    def _result(self, future: Task[Any]) -> tuple[str, Any]:
        """Wait for a task, unless nobody waits any more for the one that waits here: then it is given up too."""
        from distributed import wait

        while not future.done():
            own = self._worker.state.tasks.get(self._key)
            if own is None or own.state == "cancelled":
                future.cancel()
                raise AttackError("the process that asked for this attack is gone")
            with suppress(TimeoutError):
                wait(future, timeout=LOOK_SECONDS)
        return super()._result(future)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let other tasks run in this process meanwhile, which draw random numbers of their own."""
        from distributed import rejoin, secede

        state = torch.get_rng_state(), np.random.get_state()
        secede()
        try:
            yield
        finally:
            rejoin()
            torch.set_rng_state(state[0])
            np.random.set_state(state[1])


def with_executor(home: Home, resources: Mapping[str, float], fn: Callable[..., Any], *arguments: Any) -> Any:
    """Carry out a call on a worker with an executor on its cluster."""
    pool = _OnWorker(home, resources)
    try:
        return fn(pool, *arguments)
    finally:
        pool.shutdown(wait=False)


@contextmanager
def cluster(address: str, *, store: Path, trusted: Sequence[Path] = (), device: str = "cpu") -> Iterator[Cluster]:
    """Yield an executor on the cluster whose scheduler has this address; `store` is the folder that all of it shares.

    Raises InputError if nobody answers, or if a worker could not do what is asked, or would do something else than this process.
    """
    client = _connected(address)
    try:
        home = _home(store, trusted)
        # A worker does one thing at a time, so that its accelerator need not be counted, and only marks it.
        resources = {} if device == "cpu" else {GPU: 0.0}
        seen = _seen(client, home, address)
        if lacking := [name for name in resources if not any(found.offers.get(name) for found in seen)]:
            told = f"start one on a machine that has it, by `dask worker {address} --nthreads 1 --resources {lacking[0]}=1`"
            raise InputError(
                f"--device {device}: no worker of the Dask cluster at {address} offers the resource {lacking[0]}; {told}"
            )
        pool = Cluster(client, home, queued=max(QUEUED, QUEUED_BY_WORKER * len(seen)), resources=resources)
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    finally:
        # The scheduler forgets what is queued. What a worker is at it carries out, and what comes of it is kept.
        client.close()


def _home(store: Path, trusted: Sequence[Path]) -> Home:
    folders = tuple(folder.resolve() for folder in trusted)
    return Home(store.absolute(), folders, dask_worker.facts(folders), uuid.uuid4().hex)


def _connected(address: str) -> Client:
    """Return a client of a scheduler; raise InputError if there is none, or if something else answers there."""
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise InputError('--dask needs the package distributed: pip install "mia-atlas[dask]"') from error
    # Dask tells of lost workers and connections in lines of its own, where we tell what matters in a sentence.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"})
    if not address.strip():  # Dask would start a cluster of its own
        raise InputError("--dask: expected the address of a scheduler, e.g. tcp://127.0.0.1:8786")
    found: list[Client | Exception] = []

    def connect() -> None:
        try:
            found.append(Client(address, timeout=CONNECT_SECONDS, set_as_default=False))
        except Exception as error:
            found.append(error)

    # What is no scheduler may accept a connection and say nothing, for which Dask waits without end.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(2 * CONNECT_SECONDS)
    if found and isinstance(found[0], Client):
        return found[0]
    if found and isinstance(found[0], ValueError):
        raise InputError(f"--dask {address}: {found[0]}; expected the address of a scheduler, e.g. tcp://127.0.0.1:8786")
    raise InputError(f"--dask {address}: no Dask scheduler answers there; `dask scheduler` starts one and tells its address")


def _seen(client: Client, home: Home, address: str) -> list[Seen]:
    """Return what every worker says of itself; raise InputError if there is none, or if one could not do what is asked."""
    try:
        client.run_on_scheduler(dask_worker.facts)  # it reads tasks before it hands them on, so it needs our code as well
    except Exception as error:
        raise InputError(f"the Dask scheduler {address} {dask_worker.problem(home, error)}") from error
    with home.marked() as mark:
        found: dict[str, Seen | BaseException] = client.run(dask_worker.seen, home, mark, on_error="return")
    if not found:
        told = f"`dask worker {address} --nthreads 1` starts one"
        raise InputError(f"--dask {address}: the cluster has no workers; {told}")
    for worker, one in sorted(found.items()):
        if because := dask_worker.problem(home, one):
            raise InputError(f"the Dask worker {worker} {because}")
    return [one for one in found.values() if isinstance(one, Seen)]
