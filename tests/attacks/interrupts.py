"""The command `mia`, which stands still at a named point until a test interrupts it.

A point is `import NAME`, where a module is about to be loaded; `piece N`, where a process is about to train its Nth piece of
work, which is a block of models or one by itself; `worker`, where a worker has just begun; or `attack N`, where a process is
about to carry out its Nth attack. Who stands there makes a file.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINT, STANDING = "MIA_TEST_POINT", "MIA_TEST_STANDING"


# -- what a test does -------------------------------------------------------------------------------------------------------


def start(folder: Path, point: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start the command, with a store in this folder and in a group of processes of its own, and wait until it stands there."""
    standing = folder / "standing"
    standing.mkdir(exist_ok=True)
    settings = {**os.environ, "MIA_STORE": str(folder / "store"), POINT: point, STANDING: str(standing)}
    process = subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        cwd=folder,
        env=settings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,
        start_new_session=True,
    )
    wait_for(folder, process)
    return process


def wait_for(folder: Path, process: subprocess.Popen[str], count: int = 1) -> list[int]:
    """Wait until so many processes stand at the point; return their numbers."""
    while len(found := list((folder / "standing").iterdir())) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return [int(path.name) for path in found]


def _heed_interrupts() -> None:
    # Where the tests were started in the background, Ctrl-C is ignored, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# -- what the command does --------------------------------------------------------------------------------------------------


def _stand() -> None:
    parent = os.getppid()
    (Path(os.environ[STANDING]) / str(os.getpid())).touch()
    while os.getppid() == parent:  # tests that are killed leave nobody standing
        time.sleep(0.02)
    os._exit(1)


class _Finder:
    """Stands where a module is looked for."""

    def __init__(self, name: str):
        self.name = name

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == self.name:
            _stand()


def _standing_at(number: int, plain: Callable[..., Any]) -> Callable[..., Any]:
    calls = 0

    def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            _stand()
        return plain(*arguments, **more)

    return counted


def _prepare(point: str) -> None:
    kind, _, what = point.partition(" ")
    if kind == "import":
        sys.meta_path.insert(0, _Finder(what))
    elif kind == "worker":
        if __name__ == "__mp_main__":
            _stand()
    elif kind == "piece":
        from attacks.engine import pieces

        def train(fit: Callable[..., Any], *arguments: Any) -> Any:
            return fit(*arguments)

        counted = _standing_at(int(what), train)
        pieces.fit = functools.partial(counted, pieces.fit)
        pieces.fit_block = functools.partial(counted, pieces.fit_block)
    elif kind == "attack":
        from attacks.engine import execution

        execution.Run.attack = _standing_at(int(what), execution.Run.attack)


# A worker loads this file too, before it does anything else.
if POINT in os.environ and __name__ in ("__main__", "__mp_main__"):
    _prepare(os.environ[POINT])

if __name__ == "__main__":
    from attacks.cli import main

    main()
