"""Shadow aggregates: statistics of made-up groups, with and without each candidate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import AttackError, KnownMembers, Number, Population, Records, ShadowAggregates
from attacks.seeds import derive_seed, hash_records


def simulated(
    records: Records, population: Population, training_size: Number, *, count: int = 100, seed: int = 0
) -> ShadowAggregates:
    """Draw groups of the published group's size from the adversary's own records. Pyrgelis et al. 2018.

    Of each two groups, one keeps a place for the candidate. A hash of seed, group and record decides who is in, so the first
    n groups are the same whatever `count`. Raises AttackError if the population is smaller than the group.
    """
    return _drawn(records, population.x, population.ids, training_size, count, seed)


def from_known_members(
    records: Records, known_members: KnownMembers, training_size: Number, *, count: int = 100, seed: int = 0
) -> ShadowAggregates:
    """Draw groups from people of whom it is known whether they were in an earlier group. Pyrgelis et al. 2018, second prior.

    The paper's adversary knows who took part in earlier groups; their records make up groups, members and others alike.
    """
    others = known_members.non_members
    x, ids = torch.cat([known_members.x, others.x]), np.concatenate([known_members.ids, others.ids])
    return _drawn(records, x, ids, training_size, count, seed)


def _drawn(
    records: Records, population: Tensor, ids: NDArray[np.uint64], training_size: Number, count: int, seed: int
) -> ShadowAggregates:
    if count < 2 or count % 2:
        raise AttackError(f"count must be even, so that half of the groups have the candidate (found {count})")
    size, x = int(training_size.value), population.double()
    if len(x) < size:
        raise AttackError(f"groups of {size:,} cannot be drawn from a population of {len(x):,}")
    waiting = torch.arange(count) % 2 == 0
    others = []
    for k in range(count):
        order = np.argsort(hash_records(derive_seed(seed, "draw"), k, ids), kind="stable")[: size - int(waiting[k])]
        others.append(x[torch.from_numpy(order)].sum(dim=0))
    return ShadowAggregates(torch.stack(others), waiting, records.x, size)
