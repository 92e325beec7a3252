"""Principal components, in float64."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_axes(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean of records x (n, features), and their first `count` principal axes as columns, both float64.

    Directions in which the records do not vary, as those of columns that add up to one, are left out.
    """
    mean = x.double().mean(dim=0)
    centred = x.double() - mean
    variance, axes = torch.linalg.eigh(centred.T @ centred)  # by growing variance
    varying = int((variance > 1e-9 * variance[-1]).sum())
    return mean, axes.flip(1)[:, : min(count, varying)]
