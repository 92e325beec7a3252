"""Layers of networks: by name, on either side of a split, the first dense one, and those that lead back to a record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from torch import nn

from attacks.errors import AttackError
from attacks.models.architectures import Estimator
from attacks.models.training import Recipe

# How layers are named: by their kind and a number, as in He et al. 2019, Table 2 and Figure 11 (conv1, ReLU2, fc1).
KINDS: dict[type[nn.Module], str] = {nn.Conv2d: "conv", nn.ReLU: "ReLU", nn.MaxPool2d: "pool", nn.Linear: "fc"}
# Channels of the convolutions, and units of the one hidden layer where the values are no picture.
CHANNELS, UNITS = 16, 256


def named(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network by name, in the order in which they run; raise AttackError if they do not run in a row."""
    if isinstance(network, Estimator) or not isinstance(network, nn.Sequential):
        raise AttackError(f"a {type(network).__name__} has no layers that run one after the other, so it cannot be split")
    found, seen = dict[str, nn.Module](), Counter[str]()
    for layer in _in_a_row(network):
        kind = KINDS.get(type(layer), type(layer).__name__)
        seen[kind] += 1
        found[f"{kind}{seen[kind]}"] = layer
    return found


def parts(network: nn.Module, split_after: str) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the layers up to the named one, and those behind it; they share their weights with the network.

    Raises AttackError if there is no layer of this name, or none behind it.
    """
    layers = named(network)
    names = list(layers)
    if split_after not in names[:-1]:
        raise AttackError(f"there is no layer {split_after!r} to split after; there are {', '.join(names[:-1])}")
    at = names.index(split_after) + 1
    every = list(layers.values())
    return nn.Sequential(*every[:at]), nn.Sequential(*every[at:])


def is_deep(layers: nn.Module) -> bool:
    """Return whether an activation function stands among the layers that the device runs; without one they are shallow."""
    return any(isinstance(layer, nn.ReLU) for layer in layers.modules())


def first_dense(recipe: Recipe) -> tuple[str, str]:
    """Return the names of the weights (units, features) and the bias (units,) of a network's first layer.

    Raises AttackError unless that layer is dense, takes in the whole record and has a bias.
    """
    for name, module in recipe.build().named_modules():
        if not list(module.parameters(recurse=False)):
            continue
        if isinstance(module, nn.Linear) and module.in_features == math.prod(recipe.shape) and module.bias is not None:
            return f"{name}.weight", f"{name}.bias"
        break
    raise AttackError(f"the first layer of a {recipe.architecture} is not a dense layer that takes in the whole record")


def inverse_layers(hidden: Sequence[int], shape: Sequence[int]) -> nn.Sequential:
    """Return an untrained network from values of shape `hidden` to records of shape `shape`.

    Any structure will do (He et al. 2019, Section 5.1). Values that lie in the plane, (channels, height, width), stay there: a
    convolution, enlargement to the size of the picture, and two more convolutions, all 3 x 3. All others go through one hidden
    layer.
    """
    if len(hidden) == 3 and len(shape) >= 2:
        *colours, height, width = shape
        layers: list[nn.Module] = [
            nn.Conv2d(hidden[0], CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Upsample((height, width)),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, math.prod(colours), 3, padding=1),
        ]
    else:
        layers = [nn.Flatten(), nn.Linear(math.prod(hidden), UNITS), nn.ReLU(), nn.Linear(UNITS, math.prod(shape))]
    return nn.Sequential(*layers, nn.Flatten(), nn.Unflatten(1, tuple(shape)))


def _in_a_row(network: nn.Sequential) -> list[nn.Module]:
    every: list[nn.Module] = []
    for layer in network:
        every += _in_a_row(layer) if isinstance(layer, nn.Sequential) else [layer]
    return every
