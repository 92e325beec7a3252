"""Targets that were trained on poison: on records of the adversary's choice, beside everybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from attacks.handles import Poison
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import classifier
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    others: int,
    copies: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Train a multilayer perceptron on the members, on `others` that are no candidates, and on the adversary's poison.

    A model is trained once, and the poison has to be there before: so the adversary's choice stands in the target's parameters
    and fingerprint, and is the same for every attack. It is what Tramer et al. 2022 choose against the candidates
    (`mislabelled_copies`). With `copies` 0 there is no poison, and all else is as it was; with `members_trained` false as many
    records of the pool take the members' place, a control whose poison is still made of the candidates.
    """
    records = datasets.load(data)
    parts = split(
        len(records.x),
        data,
        members=members,
        non_members=non_members,
        known_members=others,
        members_trained=members_trained,
        seed=seed,
    )
    x, label = records.some(parts.candidates)
    poison_x, poison_label = mislabelled_copies(x, label, records.classes, copies, derive_seed(seed, "poison", data))
    # The poison stands behind the data set, of which the training set is rows.
    with_poison = replace(
        records, x=np.concatenate([records.x, poison_x.numpy()]), y=np.concatenate([records.y, poison_label.numpy()])
    )
    rows = np.concatenate([parts.training, np.arange(len(records.x), len(with_poison.x))])
    recipe = Recipe("mlp", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    target, _ = classifier.trained(data, with_poison, replace(parts, training=rows), recipe, seed=seed)
    target.makers["D2.poison"] = lambda ledger: Poison("poison", poison_x, poison_label, record_ids(poison_x.numpy()), ledger)
    target.facts |= {"poison": len(poison_x)}
    target.fingerprint = digest([target.fingerprint, digest_arrays(poison_x.numpy(), poison_label.numpy())])
    return target


def mislabelled_copies(x: Tensor, label: Tensor, classes: int, copies: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return so many copies of every record (n, ...) under one wrong label each: float32 (n * copies, ...), int64 (n * copies,).

    Tramer et al. 2022, in their code (tensorflow/privacy, mi_poison_2022): the label is drawn from all others, once a record.
    Such a record becomes an outlier of its true class, and how the model answers it hangs on whether it was trained on.
    """
    away = torch.randint(1, classes, label.shape, generator=torch.Generator().manual_seed(seed % 2**63))
    return x.repeat_interleave(copies, dim=0), ((label + away) % classes).repeat_interleave(copies, dim=0)
