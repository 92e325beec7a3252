"""Attacks that compare the target with models which were trained to imitate it, and which know what they were trained on."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import Architecture, AttackError, Population, Records, ScoreOracle
from attacks.models import distillation, internals, signals, training
from attacks.models.architectures import Estimator
from attacks.models.surrogate_training import BATCH, LEARNING_RATE
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, hash_records


def imitative(
    records: Records,
    scores: ScoreOracle,
    population: Population,
    architecture: Architecture,
    *,
    count: int = 10,
    epochs: int = 60,
    warm_up: float = 0.5,
    pivots: float = 0.5,
    pivot_epochs: int = 20,
    queries: int = 5000,
    seed: int = 0,
) -> Tensor:
    """How much nearer the target's margin lies to that of models with such records than without it, float64 (n,) (IMIA).

    Du et al. 2026, non-adaptive: `count` networks of the target's architecture are trained on halves of at most `queries`
    records of the adversary's own, for a share `warm_up` of the epochs on their labels, and then on labels and the target's
    answers in equal parts: squared differences of centred log-probabilities, averaged. They imitate the target on records that
    are no members. From the end of the warm-up a copy of each goes on for `pivot_epochs` on the pivots alone, the share
    `pivots` of each class on which the target's loss is lowest; its margins on them say how a member of that class is
    answered. The score is the squared distance to the median margin without the record, less that to the median of the pivots
    of its class; 0, where the second is not above the first. As in the authors' code, but for the optimizer, which is the
    recipe's; the networks of the last epoch are taken.
    """
    if count < 1:
        raise AttackError(f"at least one network must imitate the target (found {count})")
    recipe = replace(architecture.recipe, epochs=epochs, batch=BATCH, learning_rate=LEARNING_RATE, clip=0.0, trainer="")
    order = np.argsort(hash_records(derive_seed(seed, "asked"), 0, population.ids), kind="stable")[:queries]
    rows = torch.from_numpy(order)
    if len(rows) < 2:
        raise AttackError("there are no records to imitate the target on; a population and at least two queries are needed")
    x, label, ids = population.x[rows], population.label[rows], population.ids[order]
    answers = scores(x)
    pivot = _pivots(signals.loss(answers, label), label, pivots)
    outside, inside = [], []
    for k in range(count):
        half = torch.from_numpy(np.argsort(hash_records(derive_seed(seed, "half"), k, ids), kind="stable")[: len(ids) // 2])
        warm, imitating = _imitating(recipe, x[half], label[half], answers[half], warm_up, derive_seed(seed, "network", k))
        outside.append(signals.margin(_answers(imitating, records.x), records.label))
        _further(warm, recipe, x[pivot], label[pivot], pivot_epochs, derive_seed(seed, "pivots", k))
        inside.append(signals.margin(_answers(warm, x[pivot]), label[pivot]))
    out = torch.stack(outside).median(dim=0).values
    within, of_pivots = torch.full_like(out, float(torch.stack(inside).median())), torch.stack(inside)
    for c in records.label.unique():
        of_class = of_pivots[:, label[pivot] == c]
        if of_class.numel():  # a class that the adversary holds no record of is judged by all of them
            within[records.label == c] = of_class.median()
    target = signals.margin(scores(records.x), records.label)
    nearer = (out - target).square() - (within - target).square()
    return torch.where(within < out, 0.0, nearer)


def _pivots(loss: Tensor, label: Tensor, share: float) -> Tensor:
    """Return the rows with the lowest losses of each class, int64: this share of them, and one at least."""
    if not 0 < share <= 1:
        raise AttackError(f"pivots are a share of the records of a class, above 0 and at most 1 (found {share:g})")
    found = []
    for c in label.unique():
        of_class = (label == c).nonzero().squeeze(1)
        found.append(of_class[loss[of_class].argsort(stable=True)[: max(1, int(share * len(of_class)))]])
    return torch.cat(found)


def _imitating(
    recipe: Recipe, x: Tensor, label: Tensor, answers: Tensor, warm_up: float, seed: int
) -> tuple[nn.Module, nn.Module]:
    """Return a network as it is after the warm-up, and as it is in the end. Raises AttackError for what is no network."""
    wanted = (answers.clamp(min=signals.LEAST) - answers.clamp(min=signals.LEAST).mean(dim=1, keepdim=True)).float()

    def labels(logits: Tensor, rows: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, label[rows])

    def both(logits: Tensor, rows: Tensor) -> Tensor:
        apart = (logits - logits.mean(dim=1, keepdim=True) - wanted[rows]).square().mean()
        return 0.5 * apart + 0.5 * labels(logits, rows)

    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network = recipe.build()
        if isinstance(network, Estimator):
            raise AttackError(f"a {recipe.architecture} cannot be trained to imitate; the attack needs a neural network")
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
        ends = round(warm_up * recipe.epochs)
        warm = copy.deepcopy(network)
        for number in range(recipe.epochs):
            distillation.epoch(network, optimizer, x, recipe.batch, labels if number < ends else both)
            if number + 1 == ends:
                warm = copy.deepcopy(network)
    return warm.eval(), network.eval()


def _further(network: nn.Module, recipe: Recipe, x: Tensor, label: Tensor, epochs: int, seed: int) -> None:
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        training.learn(network.train(), recipe, training.TrainingSet(x, label, seed), epochs)
    network.eval()


def _answers(network: nn.Module, x: Tensor) -> Tensor:
    return torch.log_softmax(internals.layers(copy.deepcopy(network).double(), x)[-1], dim=-1)
