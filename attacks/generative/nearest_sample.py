"""The distance to the nearest sample: a generator comes nearest to what it was trained on."""

from __future__ import annotations

from torch import Tensor

from attacks.generative.distance import to_nearest
from attacks.handles import Population, Records, ReferenceGenerator, SamplePool


def nearest_sample(records: Records, sample_pool: SamplePool) -> Tensor:
    """Minus the Euclidean distance of each record to its nearest sample, float64 (n,).

    Chen et al. 2020, full black-box generator; 20,000 samples, as in the authors' code.
    """
    return -to_nearest(records.x, sample_pool.x)[0][:, 0]


def calibrated(records: Records, sample_pool: SamplePool, reference_generator: ReferenceGenerator, *, seed: int = 0) -> Tensor:
    """How much nearer the target's nearest sample is than the reference generator's, float64 (n,).

    Chen et al. 2020, attack calibration: the reference generator makes as many samples as the pool holds.
    """
    reference = reference_generator.samples(len(sample_pool), seed)
    return to_nearest(records.x, reference)[0][:, 0] - to_nearest(records.x, sample_pool.x)[0][:, 0]


def nearer_than_population(records: Records, sample_pool: SamplePool, population: Population) -> Tensor:
    """How much nearer the nearest sample is than the nearest record of the population, float64 (n,).

    DCR-Diff of Ward et al. 2025, as in the authors' code: Euclidean distances, and all records that the adversary holds. The
    population stands in for the reference generator of `calibrated`, so that nothing is trained.
    """
    return to_nearest(records.x, population.x)[0][:, 0] - to_nearest(records.x, sample_pool.x)[0][:, 0]
