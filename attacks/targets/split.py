"""Which records of a data set are members, non-members, known to the adversary, or its own: by the seed, and disjoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.seeds import derive_seed
from taxonomy.findings import InputError


@dataclass(frozen=True)
class Split:
    """Which rows of a data set have which part, int64: candidates, the training set, known members, set aside, and the pool.

    `is_member` bool (candidates,). The pool is what the adversary may hold, and shares no record with the other parts; whoever
    sets records aside decides what they are for.
    """

    candidates: NDArray[np.int64]
    is_member: NDArray[np.bool_]
    training: NDArray[np.int64]
    known: NDArray[np.int64]
    aside: NDArray[np.int64]
    pool: NDArray[np.int64]


def split(
    size: int,
    data: str,
    *,
    members: int,
    non_members: int,
    known_members: int = 0,
    aside: int = 0,
    members_trained: bool = True,
    seed: int = 0,
) -> Split:
    """Split a data set of `size` records by the seed; raise InputError if it is too small.

    The training set is the members and the known members. With `members_trained` false as many records of the pool take the
    members' place in it, and leave the pool: the split of a control.
    """
    trained_elsewhere = 0 if members_trained else members
    wanted = members + non_members + known_members + aside + trained_elsewhere
    if wanted > size:
        raise InputError(f"the data set {data} has {size:,} records; the target asks for {wanted:,}")
    order = np.random.default_rng(derive_seed(seed, "split", data)).permutation(size)
    candidates, rest = order[: members + non_members], order[members + non_members :]
    training_rows = candidates[:members] if members_trained else rest[:members]
    known, kept, pool = np.split(rest[trained_elsewhere:], [known_members, known_members + aside])
    training_rows = np.concatenate([training_rows, known])
    judged, is_member = shuffled(candidates[:members], candidates[members:], data, seed)
    # Sorted, so that the order of the training set tells nothing about the order of the candidates.
    return Split(judged, is_member, np.sort(training_rows), known, kept, pool)


def shuffled(
    members: NDArray[np.int64], non_members: NDArray[np.int64], name: str, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows of members and of non-members as candidates, in an order by the seed that tells nothing, and who is a member.

    Both are of shape (members + non-members,).
    """
    candidates = np.concatenate([members, non_members])
    shuffle = np.random.default_rng(derive_seed(seed, "candidates", name)).permutation(len(candidates))
    return candidates[shuffle], (np.arange(len(candidates)) < len(members))[shuffle]
