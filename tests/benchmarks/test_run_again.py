"""`mia run` of three attacks, all of it from the store, beside an interpreter that imports torch, by CPU time.

What is not torch is the catalog, the plan, the answers of the target, figures and the report; the ten largest imports are named.
"""

from __future__ import annotations

import collections
import os
import re
import resource
import statistics
import subprocess
import sys

import pytest
from records import Figure

ROUNDS, MOST = 5, 10
ATTACKS = ("yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia")


@pytest.mark.benchmark
def test_a_run_again_beside_importing_torch(record, tmp_path):
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept = {"MIA_STORE": "store", "MIA_CATALOG_CACHE": "catalogs", "PYTHONPYCACHEPREFIX": "compiled"}
    settings |= {name: str(tmp_path / folder) for name, folder in kept.items()}
    run = ("-m", "attacks.cli", "run", *ATTACKS)

    def seconds(*arguments: str) -> float:
        """CPU seconds of a process and of all that it starts."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=settings, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    first = seconds(*run)
    rounds = [(seconds("-c", "import torch"), seconds(*run)) for _ in range(ROUNDS)]
    torch, again = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(run / torch for torch, run in rounds)
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *run], cwd=tmp_path, env=settings, capture_output=True, check=True, text=True
    )
    own, names = collections.Counter[str](), set[str]()
    for microseconds, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", traced.stderr):
        own[name.partition(".")[0]] += int(microseconds)
        names.add(name)
    figures = {"the run again": Figure(again, goal=3), "importing torch": Figure(torch), "the first run": Figure(first)}
    what = f"mia run of {len(ATTACKS)} attacks on digits-mlp again, all from the store"
    record("run/again", what, "importing torch, which it cannot do without", ratio, None, figures)
    print("largest imports: " + ", ".join(f"{name} {share / own.total():.0%}" for name, share in own.most_common(MOST)))
    assert not names & {"matplotlib.figure", "sklearn.datasets"}, "the picture is there, and digits are read from their file"
