"""How fast this machine trains: measured once on small networks, and kept; by that the time of other networks is told.

The time of a training is a sum: so much for each step of the optimiser, for each weight that it moves, and for each
multiplication of the network. What these cost is measured for each way in which networks are trained, in seconds of one
processor: a machine that is busy otherwise takes longer.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.engine.store import Store
from attacks.models import paths
from attacks.seeds import digest
from taxonomy.entries import Target

VERSION = 2
# A trial is repeated, and its median counts: the fastest would promise what a machine in use does not keep.
REPEATS = 5

CLASSIFIER, FEDERATION = "attacks.targets.classifier:build", "attacks.targets.federated:build"
NETWORKS = ("mlp", "cnn")
# The shape of a record and the number of classes, so that no data set is read, or downloaded, only to tell what it would cost.
SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    "breast-cancer": ((30,), 2),
    "cifar-10": ((3, 32, 32), 10),
    "cifar-100": ((3, 32, 32), 100),
    "digits": ((64,), 10),
    "fashion": ((28, 28), 10),
    "genomes": ((127,), 26),
    "genomes-panel": ((24,), 26),
    "location-30": ((446,), 30),
    "mnist": ((28, 28), 10),
    "purchase-100": ((600,), 100),
    "rand": ((17,), 10),
    "texas-100": ((6169,), 100),
}


@dataclass(frozen=True)
class Work:
    """What training one model takes: so many steps, on so many weights, and records seen in all, with multiplications for each.

    `way` says how it is trained: by the loop, in blocks or in a federation, and by which architecture.
    """

    way: str
    steps: int
    weights: int
    records: int
    multiplications: int

    @property
    def amounts(self) -> tuple[float, float, float]:
        """What is paid for: steps, weights moved, multiplications."""
        return float(self.steps), float(self.steps * self.weights), float(self.records * self.multiplications)


@dataclass(frozen=True)
class Speed:
    """Seconds a step, a weight moved and a multiplication by the way of training, and seconds until a worker is ready."""

    costs: Mapping[str, tuple[float, ...]]
    start: float

    def seconds(self, work: Work | None) -> float | None:
        """Return how long one model takes, or None for a way that was not measured."""
        if work is None or work.way not in self.costs:
            return None
        return sum(cost * amount for cost, amount in zip(self.costs[work.way], work.amounts, strict=True))


# -- what is kept ----------------------------------------------------------------------------------------------------------


def known(store: Store) -> Speed | None:
    """Return the speed of this machine as it was measured last, or None."""
    try:
        found = json.loads(_file(store).read_text(encoding="utf-8"))
        costs = {str(way): tuple(map(float, each)) for way, each in found["costs"].items()}
        return Speed(costs, float(found["start"])) if all(len(each) == 3 for each in costs.values()) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(store: Store, speed: Speed) -> Path:
    """Keep the speed of this machine beside the finished work; raise StoreError if that cannot be written."""
    store.prepare()
    path = _file(store)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(json.dumps({"costs": speed.costs, "start": speed.start}), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise store.unwritable(error) from error
    return path


def _file(store: Store) -> Path:
    """Return where the speed of this kind of machine is kept: a store may be shared by several."""
    from importlib.metadata import version

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    machine = digest([VERSION, platform.machine(), processor, os.cpu_count(), version("torch")])
    return store.folder / f"speed-{machine[:12]}.json"


# -- what training takes ---------------------------------------------------------------------------------------------------


def block_size(target: Target) -> int:
    """Return how many models by a target's own recipe are trained at a time."""
    params = target.params
    if "family" in params:  # it is a generator
        return 1
    return paths.block_size(str(params.get("architecture") or "mlp"), noisy="clip" in params, own_trainer="trainer" in params)


def of_target(target: Target, *, own: bool) -> Work | None:
    """Return what training a target takes, if `own`, or a shadow model by its recipe; None for what nobody can tell beforehand.

    Told are networks of ours on data sets of ours, trained in one place or by a federation.
    """
    params: dict[str, Any] = dict(target.params)
    architecture, data = params.get("architecture") or "mlp", params.get("data")
    if target.run not in (CLASSIFIER, FEDERATION) or "trainer" in params or architecture not in NETWORKS or data not in SHAPES:
        return None
    from attacks.models.training import Recipe

    recipe = Recipe(architecture, *SHAPES[data], tuple(params["hidden"]))
    in_blocks = not own and recipe.block_size > 1
    if target.run == CLASSIFIER:
        size = params["members"] + params.get("known_members", 0)
        return trained(recipe, size, params["epochs"], params["batch"], in_blocks=in_blocks)
    if not own:  # by the settings of attacks/targets/federated.py for models that are trained in one place
        epochs, batch = params.get("epochs", 60), params.get("adam_batch", 64)
        return trained(recipe, params["records"], epochs, batch, in_blocks=in_blocks)
    participants, records, rounds, batch = (params[name] for name in ("participants", "records", "rounds", "batch"))
    algorithm, epochs = params.get("algorithm", "fedavg"), params.get("local_epochs", 1)
    return federated(recipe, participants, records, rounds, batch, algorithm, epochs)


