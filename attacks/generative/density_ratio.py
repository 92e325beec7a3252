"""A ratio of densities: a generator that overfits puts more of its samples near a record than there are records like it."""

from __future__ import annotations

import torch
from scipy import stats
from torch import Tensor

from attacks.generative.components import axes_of_share, is_flat
from attacks.handles import AttackError, Population, Records, SamplePool


def density_ratio(records: Records, sample_pool: SamplePool, population: Population, *, share: float = 0.95) -> Tensor:
    """Log-density of each record among samples, less that among the population, float64 (n,).

    DOMIAS, van Breugel et al. 2023; as in the authors' code both densities are kernel estimates by SciPy, whose normal kernels
    have the shape of the points' own spread and a width by Scott's rule. So that records of many features, or features that
    follow from others, have a density at all, they are compared by principal components of the population: as few as have
    `share` of its variance, a rule that looks at no candidate. The paper has an estimate by a neural network as well, which this
    code has not. Raises AttackError where points lie in fewer dimensions than these.
    """
    held = population.x.flatten(1)
    mean, axes = axes_of_share(held, share)
    here, made, known = ((x.flatten(1).double() - mean) @ axes for x in (records.x, sample_pool.x, held))
    largest = float(known.var(dim=0, correction=0).max())

    def log_density(points: Tensor) -> Tensor:
        if is_flat(points, largest):
            count, size = points.shape
            raise AttackError(f"{count} points have no density in {size} dimensions; ask for a smaller share of the variance")
        return torch.from_numpy(stats.gaussian_kde(points.T.numpy()).logpdf(here.T.numpy()))

    return log_density(made) - log_density(known)
