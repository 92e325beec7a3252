"""Targets that learn online: a classifier that is updated many times, each time from the same state and with one new record."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from attacks.handles import Ledger, UpdatedScores
from attacks.models import further_training, signals, training
from attacks.models.training import Recipe
from attacks.seeds import digest, digest_arrays
from attacks.targets import classifier, judges
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    single_updates: int,
    update_steps: int,
    update_learning_rate: float,
    updates_judged: bool = True,
    seed: int = 0,
) -> Target:
    """Train a multilayer perceptron on the members, then update copies of it with one new record each.

    Candidates, members and the adversary's pool are those of the model before any update, as in `classifier.build`. The records
    of the updates are none of them. With `updates_judged` false the updates are made with as many other records than those whose
    labels the judge holds: a control whose updates say nothing about them. Both kinds of records are set aside in either case,
    so that target and control have pools of the same size.
    """
    records = datasets.load(data)
    parts = split(len(records.x), data, members=members, non_members=non_members, aside=2 * single_updates, seed=seed)
    recipe = Recipe("mlp", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    target, model = classifier.trained(data, records, parts, recipe, seed=seed)

    judged, others = np.split(parts.aside, 2)
    rows = judged if updates_judged else others
    x, label = records.some(rows)
    with training.one_thread():
        copies = further_training.updated(model, x, label, steps=update_steps, learning_rate=update_learning_rate)
        outside = ~target.member
        accuracy = [signals.accuracy(copies.log_probs(k, target.x[outside]), target.label[outside]) for k in range(len(copies))]

    def updated_scores(ledger: Ledger) -> UpdatedScores:
        after = [partial(copies.log_probs, k) for k in range(len(copies))]
        return UpdatedScores("updated_scores", model.log_probs, after, ledger)

    truth = torch.from_numpy(records.y[judged])
    target.makers["Q.updates"] = updated_scores
    target.judges["reconstruction"] = judges.labels_of_updates(truth)
    target.facts |= {"updates": len(copies), "updated_test_accuracy": float(np.mean(accuracy))}
    target.fingerprint = digest(
        [target.fingerprint, digest_arrays(x.numpy(), label.numpy(), truth.numpy()), update_steps, update_learning_rate]
    )
    return target
