"""How long `mia feasible` takes beside an interpreter that only imports typer and pydantic. Asserts no time."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

import pytest
from records import Figure

RUNS = 9


@pytest.mark.benchmark
def test_cold_start(record, tmp_path):
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
    ratio = statistics.median(answer / floor for _, floor, answer in rounds)
    figures = {"mia feasible": Figure(answer), "importing typer and pydantic": Figure(floor), "an interpreter": Figure(start)}
    beside = "an interpreter that imports typer and pydantic"
    record("questions/feasible-cold", "mia feasible from a cold start", beside, ratio, 1.5, figures)
