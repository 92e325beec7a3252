"""Training on adversarial examples, which makes a network robust to small changes of a record."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import classifier_recipe
from attacks.models.training import Recipe, TrainingSet

# By how much more than needed to cross the range the steps of the search reach together: that of the authors' code.
REACH = 2.5


def robust(recipe: Recipe, data: TrainingSet, *, bound: float, steps: int) -> nn.Module:
    """Train a network on the worst records near those of each batch. Madry et al. 2018, Equation 2.1.

    Each value of a record may move by `bound`. The worst record is sought from a random place in that range by `steps` steps of
    projected gradient ascent (Section 2.1). It differs from the paper in that epochs, batch, learning rate and Adam are the
    recipe's, and in that values are not cut to those that are allowed: our data are standardised, so that `bound` is in units of
    a feature's standard deviation.
    """
    network = classifier_recipe(recipe).build()
    x, y = data.x.float(), data.y

    def loss(epoch: int, rows: Tensor) -> Tensor:
        shown = worst(network, x[rows], y[rows], bound, steps) if bound else x[rows]
        return nn.functional.cross_entropy(network(shown), y[rows])

    for _ in epochs(network, recipe, len(x), loss):
        pass
    return network


robust_suits = classifier_recipe


def worst(network: nn.Module, x: Tensor, y: Tensor, bound: float, steps: int) -> Tensor:
    """Return records (n, ...) at most `bound` from x (n, ...) in every value, on which the loss for labels y (n,) is larger."""
    change = torch.empty_like(x).uniform_(-bound, bound)
    for _ in range(steps):
        change.requires_grad_()
        loss = nn.functional.cross_entropy(network(x + change), y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, change)
        change = (change.detach() + REACH * bound / steps * slope.sign()).clamp(-bound, bound)
    return x + change.detach()
