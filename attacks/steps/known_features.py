"""Features of known records on models of a federation: what an attack network is trained on."""

from __future__ import annotations

from attacks.handles import Architecture, KnownFeatures, KnownMembers, Records, Rounds, Updates
from attacks.steps import attack_network
from attacks.steps.attack_network import Look


def from_rounds(
    records: Records,
    rounds: Rounds,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
) -> KnownFeatures:
    """Look at known records in the global models of some rounds. Nasr et al. 2019, Section II and Table XII.

    `snapshots` models are looked at, in equal steps from the share `begin` of all rounds to the share `end`. `features` are the
    columns of Table VIII, `layers` how many of the last layers' gradients belong to them.
    """
    look = Look(snapshots, begin, end, features, layers)
    numbers = look.rounds(len(rounds))
    networks = attack_network.of_rounds(rounds, architecture, numbers)
    return attack_network.known_features(networks, known_members, numbers, look)


def from_uploads(
    records: Records,
    updates: Updates,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
) -> KnownFeatures:
    """Look at known records in the models that the victim uploaded in some rounds. Nasr et al. 2019, Section II and Table XII.

    The parameters are those of `from_rounds`; of all rounds there is one upload, and the last one is that of the final round.
    """
    look = Look(snapshots, begin, end, features, layers)
    numbers = look.rounds(len(updates) - 1)
    networks = attack_network.of_uploads(updates, architecture, numbers)
    return attack_network.known_features(networks, known_members, numbers, look)
