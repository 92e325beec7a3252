"""What runs on a worker of a Dask cluster: it says what it is, and carries out a call if it is what the call is meant for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from attacks.engine import drafts
from attacks.engine.code import Code
from attacks.engine.store import Store
from attacks.engine.versions import environment
from attacks.seeds import digest
from taxonomy.findings import InputError

CODE = "code"


class WorkerError(Exception):
    """A worker is not what a call is meant for; the message says which, and why."""


@dataclass(frozen=True)
class Home:
    """What a call belongs to: the shared store, the folders whose code is trusted, and who asks.

    `facts` are the versions, and a hash of the code, that results follow from: where they differ, so may the results.
    """

    store: Path
    trusted: tuple[Path, ...]
    facts: Mapping[str, str]
    asker: str

    @property
    def name(self) -> str:
        """A short name of the store and the facts: calls of one name with different homes are different calls."""
        return digest([str(self.store), dict(self.facts)])[:12]

    @contextmanager
    def marked(self) -> Iterator[Path]:
        """Give a file that stands in the store for a while, by which others see whether their folder is the same."""
        store = Store(self.store)
        store.prepare()
        mark = store.unfinished / drafts.name()
        try:
            mark.touch()
        except OSError as error:
            raise store.unwritable(error) from error
        try:
            yield mark
        finally:
            mark.unlink(missing_ok=True)


@dataclass(frozen=True)
class Seen:
    """What a worker says of itself: its facts, how many tasks it runs at once, what it offers, what is wrong with the store."""

    facts: Mapping[str, str]
    threads: int
    offers: Mapping[str, float] = field(default_factory=dict)
    store: str | None = None


@functools.cache
def facts(trusted: tuple[Path, ...] = ()) -> dict[str, str]:
    """Return the versions that results of this process follow from, and a hash of all first-party code.

    It is taken once a process: code that is changed on the disk later is not what has been loaded.
    """
    versions = {name: value for name, value in environment().items() if name not in ("path", "device")}
    return {**versions, CODE: Code(trusted).text}


def seen(home: Home, mark: Path, dask_worker: Any) -> Seen:
    """Return what this worker is, which Dask hands in by that name. Raises InputError if a folder of trusted code is not here."""
    state = dask_worker.state
    return Seen(facts(home.trusted), state.nthreads, dict(state.total_resources), _store(home, mark))


def _store(home: Home, mark: Path) -> str | None:
    """Return what is wrong with the store as it is seen from here, or None."""
    if not mark.exists():
        return f"does not see the store {home.store} that this process uses"
    own = mark.with_name(drafts.name())
    try:
        own.touch()
        own.unlink()
    except OSError as error:
        return f"cannot write the store {home.store} ({error.strerror or error})"
    return None


def problem(home: Home, found: Seen | BaseException) -> str | None:
    """Return why a worker is not what calls of a home are meant for, as the rest of a sentence about it, or None."""
    if isinstance(found, InputError):
        return f"cannot be used: {found}; a folder must be there under the same path"
    if isinstance(found, BaseException):
        told = f"{type(found).__name__}: {found}"
        return f"does not run this version of MIA Atlas ({told}); install it there, and start it anew"
    for name, value in home.facts.items():
        other = found.facts.get(name)
        if other != value and name != CODE:
            return f"has {name} {other}, but here is {value}, so it would find something else; install the same in both places"
    if found.facts.get(CODE) != home.facts[CODE]:
        return "runs other code than this process; install the same there, and start it anew"
    if found.threads != 1:
        return (
            f"runs {found.threads} tasks at once in one process, which get in each other's way; start it with --nthreads 1, "
            "and with --nworkers as many as it has cores"
        )
    if found.store:
        return f"{found.store}; set MIA_STORE to a folder that all machines share under one path"
    return None


def carried_out(home: Home, fn: Callable[..., Any], *arguments: Any, **more: Any) -> tuple[str, Any]:
    """Carry out a call on this worker; return who asked for it, and its result. Raises WorkerError, and what the call raises.

    Workers may join long after the first ones were looked at, so each call is preceded by a look at who carries it out.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        found: Seen | BaseException = Seen(facts(home.trusted), worker.state.nthreads)
    except InputError as error:
        found = error
    if because := problem(home, found):
        raise WorkerError(f"the Dask worker {worker.address} {because}")
    torch.set_num_threads(1)  # for good: calls take turns in this process, and one must not end what another relies on
    try:
        return home.asker, fn(*arguments, **more)
    except InputError as error:
        raise WorkerError(f"the Dask worker {worker.address} cannot go on: {error}") from error
