"""The eight pictures that one square picture is, turned and mirrored: what lies in one such set lies in no other."""

from __future__ import annotations

import torch
from torch import Tensor

COUNT = 8


def is_square(x: Tensor) -> bool:
    """Return whether records x (n, ...) are pictures that can be turned into pictures of the same shape."""
    return x.ndim >= 3 and x.shape[-1] == x.shape[-2] > 1


def turned(x: Tensor, way: int) -> Tensor:
    """Return pictures x (n, ..., size, size) turned and mirrored in one of the 8 ways, of which 0 leaves them as they are."""
    quarter, mirrored = way % 4, way >= 4
    return torch.rot90(x.flip(-1) if mirrored else x, quarter, dims=(-2, -1)).contiguous()
