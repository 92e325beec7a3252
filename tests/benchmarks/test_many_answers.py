"""What a recorded answer costs an audit, in CPU time and memory, beside reading it by pandas: a million take under a minute."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.benchmark

FEW, MANY, CLASSES = 20_000, 220_000, 10
AUDIT = """\
schema: 1
name: many
members: {file: in.csv, label: label}
non_members: {file: out.csv, label: label}
groups: [sex]
model: {kind: arrays, scale: probabilities}
"""


def answers(folder: Path, records: int) -> Path:
    """Write recorded answers of half as many members and half as many others, and an audit of them, into a folder."""
    folder.mkdir()
    generator, half = np.random.default_rng(0), records // 2
    for name, margin in (("in", 3.2), ("out", 3.0)):
        logits, label = generator.normal(size=(half, CLASSES)), generator.integers(0, CLASSES, half)
        logits[np.arange(half), label] += margin
        p = np.exp(logits - logits.max(1, keepdims=True))
        table = pd.DataFrame(p / p.sum(1, keepdims=True), columns=[f"p_{k}" for k in range(CLASSES)])
        table.assign(label=label, sex=np.where(generator.random(half) < 0.5, "f", "m")).to_csv(
            folder / f"{name}.csv", index=False
        )
    (folder / "audit.yaml").write_text(AUDIT)
    return folder


def used(command: list[str], folder: Path) -> tuple[float, int]:
    """Return the CPU seconds of a command, and the bytes that it held at most."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "MIA_STORE": str(folder / "store")}
    process = subprocess.Popen([sys.executable, *command], cwd=folder, env=settings, stdout=subprocess.DEVNULL)
    _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return spent.ru_utime + spent.ru_stime, spent.ru_maxrss * 1024


def read(folder: Path) -> float:
    """Return the CPU seconds of reading both files, the lesser of two; of the reading alone, which no import can hide."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        for name in ("in.csv", "out.csv"):
            pd.read_csv(folder / name, float_precision="round_trip")
        spent.append(time.process_time() - start)
    return min(spent)


def test_a_recorded_answer_costs_little_more_than_reading_it(tmp_path):
    """Of one record more, which leaves out what an audit costs anyway: imports, the catalog, the report."""
    folders = [answers(tmp_path / str(records), records) for records in (FEW, MANY)]
    audits = [used(["-m", "attacks.cli", "audit", "audit.yaml", "--out", "out", "--json"], folder) for folder in folders]
    cpu = (audits[1][0] - audits[0][0]) / (MANY - FEW)
    memory = (audits[1][1] - audits[0][1]) / (MANY - FEW)
    ratio = cpu / (read(folders[1]) / MANY)
    print(f"\na recorded answer of {CLASSES} classes: {cpu * 1e6:.1f} CPU µs, {ratio:.1f} times reading it; {memory:,.0f} bytes")
    print(f"an audit of {FEW:,}: {audits[0][0]:.1f} CPU s, {audits[0][1] / 2**20:,.0f} MiB")
    # Reading a million takes pandas two thirds of a second or more: at 90 times that, auditing them takes a minute.
    assert ratio < 90
    assert memory < 2e9 / 1e6
