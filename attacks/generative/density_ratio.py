"""A ratio of densities: a generator that overfits puts more of its samples near a record than there are records like it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks.generative.distance import CHUNK, between
from attacks.handles import AttackError, Population, Records, SamplePool


def density_ratio(records: Records, sample_pool: SamplePool, population: Population, *, components: int = 10) -> Tensor:
    """Log-density of each record among samples, less that among the population, float64 (n,).

    DOMIAS, van Breugel et al. 2023, Section 4 (from memory), with kernel density estimates. Records, samples and population are
    compared by the first principal components of the population, scaled to a spread of one. Both densities are sums of normal
    kernels whose width follows from the number of points (Scott 1992). The paper has an estimate by a neural network (BNAF) as
    well, which this code has not.
    """
    held = population.x.flatten(1).double()
    if len(held) < 2:
        raise AttackError("there are not enough records in the population to estimate a density")
    mean = held.mean(dim=0)
    variance, axes = torch.linalg.eigh((held - mean).T @ (held - mean) / len(held))
    # Directions in which the population does not vary, as of columns that add up to one, cannot be scaled.
    usable = min(components, int((variance > 1e-9 * variance[-1]).sum()))
    scaled = axes.flip(1)[:, :usable] / variance.flip(0)[:usable].sqrt()

    def place(x: Tensor) -> Tensor:
        placed: Tensor = (x.flatten(1).double() - mean) @ scaled
        return placed

    here = place(records.x)
    return _log_density(here, place(sample_pool.x)) - _log_density(here, place(held))


def _log_density(x: Tensor, points: Tensor) -> Tensor:
    """Return the logarithm of the kernel density estimate at each x (n, d) from points (m, d), float64 (n,)."""
    count, size = points.shape
    width = count ** (-1 / (size + 4))
    parts = [(-(between(x, chunk) / width).square() / 2).logsumexp(dim=1) for chunk in points.split(CHUNK)]
    return torch.stack(parts).logsumexp(dim=0) - math.log(count) - size * math.log(width * math.sqrt(2 * math.pi))
