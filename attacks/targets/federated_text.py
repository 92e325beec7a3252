"""Federations that learn from text, marked word by word: the first layer looks up one vector a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.handles import PARTICIPANT, FederatedTrainer
from attacks.models.dropout import with_dropout
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.targets import data as datasets
from attacks.targets import federated, judges
from attacks.targets.data import Data, deduplicated
from attacks.targets.target import Target

NAME = "words of glosses"


def build(
    *,
    participants: int,
    records: int,
    non_members: int,
    hidden: Sequence[int],
    rounds: int,
    batch: int,
    learning_rate: float,
    local_epochs: int = 1,
    algorithm: str = "fedsgd",
    dropout: float = 0.0,
    least_words: int = 5,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Deal out glosses by the seed, and let a federation train a classifier on the words that occur in them.

    A record marks which of the frequent words a gloss has, and every record has a set of words of its own, at least `least_words`
    of them. The rest is as in `federated.build`, with the adversary as participant number 0 and all of the victim's records as
    members. With `dropout`, hidden units are left out in training; models that the adversary trains in one place have none.
    """
    held = words(least_words)
    plain = Recipe("mlp", held.x.shape[1:], held.classes, tuple(hidden), 60, 64, 0.001)
    recipe = Federation(algorithm, with_dropout(plain, dropout), rounds, batch, learning_rate, local_epochs)
    rows = federated.dealt(
        len(held.x),
        NAME,
        participants=participants,
        records=records,
        non_members=non_members,
        members_trained=members_trained,
        seed=seed,
    )
    target, _ = federated.trained(NAME, held, rows, recipe, seat=PARTICIPANT, seed=seed)
    size = sum(len(part) for part in rows.participants)
    target.makers["M2"] = lambda ledger: FederatedTrainer("trainer", plain, size, recipe, ledger)
    target.judges |= judges.of_classifier(plain, target.x, target.label, target.member, None, seed)
    return target


def words(least: int) -> Data:
    """Return which frequent words each gloss has, float32 0 or 1: of glosses with at least `least`, and no set of words twice."""
    counts = datasets.load("glosses")
    marks = (counts.x > 0).astype(np.float32)
    long = marks.sum(axis=1) >= least
    return deduplicated(NAME, marks[long], counts.y[long])
