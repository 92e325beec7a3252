"""Answers that were paid for, kept on disk with the count of what was asked, so that neither is lost with the process.

One SQLite file in a folder. It holds hashes of records, answers and counts: no record, and no token.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from attacks.engine.claims import claimed
from taxonomy.findings import InputError, printable, relative

FILE = "answers.sqlite"
# How long to wait for another process that writes, and before looking again whether one has had its answers.
PATIENCE_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.2
SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (service TEXT PRIMARY KEY, records INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS forms (model TEXT PRIMARY KEY, form TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (model TEXT, record TEXT, answer BLOB NOT NULL, PRIMARY KEY (model, record)) WITHOUT ROWID;
"""

Array = NDArray[Any]
# What all answers of a model have in common: their kind, how many columns of scores there are, and the version that gave them.
Form = dict[str, Any]


class KeptAnswers:
    """What a service has answered and how much it was asked, over restarts: a file that is open within `with`.

    Threads and processes may share the file, each with an object of its own. Every change is one transaction that is on the disk
    when it returns. Raises InputError where the file cannot be used.
    """

    def __init__(self, folder: Path, service: str):
        self._folder, self._service = folder, service
        self.file = folder / FILE

    def __enter__(self) -> KeptAnswers:
        # Two processes that make the file at once may find it locked, without waiting.
        locked = Retrying(
            retry=retry_if_exception_type(sqlite3.OperationalError),
            stop=stop_after_attempt(10),
            wait=wait_random(0, LOOK_AGAIN_SECONDS),
            reraise=True,
        )
        with self._usable():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._base = locked(_opened, self.file)
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @property
    def spent(self) -> int:
        """How many records the service was asked for so far."""
        with self._usable():
            found = self._base.execute("SELECT records FROM spent WHERE service = ?", (self._service,)).fetchone()
        return int(found[0]) if found else 0

    def allow(self, records: int, limit: int | None) -> None:
        """Raise InputError if so many records more would pass the limit."""
        spent = self.spent
        if limit is not None and spent + records > limit:
            raise InputError(
                f"the limit is {limit:,} queries: {spent:,} are spent (requests that failed count, since the service may have "
                f"answered them) and {records:,} more are needed; raise `limits.queries`, or audit fewer records or attacks"
            )

    def reserve(self, records: int, limit: int | None) -> None:
        """Count records that are about to be asked; raise InputError, and count nothing, if that would pass the limit."""
        add = "INSERT INTO spent VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET records = records + excluded.records"
        with self._usable(), self._base as base:
            base.execute("BEGIN IMMEDIATE")
            self.allow(records, limit)
            base.execute(add, (self._service, records))

    def release(self, records: int) -> None:
        """Take back what was counted for a request that the service certainly did not answer."""
        with self._usable(), self._base as base:
            base.execute("UPDATE spent SET records = records - ? WHERE service = ?", (records, self._service))

    def form(self, model: str) -> Form | None:
        """Return of which form a model's answers are, or None before the first."""
        with self._usable():
            found = self._base.execute("SELECT form FROM forms WHERE model = ?", (model,)).fetchone()
        form: Form | None = json.loads(found[0]) if found else None
        return form

    def find(self, model: str, records: Sequence[str]) -> dict[str, bytes]:
        """Return the kept answers of those records, told by their hashes, that have one."""
        query = "SELECT record, answer FROM answers WHERE model = ? AND record IN (SELECT value FROM json_each(?))"
        with self._usable():
            return dict(self._base.execute(query, (model, json.dumps(records))))

    def keep(self, model: str, form: Form, records: Sequence[str], answers: Array) -> dict[str, bytes]:
        """Keep answers (n, …) about records, all or none, and return them as kept; the first of a model also tell their form."""
        kept = dict(zip(records, _encoded(answers), strict=True))
        with self._usable(), self._base as base:
            base.execute("INSERT OR IGNORE INTO forms VALUES (?, ?)", (model, json.dumps(form)))
            rows = ((model, record, answer) for record, answer in kept.items())
            base.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)
        return kept

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else asks, so that two processes do not pay for the same record."""
        while True:
            with ExitStack() as stack:
                with self._usable():
                    mine = stack.enter_context(claimed(self._folder / "asking"))
                if mine:
                    yield
                    return
            time.sleep(LOOK_AGAIN_SECONDS)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Raise InputError where the file or its folder cannot be used."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise InputError(
                f"{relative(self.file)}, where answers and the count of queries are kept, cannot be used ({reason}); make room, "
                "or move it away: its answers are then asked, and counted, anew"
            ) from error


def _opened(file: Path) -> sqlite3.Connection:
    base = sqlite3.connect(file, timeout=PATIENCE_SECONDS)
    try:
        # With a log of what is written, a change waits for the disk once; FULL: it does wait.
        base.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; {SCHEMA} COMMIT")
    except sqlite3.Error:
        base.close()
        raise
    return base


def form_of(answers: Array, version: str) -> Form:
    """Return of which form answers are: scores float64 (n, columns), labels int64 (n,) or texts (n,)."""
    kind = {"f": "scores", "i": "labels", "U": "texts"}[answers.dtype.kind]
    return {"kind": kind, "columns": answers.shape[1] if kind == "scores" else 1, "version": version}


def shown(form: Form) -> str:
    """Return a form in words."""
    version = f" by version {form['version']}" if form["version"] else ""
    return printable((f"{form['columns']} scores" if form["kind"] == "scores" else form["kind"]) + version)


def decoded(kept: Sequence[bytes], form: Form) -> Array:
    """Return kept answers as the array that they were: float64 (n, columns), int64 (n,) or strings (n,)."""
    if form["kind"] == "texts":
        return np.array([answer.decode(errors="surrogatepass") for answer in kept])
    joined = b"".join(kept)
    if form["kind"] == "labels":
        return np.frombuffer(joined, dtype="<i8").astype(np.int64)
    return np.frombuffer(joined, dtype="<f8").astype(np.float64).reshape(len(kept), form["columns"])


def _encoded(answers: Array) -> list[bytes]:
    if answers.dtype.kind == "U":
        return [str(answer).encode(errors="surrogatepass") for answer in answers]
    return [row.tobytes() for row in answers.astype(answers.dtype.newbyteorder("<"))]
