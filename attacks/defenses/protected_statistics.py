"""What a publisher shows of a group in the place of its statistics: with noise, without small counts, or as yes and no."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def add_noise(statistics: Tensor, size: int, *, people: float, seed: int) -> Tensor:
    """Show means of a group of `size`, float64 of any shape, with Laplace noise of this many people on each count.

    After Dwork et al. 2006: one person whose features lie between 0 and 1 moves each of d counts by 1 at most, so all of them
    together are differentially private with an epsilon of d / people. The noise is drawn once, when they are published, and
    means stay between 0 and 1.
    """
    drawn = np.random.default_rng(seed).laplace(scale=people / size, size=tuple(statistics.shape))
    return (statistics + torch.from_numpy(drawn)).clamp(0, 1)


def suppress(statistics: Tensor, size: int, *, least: int) -> Tensor:
    """Show means of a group of `size`, NaN where fewer than `least` people make them up. Pyrgelis et al. 2020."""
    return statistics.masked_fill(statistics * size < least, float("nan"))


def yes_or_no(statistics: Tensor, size: int) -> Tensor:
    """Show whether anybody of the group has a value, bool of the shape of the means. Shringarpure and Bustamante 2015."""
    return statistics > 0
