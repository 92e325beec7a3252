"""Principal components, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError

# A direction whose variance is below this part of the largest counts as none. Rounding of float32 values leaves about 1e-14.
FLAT = 1e-9


def principal_axes(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean of records x (n, features), and their first `count` principal axes as columns, both float64.

    Directions in which the records do not vary, as those of columns that add up to one, are left out.
    """
    mean, _, axes = _varying(x)
    return mean, axes[:, :count]


def axes_of_share(x: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return the mean of records x (n, features), and the fewest first axes with this share of their variance, both float64.

    Directions in which the records do not vary are left out, also where the share is 1. Raises AttackError where all records are
    alike, or the share is none.
    """
    if not 0 < share <= 1:
        raise AttackError(f"the share of the variance is above 0 and at most 1 (found {share:g})")
    mean, variance, axes = _varying(x)
    if not len(variance):
        raise AttackError(f"{len(x)} records that are all alike have no principal axes")
    reached = variance.cumsum(dim=0) / variance.sum()
    return mean, axes[:, : int((reached < share).sum()) + 1]


def is_flat(x: Tensor, largest: float) -> bool:
    """Return whether points x float64 (n, d) lie in fewer than d dimensions: their variance in one is tiny beside `largest`."""
    centred = x - x.mean(dim=0)
    return bool(torch.linalg.eigvalsh(centred.T @ centred)[0] <= FLAT * largest * len(x))


def _varying(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean of records, and their variances from the largest on with the axes as columns, where they vary at all."""
    mean = x.double().mean(dim=0)
    centred = x.double() - mean
    variance, axes = torch.linalg.eigh(centred.T @ centred / len(x))  # by growing variance
    varying = int((variance > FLAT * variance[-1]).sum())
    return mean, variance.flip(0)[:varying], axes.flip(1)[:, :varying]
