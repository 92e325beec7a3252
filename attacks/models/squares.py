"""Networks whose activation is the square, which additions and multiplications alone can compute."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn


class Square(nn.Module):
    """The square of every value."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x * x."""
        return x * x


def network(shape: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Module:
    """Multilayer perceptron with squares in place of ReLU: a record's shape, widths of hidden layers, one logit a class.

    As in CryptoNets (Gilad-Bachrach et al. 2016, Section 3), which computes on encrypted values.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for size in hidden:
        layers += [nn.Linear(width, size), Square()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, classes))
