"""Dataset inference on classifiers: records that a model was trained on lie farther from its decision boundaries than others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import Architecture, LabelOracle, Parameters, Population, Records, SuspectSets
from attacks.models import internals, weighing
from attacks.seeds import streams

# How the random directions of a walk are distributed, each with a spread of 1, and in which norm its length counts.
DIRECTIONS: tuple[tuple[Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], float], ...] = (
    (lambda source, shape: source.laplace(scale=math.sqrt(0.5), size=shape), 1.0),
    (lambda source, shape: source.normal(size=shape), 2.0),
    (lambda source, shape: source.uniform(-math.sqrt(3), math.sqrt(3), size=shape), math.inf),
)
# Points that are moved side by side.
CHUNK = 4096


def blind_walk(
    records: Records,
    labels: LabelOracle,
    population: Population,
    suspect_sets: SuspectSets,
    *,
    starts: int = 5,
    steps: int = 30,
    stride: float = 0.1,
    penalty: float = 1.0,
    draws: int = 1999,
    seed: int = 0,
) -> Tensor:
    """P-value of each set, float64 (sets,), from how far random walks get before the label changes (Blind Walk).

    Maini et al. 2021, black-box: from every record `starts` walks lead in a direction of Laplace, normal and uniform noise each,
    up to `steps` steps of the same length; the distance at which the target no longer gives the record's label is a signal.
    Sorted, since no start is the first, they teach a model to tell the set from what was kept back, and the other halves are
    compared. Three things differ: the paper learns from its own model, which the suspects certainly trained, and then asks the
    suspected one; its model has two layers with tanh, ours is logistic regression; and it takes a t-test (`weighing.p_values`).
    """
    both = suspect_sets.joined(records, population, labelled=True)
    x, label = both.x.double(), both.label
    sources = streams(seed, both.ids)
    distances = []
    for draw, norm in DIRECTIONS:
        lengths = []
        for _ in range(starts):
            way = torch.from_numpy(np.stack([draw(source, tuple(x.shape[1:])) for source in sources])) * stride
            survived, on = torch.zeros(len(x), dtype=torch.float64), torch.arange(len(x))
            for step in range(1, steps + 1):
                kept = labels((x[on] + step * way[on]).float()) == label[on]
                on = on[kept]
                if not len(on):
                    break
                survived[on] = step
            lengths.append(survived * torch.linalg.vector_norm(way.flatten(1), norm, dim=1))
        distances.append(torch.stack(lengths, dim=1).sort(dim=1).values)
    return weighing.p_values(torch.cat(distances, dim=1), both.ids, len(suspect_sets), draws=draws, penalty=penalty, seed=seed)


def to_other_classes(
    records: Records,
    parameters: Parameters,
    architecture: Architecture,
    population: Population,
    suspect_sets: SuspectSets,
    *,
    classes: int = 3,
    steps: int = 50,
    stride: float = 0.05,
    penalty: float = 1.0,
    draws: int = 1999,
    seed: int = 0,
) -> Tensor:
    """P-value of each set, float64 (sets,), from how far gradient descent must move a record into other classes (MinGD).

    Maini et al. 2021, white-box: for the likeliest `classes` other than its label, a record goes down the target's gap between
    its highest log-odds and those of the class until it is in it, in steps along the gradient (l2), its signs (l-inf), and the
    steepest eighth of its entries (l1); how far it got, in that norm, is a signal. All steps have the same Euclidean length. What
    follows, and what differs from the paper, is as in `blind_walk`.
    """
    both = suspect_sets.joined(records, population, labelled=True)
    network = internals.network(architecture.recipe, parameters.weights)
    x, label = both.x.double(), both.label
    with torch.no_grad():
        answers = network(x).scatter(1, label[:, None], -math.inf)
    wanted = answers.topk(min(classes, answers.shape[1] - 1), dim=1).indices
    start, towards = x.repeat_interleave(wanted.shape[1], dim=0), wanted.flatten()
    parts = [
        _distances(network, some, aim, steps, stride) for some, aim in zip(start.split(CHUNK), towards.split(CHUNK), strict=True)
    ]
    signals = torch.cat(parts).reshape(len(x), -1)
    return weighing.p_values(signals, both.ids, len(suspect_sets), draws=draws, penalty=penalty, seed=seed)


def _distances(network: nn.Module, x: Tensor, towards: Tensor, steps: int, stride: float) -> Tensor:
    """Return how far each of x (n, ...) moved, by three kinds of steps, (n, 3)."""
    size = x[0].numel()
    length, few = stride * math.sqrt(size), max(1, size // 8)

    def along(slope: Tensor, norm: float) -> Tensor:
        if norm == math.inf:
            return slope.sign()
        if norm == 1.0:
            top = slope.abs().topk(few, dim=1).indices
            return torch.zeros_like(slope).scatter(1, top, slope.gather(1, top).sign())
        return slope

    found = []
    for norm in (1.0, 2.0, math.inf):
        moved, on = torch.zeros(len(x), size, dtype=x.dtype), torch.arange(len(x))
        for _ in range(steps):
            here = (x[on] + moved[on].reshape(len(on), *x.shape[1:])).requires_grad_(True)
            answers = network(here)
            gap = answers.max(dim=1).values - answers.gather(1, towards[on][:, None]).squeeze(1)
            (slope,) = torch.autograd.grad(gap.sum(), here)
            outside = answers.argmax(dim=1) != towards[on]
            on, way = on[outside], along(slope[outside].flatten(1), norm)
            if not len(on):
                break
            long = way.norm(dim=1, keepdim=True)
            moved[on] -= length * torch.where(long > 0, way / long, 0.0)
        found.append(torch.linalg.vector_norm(moved, norm, dim=1))
    return torch.stack(found, dim=1)
