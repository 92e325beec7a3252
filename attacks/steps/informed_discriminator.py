"""Discriminators that are trained without a generator, on known records."""

from __future__ import annotations

from attacks.handles import KnownMembers, OwnDiscriminator, Population, Records, SamplePool
from attacks.seeds import derive_seed
from attacks.steps import adversarial_networks


def from_known_members(
    records: Records, sample_pool: SamplePool, known_members: KnownMembers, *, steps: int = 3000, seed: int = 0
) -> OwnDiscriminator:
    """Train a network to tell samples and known members from known non-members. Hayes et al. 2019 (from memory).

    It learns from as many known members as samples, and from as many non-members as both, so that the few count. How many
    non-members are known decides how good it becomes. Members, which are real records like these, rather mislead it: on digits
    and an autoencoder its AUC was lower by 0.02 to 0.05 than without any (development seeds 10 to 12).
    """
    inside = adversarial_networks.in_equal_parts([sample_pool.x, known_members.x])
    return adversarial_networks.discriminator(inside, known_members.non_members.x, steps=steps, seed=derive_seed(seed, "model"))


def from_non_members(
    records: Records, sample_pool: SamplePool, population: Population, *, steps: int = 3000, seed: int = 0
) -> OwnDiscriminator:
    """Train a network to tell samples from records that were not used.

    Hayes et al. 2019 (from memory), and the attack LOGAN D1 in the authors' code of van Breugel et al. 2023.
    """
    return adversarial_networks.discriminator(sample_pool.x, population.x, steps=steps, seed=derive_seed(seed, "model"))
