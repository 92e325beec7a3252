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
    # Pydantic loads half of itself when a model is made, and the rest when one is used.
    model = ("-c", f"{imports[1]}\nclass One(BaseModel):\n    id: str\nOne.model_validate({{'id': 'a'}})")
    asked = ("-m", "attacks.cli", "feasible", "--threat-model", "prediction-api-scores", "--json")
    for command in (asked, asked, imports):
        seconds(*command)
    rounds = [(seconds(*bare), seconds(*imports), seconds(*model), seconds(*asked)) for _ in range(RUNS)]
    start, floor, one, answer = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(answer / floor for _, floor, _, answer in rounds)
    least = statistics.median(one / floor for _, floor, one, _ in rounds)
    figures = {
        "mia feasible": Figure(answer),
        "importing typer and pydantic": Figure(floor),
        "the same, and one model with one field": Figure(one),
        "an interpreter": Figure(start),
    }
    beside = "an interpreter that imports typer and pydantic"
    note = f"Making and using one model of pydantic's with one field takes {least:.2f} times the import by itself."
    record("questions/feasible-cold", "mia feasible from a cold start", beside, ratio, 1.5, figures, note=note)
