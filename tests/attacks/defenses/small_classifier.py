"""A small network and few records, for tests of defenses that change the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from attacks.models.training import Recipe, TrainingSet, one_thread

CLASSES, FEATURES = 4, 12
RECIPE = Recipe("mlp", (FEATURES,), CLASSES, (24,), epochs=30, batch=16, learning_rate=0.01)


def records(count: int, seed: int, spread: float = 1.5) -> TrainingSet:
    """Return records around one centre a class, which overlap the more, the larger the spread."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(0))
    y = torch.randint(CLASSES, (count,), generator=draw)
    return TrainingSet(centres[y] + spread * torch.randn(count, FEATURES, generator=draw), y, seed)


def by_chance(count: int, seed: int) -> TrainingSet:
    """Return records whose labels follow from nothing, so that only who saw a record can know its label."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(count, FEATURES, generator=draw)
    return TrainingSet(x, torch.randint(CLASSES, (count,), generator=draw), seed)


def trained(
    function: Callable[..., nn.Module], data: TrainingSet, *others: TrainingSet, recipe: Recipe = RECIPE, **params: Any
) -> nn.Module:
    """Return the network that a defense's function trains, called as `Trained` calls it (attacks/defenses/owner.py)."""
    with one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(data.seed)
        return function(recipe, data, *others, **params).eval()


def answers(network: nn.Module, x: Tensor) -> Tensor:
    """Return log-probabilities, float64 (n, classes)."""
    with torch.no_grad():
        return torch.log_softmax(network.eval()(x).double(), dim=-1)


def accuracy(network: nn.Module, data: TrainingSet) -> float:
    """Return the share of records whose label a network tells."""
    return float((answers(network, data.x).argmax(-1) == data.y).double().mean())


def same(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two networks have the same weights, to the bit."""
    weights = other.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in one.state_dict().items())


def alike(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two networks have the same weights but for rounding."""
    weights = other.state_dict()
    return all(torch.allclose(value, weights[name], rtol=1e-3, atol=1e-4) for name, value in one.state_dict().items())
