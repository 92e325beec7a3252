"""Classifiers that their owner examines: the training set itself is at hand, and each record's risk has a judge."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from attacks.handles import Handle, Ledger, OwnTrainingSet, Trainer
from attacks.seeds import derive_seed, record_ids
from attacks.targets import classifier, judges
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    architecture: str = "mlp",
    hidden: Sequence[int] = (),
    epochs: int = 0,
    batch: int = 0,
    learning_rate: float = 0.0,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Return the classifier that the same arguments make, which offers its training set (D2.training-set) as well.

    Whoever holds the training set knows who is a member, so no attack on membership is worth measuring here.
    """
    target = classifier.build(
        data=data,
        members=members,
        non_members=non_members,
        architecture=architecture,
        hidden=hidden,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        members_trained=members_trained,
        seed=seed,
    )
    records = datasets.load(data)
    # The same split as that of classifier.build.
    parts = split(len(records.x), data, members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    rows = parts.training
    x, label, trained_with = records.x[rows], records.y[rows], derive_seed(seed, "target", data)

    def training_set(ledger: Ledger) -> Handle:
        held = torch.from_numpy(x.copy()), torch.from_numpy(label.copy()), record_ids(x)
        return OwnTrainingSet("training_set", *held, trained_with, ledger)

    target.makers["D2.training-set"] = training_set
    trainer = target.makers["M2"](Ledger())
    assert isinstance(trainer, Trainer)
    target.judges["risk"] = judges.risk(trainer.recipe, target.x, target.label, target.member, seed)
    return target
