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
# A data set of our own making, and a network that is trained on half of it for a moment: all of it are candidates but a few.
CODE = """
import numpy as np
from attacks.targets.data import Data

def pictures():
    generator = np.random.default_rng(0)
    x = generator.normal(size=({count}, 3, 32, 32)).astype(np.float32)
    return Data("pictures", x, np.arange({count}) % {classes})
"""
TARGET = """
schema: 1
id: made-{count}
title: A target for a benchmark
summary: A network that is trained for a moment on made pictures.
model: discriminative
frame: stand-alone
data: Noise.
offers: [M1.parameters, M2, M3, M4, D1.samples, D1.size, Q.scores, Q.labels, record.label]
run: attacks.targets.classifier:build
params: {{data: "made_{count}:pictures", hidden: [256], members: {members}, non_members: {members}, epochs: 1, batch: 128,
         learning_rate: 0.001}}
records: [picture]
"""
PICTURE, SPARE = 4 * 3 * 32 * 32, 100  # bytes of a picture in float32, and how many are no candidates


def exponent(sizes: list[int], costs: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def run(folder: Path, count: int, models: int) -> int:
    """Run LiRA on `count` pictures in a process of its own, from an empty store; return the bytes that it held at most."""
    for place in ("targets", "code"):
        (folder / place).mkdir(exist_ok=True)
    members = (count - SPARE) // 2
    (folder / "targets" / f"made-{count}.yaml").write_text(TARGET.format(count=count, members=members))
    (folder / "code" / f"made_{count}.py").write_text(CODE.format(count=count, classes=CLASSES))
    asked = ["run", LIRA, "--target", f"made-{count}", "--set", f"shadow-models.count={models}", "--catalog", str(folder)]
    command = [sys.executable, "-m", "attacks.cli", *asked, "--trust-code", str(folder / "code"), "--out", str(folder / "out")]
    settings = {**os.environ, "MIA_STORE": str(folder / f"store-{count}-{models}")}
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.benchmark
def test_the_store_by_the_number_of_models(record, tmp_path):
    """Weights are float32 and answers float64, so a model should take 4 bytes a parameter and 8 a candidate and class."""
    count, few, many = 10_000, 4, 16
    held = {}
    for models in (few, many):
        run(tmp_path, count, models)
        store = tmp_path / f"store-{count}-{models}"
        held[models] = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    a_model = (held[many] - held[few]) / (many - few)
    weights, answers = 4 * (3072 * 256 + 256 + 256 * CLASSES + CLASSES), 8 * (count - SPARE) * CLASSES
    figures = {
        "a model more": Figure(a_model / 1e6, "MB"),
        "4 bytes a parameter": Figure(weights / 1e6, "MB"),
        "8 bytes a candidate and class": Figure(answers / 1e6, "MB"),
    }
    what, beside = f"what a perceptron takes in the store, from {few} to {many} of them", "its weights and its answers"
    record("growth/store", what, beside, a_model / (weights + answers), None, figures)


@pytest.mark.slow
@pytest.mark.benchmark
def test_memory_by_the_number_of_records(record, tmp_path):
    sizes = [5_000, 20_000, 40_000]
    peaks = [run(tmp_path, count, 4) for count in sizes]
    slope, constant = np.polyfit(sizes, peaks, 1)
    figures = {
        "a record": Figure(slope / 1e3, "kB"),
        "its picture": Figure(PICTURE / 1e3, "kB"),
        "whatever the number": Figure(constant / 1e9, "GB"),
        **{f"{count:,} records": Figure(peak / 1e9, "GB") for count, peak in zip(sizes, peaks, strict=True)},
    }
    what = f"memory that a run of LiRA holds at most for each record, {sizes[0]:,} to {sizes[-1]:,} pictures of 32 x 32"
    record("growth/memory-records", what, "its picture in float32", slope / PICTURE, None, figures)
