"""Membership from the words that an update touched."""

from __future__ import annotations

import torch

from attacks import first_layer
from attacks.handles import FederatedTrainer, OthersUpdates, Records, Scored


def words_of_updates(
    records: Records, others_updates: OthersUpdates, trainer: FederatedTrainer, *, smallest: float = 1e-7
) -> Scored:
    """Share of the rounds whose update touched all words of a record, float64 (n,). Melis et al. 2019, Sections IV-B and IV-C.

    A dense layer on a record that counts words, or marks them, adds up one vector a word: it is an embedding layer. The gradient
    of the vector of a word that is in no record of the batch is zero, so words whose vectors moved are the words of the batch.
    A record whose words all moved in some round is called a member, as in the paper: the cut is one round.

    The paper asks whether the record's words are among those of the update. Where the update comes of a single record (gradient
    steps on batches of one record, by somebody who holds no more than the adversary, so that there is one other), who knows the
    recipe knows that they must be the same words, and then this is asked for.

    Steps below `smallest` do not count: rounding leaves some 1e-9 in the vectors of words that only the adversary's own batch
    touched. A member is missed only where none of the units behind its words is active, so that nothing moves. Raises
    AttackError if the first layer is no dense layer on the record.
    """
    weight, _ = first_layer.names(trainer.recipe)
    recipe = trainer.federation
    alone = recipe.algorithm == "fedsgd" and recipe.batch == 1 and others_updates.share <= 0.5
    words = records.x.flatten(1) != 0
    rounds = torch.zeros(len(words), dtype=torch.float64)
    for number in range(len(others_updates)):
        moved = others_updates.mean(number)[weight].abs().amax(dim=0) > smallest
        rounds += (words == moved).all(1) if alone else ~(words & ~moved).any(1)
    return Scored(rounds / len(others_updates), 1 / len(others_updates))
