"""Networks that two parties run in turn: their layers by name, and the two parts on either side of a split."""

from __future__ import annotations

from collections import Counter

from torch import nn

from attacks.architectures import Estimator
from attacks.handles import Architecture, AttackError, Handle, SplitTrainer

# How layers are named: by their kind and a number, as in He et al. 2019, Table 2 and Figure 11 (conv1, ReLU2, fc1).
KINDS: dict[type[nn.Module], str] = {nn.Conv2d: "conv", nn.ReLU: "ReLU", nn.MaxPool2d: "pool", nn.Linear: "fc"}


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


def split_of(known: Handle) -> str:
    """Return the layer after which a model of known structure is split; raise AttackError if one party runs all of it.

    `known` is what tells the structure: the architecture, or what trains such models.
    """
    split_after = known.split_after if isinstance(known, SplitTrainer | Architecture) else None
    if split_after is None:
        raise AttackError("the structure of the model shows no split: one party runs all of it")
    return split_after


def _in_a_row(network: nn.Sequential) -> list[nn.Module]:
    every: list[nn.Module] = []
    for layer in network:
        every += _in_a_row(layer) if isinstance(layer, nn.Sequential) else [layer]
    return every
