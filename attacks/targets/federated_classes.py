"""Federations whose participants hold records of different classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.handles import PARTICIPANT
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest
from attacks.targets import data as datasets
from attacks.targets import federated
from attacks.targets.data import Data
from attacks.targets.federated import Rows
from attacks.targets.federated_judges import records_of_class
from attacks.targets.split import shuffled
from attacks.targets.target import Target
from taxonomy.findings import InputError

WANTED = 0


def build(
    *,
    data: str,
    per_class: int,
    hidden: Sequence[int],
    rounds: int,
    batch: int,
    learning_rate: float,
    local_epochs: int = 1,
    algorithm: str = "fedavg",
    architecture: str = "mlp",
    wanted_held: bool = True,
    seed: int = 0,
) -> Target:
    """Let two participants train a classifier: the victim has the first half of the classes, the adversary the others.

    Pictures are brought to [-1, 1], as in the paper. Classes are renamed by the seed; class 0 is the one that is asked for, which
    only the victim has. The model has one class more than the data, the last, of which nobody has records. Each participant
    holds `per_class` records of each of its classes. Candidates are the victim's records and, of each class, as many others, so
    that nothing but the model tells members from the rest. With `wanted_held` false the victim holds more records of its other
    classes in place of those of class 0: a control whose model never saw a record of the class, for attacks that ask for one.
    These and all records of class 0 are no candidates.
    """
    every = pictures(data)
    half = every.classes // 2
    rename = np.random.default_rng(derive_seed(seed, "classes", data)).permutation(every.classes)
    held = Data(data, every.x, rename[every.y])
    order = np.random.default_rng(derive_seed(seed, "split", data)).permutation(len(held.y))
    left = {k: order[held.y[order] == k] for k in range(every.classes)}

    def take(k: int, count: int) -> list[int]:
        if len(left[k]) < count:
            raise InputError(f"class {k} of {data} has too few records: {len(left[k])} are left, {count} are asked for")
        taken, left[k] = left[k][:count], left[k][count:]
        return [int(row) for row in taken]

    first, rest = range(half), range(half, every.classes)
    members = np.array([row for k in first for row in take(k, per_class)])
    outside = np.array([row for k in first for row in take(k, per_class)])
    own = np.array([row for k in rest for row in take(k, per_class)])
    victim = members
    if not wanted_held:
        more = -(-per_class // (half - 1))
        kept = members[held.y[members] != WANTED]
        victim = np.concatenate([kept, [row for k in first[1:] for row in take(k, more)][:per_class]])
        members, outside = kept, outside[held.y[outside] != WANTED]
    candidates, is_member = shuffled(members, outside, data, seed)
    pool = np.concatenate(list(left.values()))
    rows = Rows(candidates, is_member, (np.sort(own), np.sort(victim)), np.empty(0, np.int64), pool)

    model = Recipe(architecture, held.x.shape[1:], every.classes + 1, tuple(hidden), 60, 64, 0.001)
    recipe = Federation(algorithm, model, rounds, batch, learning_rate, local_epochs)
    target, _ = federated.trained(data, held, rows, recipe, seat=PARTICIPANT, seed=seed)
    x, y = held.some(pool)
    target.judges["reconstruction"] = records_of_class(x, y, every.classes, WANTED, derive_seed(seed, "judge"))
    target.fingerprint = digest([target.fingerprint, "classes"])
    return target


def pictures(name: str) -> Data:
    """Return a data set of pictures with values from -1 to 1, all pixels on one scale."""
    every = datasets.plain_digits() if name == "digits" else datasets.load(name)
    low, high = every.x.min(), every.x.max()
    return Data(name, (2 * (every.x - low) / (high - low) - 1).astype(np.float32), every.y)
