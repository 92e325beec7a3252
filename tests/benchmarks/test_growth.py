"""How costs grow with records, models and networks: the laws from which the site reckons what an audit takes beyond this machine.

An exponent is the slope of log cost on log size, by least squares: 1 is in proportion.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import resnet
import torch
from records import Figure
from torch.utils.flop_counter import FlopCounterMode

from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import data

LIRA = "carlini-2022-lira"
CLASSES = 10
TARGET = """
schema: 1
id: {name}
title: A target for a benchmark
summary: A network that is trained for a moment, with as many candidates as it says.
model: discriminative
frame: stand-alone
data: {data}.
offers: [M1.parameters, M2, M3, M4, D1.samples, D1.size, Q.scores, Q.labels, record.label]
run: attacks.targets.classifier:build
params: {{data: {data}, hidden: [256], members: {members}, non_members: {members}, epochs: 1, batch: 128, learning_rate: 0.001}}
records: [picture]
"""


def exponent(sizes: list[int], costs: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def run(folder: Path, source: str, members: int, models: int) -> float:
    """Run LiRA in a process of its own, from an empty store; return the bytes that the process held at most."""
    name = f"{source}-{members}"
    (folder / "targets").mkdir(exist_ok=True)
    (folder / "targets" / f"{name}.yaml").write_text(TARGET.format(name=name, data=source, members=members))
    asked = ["run", LIRA, "--target", name, "--set", f"shadow-models.count={models}", "--catalog", str(folder)]
    command = [sys.executable, "-m", "attacks.cli", *asked, "--out", str(folder / "out")]
    settings = {**os.environ, "MIA_STORE": str(folder / f"store-{name}-{models}")}
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.benchmark
def test_training_by_the_number_of_records(record):
    held, sizes, costs = data.load("fashion"), [2_500, 5_000, 10_000, 20_000, 40_000], []
    recipe = Recipe("mlp", (28, 28), CLASSES, (256,), epochs=2, batch=128, learning_rate=0.001)
    x, y = torch.from_numpy(held.x), torch.from_numpy(held.y)
    for count in [sizes[0], *sizes]:  # what the first loads is nobody's
        start = time.process_time()
        training.fit(recipe, TrainingSet(x[:count], y[:count], 0))
        costs.append(time.process_time() - start)
    found = exponent(sizes, costs[1:])
    figures = {
        "exponent": Figure(found, ""),
        f"{sizes[0]:,} records": Figure(costs[1]),
        f"{sizes[-1]:,} records": Figure(costs[-1]),
    }
    record(
        "growth/records", f"training time by the number of records, {sizes[0]:,} to {sizes[-1]:,} (fashion-mlp)", figures=figures
    )


@pytest.mark.benchmark
def test_training_a_resnet(record):
    """What a record of a ResNet-18 takes, for one, two and four batches of it."""
    network, batch, sizes, costs = resnet.resnet18(CLASSES), 32, [1, 2, 4], []
    optimizer = torch.optim.Adam(network.parameters())
    x, y = torch.randn(batch, 3, 32, 32), torch.arange(batch) % CLASSES
    with FlopCounterMode(display=False) as counted:
        resnet.step(network, optimizer, x, y)
    work = counted.get_total_flops() / batch
    for batches in sizes:
        start = time.process_time()
        for _ in range(batches):
            resnet.step(network, optimizer, x, y)
        costs.append((time.process_time() - start) / batch)
    a_record = sum(costs) / sum(sizes)
    figures = {
        "exponent": Figure(exponent(sizes, costs), ""),
        "a record in an epoch": Figure(a_record),
        "work of a record in an epoch": Figure(work / 1e9, "GFLOP"),
        "rate": Figure(work / 1e9 / a_record, "GFLOP a CPU-second"),
        "parameters": Figure(sum(p.numel() for p in network.parameters()), ""),
    }
    record("growth/resnet", f"training a ResNet-18 on pictures of 32 x 32, batches of {batch}", figures=figures)


@pytest.mark.benchmark
def test_the_store_by_the_number_of_models(record, tmp_path):
    """Weights are float32 and answers float64, so a model should take 4 bytes a parameter and 8 a candidate and class."""
    candidates, few, many = 10_000, 4, 16
    held = {}
    for models in (few, many):
        run(tmp_path, "fashion", candidates // 2, models)
        store = tmp_path / f"store-fashion-{candidates // 2}-{models}"
        held[models] = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    a_model = (held[many] - held[few]) / (many - few)
    weights, answers = 4 * (784 * 256 + 256 + 256 * CLASSES + CLASSES), 8 * candidates * CLASSES
    figures = {
        "a model more": Figure(a_model / 1e6, "MB"),
        "4 bytes a parameter": Figure(weights / 1e6, "MB"),
        "8 bytes a candidate and class": Figure(answers / 1e6, "MB"),
    }
    what, beside = f"what a model takes in the store, from {few} to {many} models of fashion-mlp", "its weights and its answers"
    record("growth/store", what, beside, a_model / (weights + answers), None, figures)


@pytest.mark.benchmark
def test_memory_by_the_number_of_records(record, tmp_path):
    sizes = [2_000, 10_000, 40_000]
    peaks = [run(tmp_path, "fashion", count // 2, 4) for count in sizes]
    slope, constant = np.polyfit(sizes, peaks, 1)
    a_record = 4 * 784
    figures = {
        "a candidate": Figure(slope / 1e3, "kB"),
        "its picture": Figure(a_record / 1e3, "kB"),
        "whatever the number": Figure(constant / 1e9, "GB"),
        f"{sizes[-1]:,} candidates": Figure(peaks[-1] / 1e9, "GB"),
    }
    what = f"memory that a run of LiRA holds at most for each candidate, {sizes[0]:,} to {sizes[-1]:,} (fashion-mlp)"
    record("growth/memory-records", what, "its picture in float32", slope / a_record, None, figures)
