"""Mixup: training on mixtures of two records and of their labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import network_recipe
from attacks.models.training import Recipe, TrainingSet


def mixup(recipe: Recipe, data: TrainingSet, *, alpha: float, seed: int) -> nn.Module:
    """Train a network on mixtures of the records of a batch with those of the same batch in another order.

    The weight of a batch is drawn from Beta(`alpha`, `alpha`), as in the code of Zhang et al. 2018, Section 2; the loss of a
    mixture is the mixture of the losses, which for the cross-entropy is the loss of the mixed label.
    """
    network = network_recipe(recipe).build()
    # torch's own gamma variates differ between its builds.
    weights = np.random.default_rng(seed)
    loss_of = nn.CrossEntropyLoss()
    x, y = data.x.float(), data.y

    def loss(epoch: int, rows: Tensor) -> Tensor:
        weight = float(weights.beta(alpha, alpha))
        others = rows[torch.randperm(len(rows))]
        answer = network(weight * x[rows] + (1 - weight) * x[others])
        found: Tensor = weight * loss_of(answer, y[rows]) + (1 - weight) * loss_of(answer, y[others])
        return found

    for _ in epochs(network, recipe, len(x), loss):
        pass
    return network


mixup_suits = network_recipe
