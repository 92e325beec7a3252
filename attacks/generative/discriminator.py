"""Attacks by how sure a discriminator is that a record is real: the target's own, or one of the adversary's."""

from __future__ import annotations

from torch import Tensor

from attacks.handles import DiscriminatorAccess, OwnDiscriminator, OwnGan, Records


def of_target(records: Records, discriminator: DiscriminatorAccess) -> Tensor:
    """The log-odds that the target's discriminator gives each record of being real, float64 (n,).

    Hayes et al. 2019 (authors' code: white-box attack); Chen et al. 2020 (accessible discriminator). The papers take the
    probability, which ranks the same where it does not round to 1, and call as many records members as the training set has.
    """
    return discriminator(records.x)


def of_surrogate(records: Records, surrogate_gan: OwnGan) -> Tensor:
    """The log-odds that the discriminator of a surrogate gives each record of being real, float64 (n,).

    Hayes et al. 2019 (authors' code: black-box attack).
    """
    return surrogate_gan.discriminator(records.x)


def of_informed_surrogate(records: Records, informed_gan: OwnGan) -> Tensor:
    """The same with a surrogate that was trained with known records, float64 (n,). Hayes et al. 2019 (from memory)."""
    return informed_gan.discriminator(records.x)


def informed(records: Records, informed_discriminator: OwnDiscriminator) -> Tensor:
    """The log-odds that each record belongs to samples and known members, float64 (n,). Hayes et al. 2019 (from memory)."""
    return informed_discriminator(records.x)
