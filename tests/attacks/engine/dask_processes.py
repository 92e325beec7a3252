"""A Dask scheduler and its workers, each a process of its own on this machine, which end with the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taxonomy.findings import InputError

STANDING = "MIA_TEST_STANDING"


class Processes:
    """A scheduler, and what workers it is given."""

    def __init__(self, folder: Path):
        self.folder, self.all = folder, list[subprocess.Popen[bytes]]()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", folder / "scheduler")
        while not (folder / "scheduler").exists() or not (folder / "scheduler").read_text():
            assert self.scheduler.poll() is None, self.told
            time.sleep(0.05)
        self.address: str = json.loads((folder / "scheduler").read_text())["address"]

    def worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker, which is there some seconds later."""
        several = () if "--nthreads" in options else ("--nthreads", "1")
        return self._start("worker", self.address, "--no-nanny", *several, *options, **environment)

    def wait_for(self, count: int) -> None:
        """Wait until so many workers are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=300)

    def _start(self, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        whole = [sys.executable, "-m", "dask", *map(str, command), "--no-dashboard"]
        path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        settings = {**os.environ, "PYTHONPATH": path, **environment}
        started = subprocess.Popen(whole, cwd=self.folder, env=settings, stdout=log, stderr=log)
        self.all.append(started)
        return started

    @property
    def told(self) -> str:
        """What all of them have written."""
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Give a scheduler without workers; it and its workers are ended afterwards."""
    started = Processes(folder)
    try:
        yield started
    finally:
        for process in reversed(started.all):
            process.kill()
            process.wait()


def refuse() -> None:
    """Be a call that finds fault with what it is given."""
    raise InputError("the store is full")


def dask_setup(worker: object) -> None:
    """Have a worker that loads this file (--preload) stand still at the first block that it is to train."""
    from attacks.engine import pieces

    def stand(*arguments: object) -> None:
        (Path(os.environ[STANDING]) / str(os.getpid())).touch()
        parent = os.getppid()
        while os.getppid() == parent:  # tests that are killed leave nobody standing
            time.sleep(0.02)
        os._exit(1)

    pieces.fit_block = stand
