"""Architectures of targets and shadow models, by name."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(inputs: int, classes: int, hidden: Sequence[int]) -> nn.Module:
    """Multilayer perceptron with ReLU: `inputs` features, the widths of the hidden layers, one logit a class."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = inputs
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, classes))
