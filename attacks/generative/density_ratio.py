"""A ratio of densities: a generator that overfits puts more of its samples near a record than there are records like it."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from attacks.generative.components import principal_axes
from attacks.handles import AttackError, Population, Records, SamplePool


def density_ratio(records: Records, sample_pool: SamplePool, population: Population, *, components: int = 20) -> Tensor:
    """Log-density of each record among samples, less that among the population, float64 (n,).

    DOMIAS, van Breugel et al. 2023; as in the authors' code both densities are kernel estimates by SciPy, whose normal kernels
    have the shape of the points' own spread and a width by Scott's rule. So that records of many features, or features that
    follow from others, have a density at all, they are compared by the first principal components of the population. The paper
    has an estimate by a neural network as well, which this code has not. Raises AttackError where points lie in fewer
    dimensions than that.
    """
    held = population.x.flatten(1)
    mean, axes = principal_axes(held, components)

    def log_density(points: Tensor) -> Tensor:
        try:
            estimate = stats.gaussian_kde(((points.flatten(1).double() - mean) @ axes).T.numpy())
        except (np.linalg.LinAlgError, ValueError) as error:
            raise AttackError(f"{len(points)} points have no density in {axes.shape[1]} dimensions; ask for fewer") from error
        return torch.from_numpy(estimate.logpdf(here.T.numpy()))

    here = (records.x.flatten(1).double() - mean) @ axes
    return log_density(sample_pool.x) - log_density(held)
