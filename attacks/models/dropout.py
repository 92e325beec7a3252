"""Dropout: a layer whose masks do not depend on the build of PyTorch, and recipes of networks that have it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from attacks.models.training import Recipe


class Dropout(nn.Module):
    """Leave out each number with probability `share` in training, and scale the others up so that their mean stays.

    `torch.nn.Dropout` draws its masks by whatever the build of PyTorch brings: the same seed gives other masks, and so another
    network, with another version. Uniform numbers are drawn alike by all of them. Srivastava et al. 2014, Section 4, scaled as
    in Section 10.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some of its numbers left out while the network trains, and x itself afterwards."""
        if not self.training or not self.share:
            return x
        return x * (torch.rand(x.shape, device=x.device) >= self.share) / (1 - self.share)


@dataclass(frozen=True)
class DropoutRecipe(Recipe):
    """A recipe whose network drops each hidden unit of its perceptron layers with probability `dropout` in training.

    The weights have the names that they have without dropout, so a model built by the plain recipe takes them.
    """

    dropout: float = 0.0

    def build(self) -> nn.Module:
        """Return an untrained network of this architecture with dropout behind each activation."""
        module = super().build()
        for parent in list(module.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(parent, name, nn.Sequential(nn.ReLU(), Dropout(self.dropout)))
        return module


def with_dropout(recipe: Recipe, dropout: float) -> Recipe:
    """Return the recipe with dropout, or the plain recipe itself where the probability is 0."""
    if not dropout:
        return recipe
    return DropoutRecipe(**{field.name: getattr(recipe, field.name) for field in fields(recipe)}, dropout=dropout)
