"""Surrogate networks that were trained with known records, too."""

from __future__ import annotations

from attacks.handles import KnownMembers, OwnGan, Population, Records, SamplePool
from attacks.seeds import derive_seed
from attacks.steps import adversarial_networks


def from_known_members(
    records: Records, sample_pool: SamplePool, known_members: KnownMembers, *, steps: int = 3000, seed: int = 0
) -> OwnGan:
    """Train an adversarial network on samples of the target and known members. Hayes et al. 2019 (from memory).

    It takes as many known members as samples for real, and known non-members for further fakes.
    """
    real = adversarial_networks.in_equal_parts([sample_pool.x, known_members.x])
    return adversarial_networks.gan(real, known_members.non_members.x, steps=steps, seed=derive_seed(seed, "model"))


def from_non_members(
    records: Records, sample_pool: SamplePool, population: Population, *, steps: int = 3000, seed: int = 0
) -> OwnGan:
    """Train an adversarial network on samples of the target, with records that were not used as further fakes.

    Hayes et al. 2019 (from memory).
    """
    return adversarial_networks.gan(sample_pool.x, population.x, steps=steps, seed=derive_seed(seed, "model"))
