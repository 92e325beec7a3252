"""Federations whose victim trains, in some rounds, on records with a property that has nothing to do with the task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.handles import PARTICIPANT, FederatedTrainer, Ledger, MarkedRecords
from attacks.models import federation
from attacks.models.dropout import with_dropout
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets import federated, judges
from attacks.targets.data import Data
from attacks.targets.federated import VICTIM, Rows
from attacks.targets.federated_judges import property_of_rounds
from attacks.targets.split import shuffled
from attacks.targets.target import Target
from taxonomy.findings import InputError

# Kinds of Fashion-MNIST by task and property. Either label holds one kind of shoe and two kinds of other clothes.
NAME = "clothes by season"
WARM, COLD = {"T-shirt": 0, "dress": 3, "sandal": 5}, {"pullover": 2, "coat": 4, "ankle boot": 9}
SHOES = (5, 9)


def build(
    *,
    participants: int,
    rounds: int,
    batch: int,
    learning_rate: float,
    hidden: Sequence[int],
    architecture: str = "mlp",
    share: float = 1.0,
    marked: int = 500,
    pool: int = 2000,
    dropout: float = 0.0,
    property_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Let a federation learn whether clothes are for warm or cold weather, where the victim's batches hold shoes or none.

    Each round every participant sends the gradient of one batch, once through all its records. In half of the rounds, drawn by
    the seed, a share `share` of the victim's batch are shoes; in the others none are. The bystanders have no shoes; the
    adversary, participant number 0, has as many as the victim, and so has its pool in proportion. Every batch and every part has
    either label equally often, with the property and without, so that the property tells nothing about the label. The adversary
    also holds `marked` records with the property and as many without, which nobody trains on. Candidates are the victim's
    records and as many others, with as many shoes. With `property_trained` false the victim's batches never hold shoes,
    whatever the judge says of a round: a control.
    """
    held, has = clothes()
    shoes = 2 * round(share * batch / 2) if property_trained else 0
    if batch % 2 or rounds % 2 or not 0 < share <= 1:
        raise InputError("rounds and batch are even, and the share lies above 0 and is at most 1")
    stock = _Stock(held, has, derive_seed(seed, "stock", NAME))
    truth = np.random.default_rng(derive_seed(seed, "rounds", NAME)).permutation(rounds) < rounds // 2
    plain = Recipe(architecture, held.x.shape[1:], held.classes, tuple(hidden), 60, 64, 0.001)
    recipe = Federation("fedsgd", with_dropout(plain, dropout), rounds, batch, learning_rate)

    size = rounds * batch
    start = derive_seed(seed, "federation", NAME)  # by which `federated.trained` shuffles, so that batches are known before
    victim = np.empty(size, dtype=np.int64)
    for number in range(rounds):
        (places,) = federation.batches(recipe, size, start, VICTIM, number)
        count = shoes if truth[number] else 0
        victim[places.numpy()] = np.concatenate([stock.take(count, True), stock.take(batch - count, False)])
    all_shoes = shoes * int(truth.sum())
    mixes = [(all_shoes, size - all_shoes)] + [(0, size)] * (participants - 2)
    others = [np.concatenate([stock.take(some, True), stock.take(rest, False)]) for some, rest in mixes]
    outside = np.concatenate([stock.take(all_shoes, True), stock.take(size - all_shoes, False)])
    aside = np.concatenate([stock.take(marked, True), stock.take(marked, False)])
    candidates, is_member = shuffled(victim, outside, NAME, seed)
    own = others.pop(0)
    pool_shoes = pool * all_shoes // size
    spare = np.concatenate([stock.take(pool_shoes, True), stock.take(pool - pool_shoes, False)])
    rows = Rows(candidates, is_member, (own, victim, *others), np.empty(0, np.int64), spare)
    target, history = federated.trained(NAME, held, rows, recipe, seat=PARTICIPANT, seed=seed)

    if property_trained:
        found = [bool(has[victim[batches[VICTIM].numpy()]].any()) for batches in history.batches]
        assert found == truth.tolist(), "the federation shuffles in another way than it was asked about"
    x, label = held.some(aside)
    having, ids = torch.from_numpy(has[aside]), record_ids(x.numpy())

    def property_data(ledger: Ledger) -> MarkedRecords:
        return MarkedRecords("property_data", x, label, having, ids, ledger)

    everybody = size * participants
    target.makers["D1.property"] = property_data
    target.makers["M2"] = lambda ledger: FederatedTrainer("trainer", plain, everybody, recipe, ledger)
    target.judges |= judges.of_classifier(plain, target.x, target.label, target.member, None, seed)
    target.judges["property"] = property_of_rounds(torch.from_numpy(truth))
    target.fingerprint = digest([target.fingerprint, digest_arrays(x.numpy(), truth)])
    return target


def clothes() -> tuple[Data, NDArray[np.bool_]]:
    """Return pictures of clothes for warm (0) and cold weather (1) of Fashion-MNIST, and which of them are shoes, bool (n,)."""
    every = datasets.load("fashion")
    chosen = np.isin(every.y, [*WARM.values(), *COLD.values()])
    kind = every.y[chosen]
    return Data(NAME, every.x[chosen], np.isin(kind, list(COLD.values())).astype(np.int64)), np.isin(kind, SHOES)


class _Stock:
    """Hands out rows that nobody has yet, half of either label."""

    def __init__(self, held: Data, has: NDArray[np.bool_], seed: int):
        order = np.random.default_rng(seed).permutation(len(held.y))
        y, marked = held.y[order], has[order]
        self._left = {(label, mark): order[(y == label) & (marked == mark)] for label in (0, 1) for mark in (0, 1)}

    def take(self, count: int, marked: bool) -> NDArray[np.int64]:
        """Return `count` rows with or without the property, int64; raise InputError if not enough are left."""
        taken = []
        for label, some in ((0, count // 2), (1, count - count // 2)):
            left = self._left[label, int(marked)]
            if len(left) < some:
                raise InputError(f"{NAME} has too few records for this federation: {len(left)} are left, {some} are asked for")
            taken.append(left[:some])
            self._left[label, int(marked)] = left[some:]
        return np.concatenate(taken)
