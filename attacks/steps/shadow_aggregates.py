"""Shadow aggregates: statistics of made-up groups, with and without each candidate."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, Number, Population, Records, ShadowAggregates
from attacks.seeds import derive_seed, hash_records


def simulated(
    records: Records, population: Population, training_size: Number, *, count: int = 100, seed: int = 0
) -> ShadowAggregates:
    """Draw groups of the published group's size from the adversary's own records. Pyrgelis et al. 2018.

    Of each two groups, one keeps a place for the candidate. A hash of seed, group and record decides who is in, so the first
    n groups are the same whatever `count`. Raises AttackError if the population is smaller than the group.
    """
    if count < 2 or count % 2:
        raise AttackError(f"count must be even, so that half of the groups have the candidate (found {count})")
    size, x, ids = int(training_size.value), population.x.double(), population.ids
    if len(x) < size:
        raise AttackError(f"groups of {size:,} cannot be drawn from a population of {len(x):,}")
    waiting = torch.arange(count) % 2 == 0
    others = []
    for k in range(count):
        order = np.argsort(hash_records(derive_seed(seed, "draw"), k, ids), kind="stable")[: size - int(waiting[k])]
        others.append(x[torch.from_numpy(order)].sum(dim=0))
    return ShadowAggregates(torch.stack(others), waiting, records.x, size)
