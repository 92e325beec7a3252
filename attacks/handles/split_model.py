"""Handles of a model that two parties run in turn: a device the first layers, and a cloud those behind the split."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.handles import answers
from attacks.handles.handle import Handle, Ledger, Oracle
from attacks.handles.runnable import Architecture
from attacks.handles.trainers import Trainer
from attacks.models.training import CHUNK, Recipe


class Activations(Handle):
    """What the device sent to the cloud: the values at the split for the inputs under attack, which stay unseen."""

    def __init__(self, name: str, values: Tensor, ledger: Ledger):
        super().__init__(name, ledger)
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> Tensor:
        """Values at the split, float32 of shape (inputs, ...)."""
        self._touch()
        return self._values.clone()


class HiddenValues(Oracle[Callable[[Tensor], Tensor]]):
    """Answers with the values at the split for inputs of the adversary's choice, without a gradient. Each input is one query."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return values at the split, float32 of shape (n, ...), for x of shape (n, ...)."""
        self._ask(len(x))
        with torch.no_grad():
            values = torch.cat([self._answer(chunk.float()) for chunk in x.detach().clone().split(CHUNK)])
        return answers.finite(values, len(x))


class LaterLayers(Handle):
    """The layers behind the split, which the cloud runs itself: they can be differentiated, and nobody counts."""

    def __init__(self, name: str, layers: nn.Module, ledger: Ledger):
        super().__init__(name, ledger)
        self._layers = layers.eval().requires_grad_(False)

    def __call__(self, values: Tensor) -> Tensor:
        """Return logits, float32 of shape (n, classes), for values at the split of shape (n, ...)."""
        self._touch()
        return answers.finite(self._layers(values), len(values))


class SplitTrainer(Trainer):
    """Structure and recipe of a split model: also the name of the layer after which it is split."""

    def __init__(self, name: str, recipe: Recipe, training_size: int, split_after: str, ledger: Ledger):
        super().__init__(name, recipe, training_size, ledger)
        self._split_after = split_after

    @property
    def split_after(self) -> str:
        """The last layer that the device runs, by the names of `attacks.models.layers`."""
        self._touch()
        return self._split_after


class InverseNetwork:
    """A network of the adversary's own that maps values at the split back to records.

    `hidden` is the shape of the values of one record; `shape` is that of one record.
    """

    def __init__(self, network: nn.Module, hidden: tuple[int, ...], shape: tuple[int, ...]):
        self.network = network.eval()
        self.hidden, self.shape = hidden, shape

    def __call__(self, values: Tensor) -> Tensor:
        """Return records, float32 of shape (n, *shape), for values of shape (n, *hidden)."""
        with torch.no_grad():
            return torch.cat([self.network(chunk) for chunk in values.split(CHUNK)])


class StandInLayers:
    """First layers of the adversary's own in place of the hidden ones.

    `recipe` says how the model is built; `split_after` is the last of these layers.
    """

    def __init__(self, layers: nn.Module, recipe: Recipe, split_after: str):
        self.layers = layers.eval().requires_grad_(False)
        self.recipe, self.split_after = recipe, split_after

    def __call__(self, x: Tensor) -> Tensor:
        """Return values at the split, float32 of shape (n, ...), for x of shape (n, ...); they can be differentiated."""
        values: Tensor = self.layers(x)
        return values


def split_of(known: Handle) -> str:
    """Return the layer after which a model of known structure is split; raise AttackError if one party runs all of it.

    `known` is what tells the structure: the architecture, or what trains such models.
    """
    split_after = known.split_after if isinstance(known, SplitTrainer | Architecture) else None
    if split_after is None:
        raise AttackError("the structure of the model shows no split: one party runs all of it")
    return split_after
