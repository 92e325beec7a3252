"""Networks with dropout: a recipe as any other, whose hidden units are left out at random in training."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import nn

from attacks.dropout_layer import Dropout
from attacks.training import Recipe


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