def trained(recipe: Any, records: int, epochs: int, batch: int, *, in_blocks: bool = False) -> Work:
    """Return what training a classifier of this architecture takes."""
    weights, multiplications = _size(recipe)
    way = f"{paths.BLOCKS if in_blocks else paths.LOOP} {recipe.architecture}"
    return Work(way, epochs * -(-records // batch), weights, epochs * records, multiplications)


def federated(
    recipe: Any, participants: int, records: int, rounds: int, batch: int, algorithm: str = "fedavg", local_epochs: int = 1
) -> Work:
    """Return what training a federation takes, of which each participant holds so many records."""
    weights, multiplications = _size(recipe)
    one_batch = algorithm == "fedsgd"
    steps = 1 if one_batch else local_epochs * -(-records // batch)
    seen = min(batch, records) if one_batch else local_epochs * records
    turns = participants * rounds
    return Work(f"{algorithm} {recipe.architecture}", turns * steps, weights, turns * seen, multiplications)


def _size(recipe: Any) -> tuple[int, int]:
    """Return how many weights a network has, and how many multiplications it takes for one record."""
    import torch
    from torch import nn

    found = 0

    def count(layer: nn.Module, given: object, output: torch.Tensor) -> None:
        nonlocal found
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        found += layer.weight.numel() * (output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1)

    with torch.device("meta"):
        network = recipe.build()
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.register_forward_hook(count)
        network(torch.zeros(1, *recipe.shape))
    return sum(weight.numel() for weight in network.parameters()), found


# -- measuring -------------------------------------------------------------------------------------------------------------


def measure() -> Speed:
    """Return the speed of this machine, from trainings of small networks on random records; takes some seconds."""
    from scipy.optimize import nnls

    rows: dict[str, list[list[float]]] = {}
    for work, run in _trials():
        run()  # what is loaded once is nobody's
        seconds = statistics.median(_timed(run) for _ in range(REPEATS))
        rows.setdefault(work.way, []).append([amount / seconds for amount in work.amounts])
    # Of each trial the share of its time that is explained should be 1: so small ones count as much as large ones.
    costs = {way: tuple(float(cost) for cost in nnls(trials, [1.0] * len(trials))[0]) for way, trials in rows.items()}
    before = os.times()
    subprocess.run([sys.executable, "-c", "import attacks.engine.workshop"], check=True)
    after = os.times()
    start = after.children_user + after.children_system - before.children_user - before.children_system
    return Speed(costs, start)


def _timed(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _trials() -> Iterator[tuple[Work, Callable[[], object]]]:
    """Yield small trainings that differ in what they take: in steps, in weights and in multiplications."""
    import functools
    from dataclasses import replace

    import torch

    from attacks.models import federation, training
    from attacks.models.federation import Federation
    from attacks.models.training import NumberedSets, Recipe, TrainingSet

    def drawn(shape: tuple[int, ...], records: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(records, *shape, generator=generator), torch.arange(records) % 10

    def rows(number: int, *, records: int) -> torch.Tensor:
        return torch.arange(records)

    sizes: list[tuple[tuple[int, ...], tuple[int, ...], int, int, int]] = [
        ((8, 8), (16,), 256, 16, 8),
        ((8, 8), (256, 256), 512, 64, 4),
        ((28, 28), (256,), 1024, 128, 2),
        ((28, 28), (128,), 512, 16, 1),
    ]
    for shape, hidden, records, batch, epochs in sizes:
        recipe = Recipe("mlp", shape, 10, hidden, epochs, batch, 0.001)
        x, y = drawn(shape, records)
        yield trained(recipe, records, epochs, batch), functools.partial(training.fit, recipe, TrainingSet(x, y, 0))
        size = recipe.block_size
        sets = NumberedSets(x, y, count=size, rows=functools.partial(rows, records=records), seed=lambda number: number)
        of_one = trained(recipe, records, epochs, batch, in_blocks=True)
        # A block is as many models, of which each takes its share.
        whole = replace(of_one, steps=size * of_one.steps, records=size * of_one.records)
        yield whole, functools.partial(training.fit_block, recipe, sets.blocks(size)[0])
        for algorithm in federation.ALGORITHMS:
            rounds = epochs if algorithm == "fedavg" else epochs * records // batch
            together = Federation(algorithm, recipe, rounds, batch, 0.1)
            work = federated(recipe, 2, records, rounds, batch, algorithm)
            yield work, functools.partial(federation.run, together, [TrainingSet(x, y, 0)] * 2, 0)
    sizes = [((8, 8), (16,), 128, 16, 2), ((28, 28), (128,), 128, 64, 1), ((3, 32, 32), (128,), 128, 64, 1)]
    for shape, hidden, records, batch, epochs in sizes:
        recipe = Recipe("cnn", shape, 10, hidden, epochs, batch, 0.001)
        x, y = drawn(shape, records)
        yield trained(recipe, records, epochs, batch), functools.partial(training.fit, recipe, TrainingSet(x, y, 0))
