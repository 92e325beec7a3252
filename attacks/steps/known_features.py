"""Features of known records on models of a federation: what an attack network is trained on."""

from __future__ import annotations

from attacks import inside, membership_network
from attacks.handles import KnownFeatures, KnownMembers, Records, Rounds, Trainer, Updates


def from_rounds(
    records: Records,
    rounds: Rounds,
    trainer: Trainer,
    known_members: KnownMembers,
    *,
    snapshots: int = 5,
    features: str = "gradients",
    layers: int = 1,
) -> KnownFeatures:
    """Look at known records in the global models of some rounds. Nasr et al. 2019, Section II and Table XII.

    `snapshots` models are looked at, the last of them the final one. `features` are the columns of Table VIII, `layers` how
    many of the last layers' gradients belong to them.
    """
    numbers = membership_network.chosen(len(rounds), snapshots)
    networks = [inside.network(trainer.recipe, rounds.weights(number)) for number in numbers]
    return membership_network.known_features(networks, known_members, numbers, features, layers)


def from_uploads(
    records: Records,
    updates: Updates,
    trainer: Trainer,
    known_members: KnownMembers,
    *,
    snapshots: int = 5,
    features: str = "gradients",
    layers: int = 1,
) -> KnownFeatures:
    """Look at known records in the models that the victim uploaded in some rounds. Nasr et al. 2019, Section II and Table XII.

    The parameters are those of `from_rounds`; the last upload is the last model looked at.
    """
    numbers = membership_network.chosen(len(updates) - 1, snapshots)
    networks = [inside.network(trainer.recipe, updates.upload(number, updates.victim)) for number in numbers]
    return membership_network.known_features(networks, known_members, numbers, features, layers)
