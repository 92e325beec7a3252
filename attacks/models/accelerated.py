"""Training and answers of networks on an accelerator, by the same programs as on the CPU.

A network starts from the weights, and sees its records in the orders, that it would have on the CPU. How sums are rounded
differs, and what noisy descent draws. Records come from the CPU, and weights and logits go back to it. What is no network of a
recipe stays on the CPU: estimators, and what a trainer of one's own makes. Nothing of this has been measured on an accelerator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from attacks.models import architectures, training
from attacks.models.blocks import Block
from attacks.models.devices import CPU
from attacks.models.training import Recipe, TrainingSet


def device_of(recipe: object, device: str) -> str:
    """Return on which device models of a recipe are trained, and answer, in a run on `device`."""
    if type(recipe) is not Recipe or recipe.trainer or recipe.architecture in architectures.ESTIMATORS:
        return CPU
    return device


def fit(recipe: Recipe, data: TrainingSet, device: str) -> nn.Module:
    """Train a network as `training.fit` does, on a device; return it on the CPU."""
    with _exactly(), _Beside(device):
        there = TrainingSet(data.x.to(device), data.y.to(device), data.seed)
        return moved(training.fit(_Placed(**vars(recipe), device=device), there), CPU)


def fit_block(recipe: Recipe, block: Block, device: str) -> list[nn.Module]:
    """Train the networks of a block as `training.fit_block` does, on a device; return them on the CPU."""
    with _exactly(), _Beside(device):
        rows = tuple(rows.to(device) for rows in block.rows)
        there = Block(block.x.to(device), block.y.to(device), rows, block.seeds)
        return [moved(network, CPU) for network in training.fit_block(_Placed(**vars(recipe), device=device), there)]


class Answering(nn.Module):
    """A copy of a network on a device, which takes records from the CPU and gives its logits back to it.

    There they are cast to float64, which not every accelerator has.
    """

    def __init__(self, network: nn.Module, device: str):
        super().__init__()
        self._network, self._device = moved(copy.deepcopy(network), device), device

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of records x (n, ...), both on the CPU."""
        with _exactly():
            logits: Tensor = self._network(x.to(self._device))
            return logits.to(CPU)


def moved(network: nn.Module, device: str) -> nn.Module:
    """Return a network on a device."""
    return network.to(device)


@dataclass(frozen=True)
class _Placed(Recipe):
    """A recipe whose networks are made on the CPU, where their first weights are drawn, and trained on a device."""

    device: str = CPU

    def build(self) -> nn.Module:
        return moved(super().build(), self.device)


class _Beside(TorchFunctionMode):
    """Puts beside the records on a device what training makes on the CPU: orders, which are drawn there, and constants."""

    def __init__(self, device: str):
        super().__init__()
        self._device = device

    def __torch_function__(
        self, function: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        return made.to(self._device) if function in (torch.randperm, torch.full) else made


@contextmanager
def _exactly() -> Iterator[None]:
    """Have convolutions by NVIDIA's library take the same way each time, and no fewer digits than float32 has."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
