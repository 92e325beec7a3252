"""Attack data: answers of some model on records of known membership, from which attack models learn."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackData, AttackError, KnownMembers, Records, ScoreOracle, ShadowModels
from attacks.seeds import derive_seed, hash_records


def from_shadow_models(records: Records, shadow_models: ShadowModels) -> AttackData:
    """Return the answers of all shadow models on their own members and on other records. Truex et al. 2019, Section 3.2."""
    known, count = shadow_models.records, len(shadow_models)
    answers = torch.cat([shadow_models.log_probs(k) for k in range(count)])
    return AttackData(answers, known.label.repeat(count), shadow_models.trained_on.flatten())


def from_known_members(
    records: Records, scores: ScoreOracle, known_members: KnownMembers, *, queries: int = 1000, seed: int = 0
) -> AttackData:
    """Ask the target about known members and as many known non-members. Nasr et al. 2018, Section 5.3.

    At most `queries` records, half of either kind, are asked about; which ones, a hash of seed and record decides. The paper's
    adversary knows 5,000 to 25,000 members, a quarter or half of all (Table 3).
    """
    others = known_members.non_members
    wanted = min(queries // 2, len(known_members), len(others))
    if wanted < 1:
        raise AttackError("attack data need at least one known member, one known non-member and two queries")
    member_rows, other_rows = (
        torch.from_numpy(np.argsort(hash_records(derive_seed(seed, "draw"), 0, ids), kind="stable")[:wanted])
        for ids in (known_members.ids, others.ids)
    )
    asked = torch.cat([known_members.x[member_rows], others.x[other_rows]])
    label = torch.cat([known_members.label[member_rows], others.label[other_rows]])
    return AttackData(scores(asked), label, torch.arange(2 * wanted) < wanted)
