"""Label smoothing: training towards labels that leave a little probability to every class."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from attacks.defenses.networks import network_recipe
from attacks.models.training import Recipe, TrainingSet, learn


def label_smoothing(recipe: Recipe, data: TrainingSet, *, share: float) -> nn.Module:
    """Train a network towards labels of which a share is spread evenly over all classes. Szegedy et al. 2016, Section 7 (0.1)."""
    network = network_recipe(recipe).build()
    learn(network, recipe, TrainingSet(data.x, smoothed(data.y, recipe.classes, share), data.seed), recipe.epochs)
    return network


label_smoothing_suits = network_recipe


def smoothed(labels: Tensor, classes: int, share: float) -> Tensor:
    """Return probabilities of the classes, float32 (n, classes), for labels int64 (n,)."""
    return (1 - share) * functional.one_hot(labels, classes).float() + share / classes
