"""Peak memory of LiRA with 16 and with 128 shadow models, each run a process of its own.

Models lie in the store and their answers too; what a process holds of them are signals, a number for each model and record.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from records import Figure

FEW, MANY = 16, 128
RUN = ("-m", "attacks.cli", "run", "carlini-2022-lira", "--target", "digits-mlp")
# A parameter that none of them has had yet, so that the attack runs though its models are at hand.
ANEW = ("--set", "carlini-2022-lira.per_record_variance_from=1000")


@pytest.mark.slow
@pytest.mark.benchmark
def test_memory_does_not_grow_with_the_number_of_models(record, tmp_path):
    def peak(models: int, *more: str) -> int:
        """Return the most memory that one run held, in KiB."""
        settings = {**os.environ, "MIA_STORE": str(tmp_path / f"store-{models}"), "MIA_CATALOG_CACHE": str(tmp_path / "catalogs")}
        command = [sys.executable, *RUN, "--set", f"shadow-models.count={models}", "--out", str(tmp_path / "out"), *more]
        process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        shutil.rmtree(tmp_path / "out")
        return used.ru_maxrss

    for name, what, more in (
        ("growth/memory-models", "its models are trained", ()),
        ("growth/memory-kept-models", "models and answers are at hand", ANEW),
    ):
        few, many = (peak(models, *more) for models in (FEW, MANY))
        figures = {f"{models} models": Figure(peak / 1024, "MiB") for models, peak in ((FEW, few), (MANY, many))}
        what = f"memory that LiRA on digits-mlp holds at most with {MANY} models, while {what}"
        record(name, what, f"with {FEW}", many / few, 1.05, figures)
        assert many < 1.05 * few
