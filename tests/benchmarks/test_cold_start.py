"""How long `mia feasible` takes beside an interpreter that only imports typer and pydantic. Prints ratios, asserts no time."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

import pytest

RUNS = 9


@pytest.mark.benchmark
def test_cold_start(tmp_path):
    # Whoever has asked before has compiled files, and a catalog in the cache.
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings |= {"PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"), "MIA_CATALOG_CACHE": str(tmp_path / "catalogs")}

    def seconds(*command: str) -> float:
        """CPU seconds of a process."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, env=settings, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    imports = ("-c", "import typer, pydantic; from pydantic import BaseModel")
    bare = ("-c", "pass")
    asked = ("-m", "attacks.cli", "feasible", "--threat-model", "prediction-api-scores", "--json")
    for command in (asked, asked, imports):
        seconds(*command)
    rounds = [(seconds(*bare), seconds(*imports), seconds(*asked)) for _ in range(RUNS)]
    start, floor, answer = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"\nCPU time: interpreter {start:.3f} s; with typer and pydantic {floor:.3f} s; mia feasible {answer:.3f} s")
    ratio = statistics.median(answer / floor for _, floor, answer in rounds)
    print(f"ratio of mia feasible to the imports alone: {ratio:.2f}")
