"""Which records a model of the adversary's own is trained on: always as many as it was meant to have, chosen by hashes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.handles import AttackError, UnsuitableError
from attacks.seeds import derive_seed, hash_records

Rows = NDArray[np.int64]
Choice = NDArray[np.bool_]


def share(ids: NDArray[np.uint64], model: int, most: int, seed: int) -> Choice:
    """Return which records the model of this number has, bool (n,): every model has equally many, at most `most`.

    Models come in rounds of two, or of more where half of the records are more than `most`. A round deals the records out in an
    order that a hash of seed, round and record decides: each is in one of its models, so over whole rounds every record is in
    the same share of the models. What does not divide evenly is in none of that round. Raises AttackError for a size below 1.
    """
    if most < 1:
        raise AttackError(f"a model is trained on at least one record (found {most})")
    in_round = max(2, len(ids) // (most + 1) + 1)
    size = len(ids) // in_round
    turn, place = divmod(model, in_round)
    order = np.argsort(hash_records(derive_seed(seed, "share"), turn, ids), kind="stable")
    inside = np.zeros(len(ids), dtype=bool)
    inside[order[place * size : (place + 1) * size]] = True
    return inside


def shares(ids: NDArray[np.uint64], count: int, most: int, seed: int) -> Choice:
    """Return which of `count` models has which record, bool (count, n): the shares of the first so many.

    Raises AttackError for a count or a size below 1.
    """
    if count < 1:
        raise AttackError(f"at least one model must be trained (found {count})")
    return np.stack([share(ids, model, most, seed) for model in range(count)])


def half(ids: NDArray[np.uint64]) -> int:
    """Return how many records are half of them; raise AttackError for fewer than two."""
    if len(ids) < 2:
        raise AttackError(f"shadow models are trained on half of the shadow data each, and {len(ids)} records have no half")
    return len(ids) // 2


def halves(ids: NDArray[np.uint64], count: int, seed: int) -> Choice:
    """Return which of `count` models has which record, bool (count, n): half of them each, as `shares` deals them out.

    Raises AttackError for fewer than two records.
    """
    return shares(ids, count, half(ids), seed)


def drawn(ids: NDArray[np.uint64], number: int, size: int, seed: int) -> Rows:
    """Return rows of `size` records for the model of this number, chosen by a hash of seed, number and record, int64 (size,)."""
    return np.argsort(hash_records(derive_seed(seed, "draw"), number, ids), kind="stable")[:size]


def check_pool(held: int, size: int, count: int, what: str) -> None:
    """Raise UnsuitableError unless `held` records suffice for `count` sets of `size` records of which no two are the same."""
    if held < size:
        raise UnsuitableError(
            f"{what} are trained on {size:,} records each, as the target was, and the adversary holds only {held:,}"
        )
    if held == size and count > 1:
        raise UnsuitableError(
            f"{what} are trained on {size:,} records each, as the target was; the adversary holds no more than these, so all "
            f"{count} sets would be the same"
        )


def by_id(ids: NDArray[np.uint64]) -> Rows:
    """Return rows in the order of the records' ids, int64 (n,): a training set's order follows from its records alone."""
    return np.argsort(ids, kind="stable")
