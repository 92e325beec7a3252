"""Distillation for membership privacy: the published network learns from answers about records that are not private."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.defenses.networks import network_recipe
from attacks.models.training import Model, Recipe, TrainingSet, fit, learn
from attacks.seeds import derive_seed


def dmp(recipe: Recipe, data: TrainingSet, reference: TrainingSet, *, share: float, temperature: float) -> nn.Module:
    """Train an unprotected network, and another one on its answers about reference records alone.

    Of the reference records at most as many are taken as there are private ones, and of these the `share` about which the
    unprotected network is surest. Both networks answer at the same `temperature` while the second one learns. Shejwalkar and
    Houmansadr 2021, after their notebook for Purchase, whose networks have optimizers and epochs of their own; these have the
    recipe's. The notebook keeps all records.

    The reference records are taken from what the adversary's records come from too, so that it may hold some of them. They are
    no candidates.
    """
    unprotected = Model(recipe, fit(network_recipe(recipe), data), "unprotected")
    draw = torch.Generator().manual_seed(derive_seed(data.seed, "distilled"))
    x = reference.x[torch.randperm(len(reference.x), generator=draw)[: len(data.x)]]
    answers = unprotected.log_probs(x)
    kept = surest(answers, share)
    labels = torch.softmax(answers[kept] / temperature, dim=-1).float()
    network = recipe.build()
    learn(nn.Sequential(network, Cooled(temperature)), recipe, TrainingSet(x[kept], labels, data.seed), recipe.epochs)
    return network


dmp_suits = network_recipe


def surest(log_probs: Tensor, share: float) -> Tensor:
    """Return the rows of a share of answers (n, classes), int64 (m,), in order: those of the lowest entropy, one at least."""
    entropy = torch.special.entr(log_probs.exp()).sum(dim=-1)
    count = max(1, round(share * len(log_probs)))
    rows: Tensor = entropy.argsort(stable=True)[:count].sort().values
    return rows


class Cooled(nn.Module):
    """Divides logits by a temperature."""

    def __init__(self, temperature: float):
        super().__init__()
        self.temperature = temperature

    def forward(self, logits: Tensor) -> Tensor:
        """Return logits (n, classes) divided by the temperature."""
        return logits / self.temperature
