"""Features of known records on the last releases of a model that is updated: what an attack network is trained on."""

from __future__ import annotations

from attacks.handles import Architecture, KnownFeatures, KnownMembers, Records, Rounds
from attacks.steps import known_features


def from_snapshots(
    records: Records,
    rounds: Rounds,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    snapshots: int = 2,
    features: str = "gradients",
    layers: int = 1,
) -> KnownFeatures:
    """Look at known records in the last releases of a model. Nasr et al. 2019, Sections II-B and IV-C.

    The paper takes an updated model for a special case of a federation, in which the adversary sees several versions too.
    `snapshots` releases are looked at: with 2, those before and after the last update. The rest is as in a federation.
    """
    # To begin at the end leaves the last ones, as many as are asked for.
    return known_features.from_rounds(
        records,
        rounds,
        architecture,
        known_members,
        snapshots=snapshots,
        begin=1.0,
        end=1.0,
        features=features,
        layers=layers,
    )
