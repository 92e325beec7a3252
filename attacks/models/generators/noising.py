"""The arithmetic of diffusion: noise that is mixed into records step by step, and taken out again (Ho et al. 2020).

`kept` is the share of a record's variance that is left at a step, alpha bar in the paper; the rest of the variance is noise.
"""

from __future__ import annotations

import math

from torch import Tensor


def mixed(x: Tensor, noise: Tensor, kept: float) -> Tensor:
    """Return records x (n, ...) with noise (n, ...) mixed in."""
    return math.sqrt(kept) * x + math.sqrt(1 - kept) * noise


def cleaned(x: Tensor, noise: Tensor, kept: float) -> Tensor:
    """Return noisy records x (n, ...) without the noise (n, ...) in them."""
    return (x - math.sqrt(1 - kept) * noise) / math.sqrt(kept)


def moved(x: Tensor, noise: Tensor, kept: float, kept_there: float) -> Tensor:
    """Return noisy records x (n, ...) as they are at another step, if `noise` is the noise in them.

    It is the deterministic step of Song et al. 2021 (denoising diffusion implicit models), towards less noise or towards more.
    """
    return mixed(cleaned(x, noise, kept), noise, kept_there)
