"""Targets that predict a number: split, training, and the handles that they offer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import ErrorSpread, Parameters, Trainer, ValueOracle
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets.split import split
from attacks.targets.target import Target
from taxonomy.findings import InputError


def build(
    *,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split the diabetes data by the seed and train a regression on the members.

    The spread of errors on other records is taken on people who are neither members nor candidates. With `members_trained` false
    the model is trained on as many of those instead: a control that never saw its "members".
    """
    everyone, value = diabetes()
    parts = split(len(everyone), "diabetes", members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    candidates, is_member, rows, others = parts.candidates, torch.from_numpy(parts.is_member), parts.training, parts.pool
    if not len(others):
        raise InputError(f"the diabetes data has {len(everyone)} records; the target leaves none to measure the errors on")

    recipe = Recipe("mlp", everyone.shape[1:], 1, tuple(hidden), epochs, batch, learning_rate, regression=True)
    training_set = TrainingSet(
        torch.from_numpy(everyone[rows]), torch.from_numpy(value[rows]), derive_seed(seed, "target", "diabetes")
    )
    (model,) = training.fit_many(recipe, [training_set], "target")

    def errors(of: NDArray[np.int64]) -> Tensor:
        return model.values(torch.from_numpy(everyone[of])) - torch.from_numpy(value[of]).double()

    spread = [float(errors(of).square().mean().sqrt()) for of in (rows, others)]
    x, label = torch.from_numpy(everyone[candidates]), torch.from_numpy(value[candidates]).double()
    return Target(
        id="diabetes",
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=is_member,
        makers={
            "Q.value": lambda ledger: ValueOracle("value", model.values, ledger),
            "D1.error-spread": lambda ledger: ErrorSpread("error_spread", spread[0], spread[1], ledger),
            "M1.parameters": lambda ledger: Parameters("parameters", model.parameters(), ledger),
            "M2": lambda ledger: Trainer("trainer", recipe, len(rows), ledger),
        },
        fingerprint=digest([model.fingerprint, digest_arrays(x.numpy(), label.numpy(), everyone[others], value[others])]),
        facts={"training_error": spread[0], "test_error": spread[1], "training_size": len(rows)},
    )


def diabetes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the 442 people of scikit-learn's diabetes data: ten features (n, 10) and progression (n,), both standardised."""
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes()
    x, y = ((part - part.mean(axis=0)) / part.std(axis=0) for part in (loaded.data, loaded.target))
    return x.astype(np.float32), y.astype(np.float32)
