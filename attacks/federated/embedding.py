"""Membership from the words that an update touched."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import Architecture, OthersUpdates, Records, Scored
from attacks.models import layers as network_layers


def words_of_updates(
    records: Records,
    others_updates: OthersUpdates,
    architecture: Architecture,
    *,
    smallest: float = 1e-7,
    single_records: bool = False,
) -> Scored:
    """Share of the rounds whose update touched all words of a record, float64 (n,). Melis et al. 2019, Sections IV-B and IV-C.

    A dense layer on a record that counts words, or marks them, adds up one vector a word: it is an embedding layer. The gradient
    of the vector of a word that is in no record of the batch is zero, so words whose vectors moved are the words of the batch.
    A record whose words all moved in some round is called a member, as in the paper: the cut is one round. So is, by this rule,
    every record whose words are part of those of a member.

    With `single_records`, which the paper does not have, a candidate that alone explains the whole update, as the product of the
    record and one vector that the gradient of a dense layer on one record is, was the batch, and no other candidate is called a
    member for this round. A score then depends on which other candidates there are.

    Steps below `smallest` do not count: rounding leaves some 1e-9 in the vectors of words that only the adversary's own batch
    touched. A member is missed only where none of the units behind its words is active, so that nothing moves. Raises
    AttackError if the first layer is no dense layer on the record.
    """
    weight, _ = network_layers.first_dense(architecture.recipe)
    x = records.x.flatten(1).double()
    rounds = torch.zeros(len(x), dtype=torch.float64)
    for number in range(len(others_updates)):
        step = others_updates.mean(number)[weight].double()
        moved = step.abs().amax(dim=0) > smallest
        among = ~((x != 0) & ~moved).any(1)
        batch = _explains(x, step * moved, smallest) if single_records else torch.zeros_like(among)
        rounds += batch if batch.any() else among
    return Scored(rounds / len(others_updates), 1 / len(others_updates))


def _explains(x: Tensor, step: Tensor, smallest: float) -> Tensor:
    """Return of which records x (n, words) some multiple makes up the step (units, words) of every unit, bool (n,).

    What is left over may be as large as errors of `smallest` in the vectors of the words that moved.
    """
    left = step.square().sum() - (step @ x.T).square().sum(dim=0) / x.square().sum(dim=1)
    moved = int((step != 0).any(dim=0).sum())
    return (left <= smallest**2 * len(step) * moved) & (moved > 0)
