"""How long `mia feasible` takes beside an interpreter that only imports typer and pydantic. Prints ratios, asserts no time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import pytest

RUNS = 9


def seconds(*command: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - start


@pytest.mark.benchmark
def test_cold_start():
    imports = ("-c", "import typer, pydantic; from pydantic import BaseModel")
    bare = ("-c", "pass")
    asked = ("-m", "attacks.cli", "feasible", "--threat-model", "prediction-api-scores", "--json")
    seconds(*asked)
    rounds = [(seconds(*bare), seconds(*imports), seconds(*asked)) for _ in range(RUNS)]
    start, floor, answer = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"\ninterpreter {start:.3f} s; with typer and pydantic {floor:.3f} s; mia feasible {answer:.3f} s")
    print(f"ratio of mia feasible to the imports alone: {answer / floor:.2f}")
