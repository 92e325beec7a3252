"""Population statistics: the target's answers on records that are known not to be members."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, KnownMembers, Population, PopulationStatistics, Records, ScoreOracle, ShadowData
from attacks.seeds import derive_seed, hash_records


def from_samples(
    records: Records, scores: ScoreOracle, population: Population, *, queries: int = 1000, seed: int = 0
) -> PopulationStatistics:
    """Ask the target about the adversary's own records, at most `queries` of them. Ye et al. 2022 (Attack-P).

    Which ones are asked about, a hash of seed and record decides. Needs at least one record.
    """
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, population.ids), kind="stable")[:queries]
    if not len(order):
        raise AttackError("there is no record to ask the target about; a population and at least one query are needed")
    rows = torch.from_numpy(order)
    asked = ShadowData(population.x[rows], population.label[rows], population.ids[order])
    return PopulationStatistics(asked, scores(asked.x))


def from_known_members(
    records: Records, scores: ScoreOracle, known_members: KnownMembers, *, queries: int = 1000, seed: int = 0
) -> PopulationStatistics:
    """Ask the target about the known non-members, at most `queries` of them, as if drawn for this. Ye et al. 2022 (Attack-P).

    The known members play no part. Needs at least one known non-member.
    """
    others = known_members.non_members
    drawn = Population("known_members", others.x, others.label, others.ids, known_members.ledger)
    return from_samples(records, scores, drawn, queries=queries, seed=seed)
