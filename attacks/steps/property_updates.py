"""Property updates: what others' updates look like with and without a property, computed from records of one's own."""

from __future__ import annotations

from attacks.handles import FederatedTrainer, MarkedRecords, OwnUpdates, PropertyUpdates, Records, Rounds
from attacks.steps import marked_updates


def from_marked_records(
    records: Records,
    rounds: Rounds,
    own_updates: OwnUpdates,
    trainer: FederatedTrainer,
    property_data: MarkedRecords,
    *,
    batches: int = 4,
    seed: int = 0,
) -> PropertyUpdates:
    """Return features of updates with and without the property at each round's model. Melis et al. 2019, Algorithm 3.

    How many others there are follows from the adversary's share of all records, taking it that everybody holds as many.
    """
    others = max(1, round(1 / own_updates.share) - 1)
    return marked_updates.simulated(rounds, trainer.federation, property_data, others, batches, seed)
