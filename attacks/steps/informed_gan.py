"""Surrogate networks that were trained with known records, too."""

from __future__ import annotations

import torch

from attacks import guesses
from attacks.handles import KnownMembers, OwnGan, Records, SamplePool
from attacks.seeds import derive_seed


def from_known_members(
    records: Records, sample_pool: SamplePool, known_members: KnownMembers, *, steps: int = 3000, seed: int = 0
) -> OwnGan:
    """Train an adversarial network on samples of the target and known members. Hayes et al. 2019 (from memory).

    Known non-members are further fakes. Members and samples are mixed as they come, so members are few where samples are many.
    """
    real = torch.cat([sample_pool.x, known_members.x])
    return guesses.gan(real, known_members.non_members.x, steps=steps, seed=derive_seed(seed, "model"))
