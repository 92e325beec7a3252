"""Targets that are released again and again: a classifier, trained on first records and then updated with new ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import Ledger, Rounds
from attacks.models import signals, training
from attacks.models.federation import Weights, copied
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import classifier, judges
from attacks.targets import data as datasets
from attacks.targets.split import Split, split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

# The weights are had by the releases; no platform trains further what it has trained.
NOT_OFFERED = ("M1.parameters", "M3")


def build(
    *,
    data: str,
    hidden: Sequence[int],
    first_records: int,
    members: int,
    non_members: int,
    known_members: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    update_epochs: int,
    updates: int = 1,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Train a multilayer perceptron on `first_records` records of a data set, and update it with new ones.

    Each of the `updates` brings `members` + `known_members` new records, of which the last one's are the candidates that are
    members and the known members; candidates that are none, and the adversary's pool, are in no training set. An update trains
    for `update_epochs` from the weights of the last release on, on all records so far. The adversary knows as many records of
    the pool to be none as it knows members. With `members_trained` false the last update brings other records in the
    candidates' place, which then leave the pool: a control that never saw its "members". Raises InputError for numbers that are
    too small, and for a data set that is.

    The final model answers queries. Models that the adversary trains by the recipe are trained at once, on as many records as
    the final one was. Nasr et al. 2019, Sections II-B and IV-C, describe such a target; theirs is fine-tuned with the new
    records, and here the old ones stay in the training set.
    """
    counts = {"first_records": first_records, "members": members, "non_members": non_members, "updates": updates}
    lengths = {"epochs": epochs, "batch": batch, "update_epochs": update_epochs}
    for name, number in {**counts, **lengths}.items():
        if number < 1:
            raise InputError(f"{name} must be at least 1 (found {number})")
    if known_members < 0:
        raise InputError(f"known_members must be at least 0 (found {known_members})")
    records = datasets.load(data)
    parts = split(
        len(records.x),
        data,
        members=members,
        non_members=non_members,
        known_members=known_members,
        aside=first_records + (updates - 1) * (members + known_members),
        members_trained=members_trained,
        seed=seed,
    )
    if len(parts.pool) < known_members:
        raise InputError(f"the data set {data} has too few records: {len(parts.pool)} are left for {known_members} non-members")
    recipe = Recipe("mlp", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    return trained(data, records, parts, recipe, first_records=first_records, update_epochs=update_epochs, seed=seed)[0]


def trained(
    data: str,
    records: datasets.Data,
    parts: Split,
    recipe: Recipe,
    *,
    first_records: int,
    update_epochs: int,
    seed: int = 0,
) -> tuple[Target, list[Weights]]:
    """Train and update a classifier on a split data set; return the target that it is, and the weights of all releases."""
    every = training_rows(parts, first_records)
    start = derive_seed(seed, "target", data)
    (first,) = training.fit_many(recipe, [TrainingSet(*records.some(every[0]), start)], "target")
    releases = [first.parameters()]
    for number, rows in enumerate(every[1:]):
        update = TrainingSet(*records.some(rows), derive_seed(seed, "update", data, number))
        releases.append(updated(recipe, releases[-1], update, update_epochs))
    name = digest(
        [
            first.fingerprint,
            recipe.as_json(),
            update_epochs,
            start,
            [digest_arrays(*map(_array, records.some(rows))) for rows in every],
        ]
    )
    model = _model(recipe, releases[-1], name)

    x, label = records.some(parts.candidates)
    member = torch.from_numpy(parts.is_member)
    x_train, y_train = records.some(every[-1])
    x_new, y_new = records.some(parts.training)
    log_probs, held_out = model.log_probs(x_train), model.log_probs(x[~member])
    population = classifier.held(records, parts.pool)
    makers: dict[str, HandleMaker] = classifier.makers_of_classifier(
        model,
        training_size=len(x_train),
        mean_loss=float(signals.loss(log_probs, y_train).mean()),
        population=population,
        known_members=classifier.held(records, parts.known),
        known_non_members=classifier.held(records, parts.pool[: len(parts.known)]),
        superset=lambda: classifier.held(records, np.unique(np.concatenate([parts.candidates, every[-1], parts.pool]))),
        noisy=lambda: classifier.with_errors(population, derive_seed(seed, "errors", data)),
        shifted="",
    )
    for term in NOT_OFFERED:
        del makers[term]

    def snapshots(ledger: Ledger) -> Rounds:
        return Rounds("rounds", releases, ledger)

    target = Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=member,
        makers={**makers, "M1.snapshots": snapshots},
        fingerprint=digest(
            [
                name,
                digest_arrays(
                    *map(_array, (x, label, population.x, population.label)), records.x[parts.known], records.y[parts.known]
                ),
            ]
        ),
        facts={
            "training_accuracy": signals.accuracy(log_probs, y_train),
            "test_accuracy": signals.accuracy(held_out, label[~member]),
            "new_records_accuracy_before": signals.accuracy(_model(recipe, releases[-2], name).log_probs(x_new), y_new),
            "new_records_accuracy": signals.accuracy(model.log_probs(x_new), y_new),
            "first_size": first_records,
            "training_size": len(x_train),
            "updates": len(releases) - 1,
            "pool_size": len(parts.pool),
        },
        judges={
            **judges.of_classifier(recipe, x, label, member, None, seed),
            "extraction": lambda stolen: judges.fidelity(stolen, x[~member], held_out),
        },
    )
    return target, releases


def training_rows(parts: Split, first_records: int) -> list[NDArray[np.int64]]:
    """Return the rows that each release was trained on, int64 and sorted, of which each holds those before it.

    What is set aside is the first records and then those of all updates but the last; the last one's are the training set.
    """
    earlier = np.split(parts.aside, range(first_records, len(parts.aside), len(parts.training)))
    return [np.sort(rows) for rows in accumulate([*earlier, parts.training], lambda a, b: np.concatenate([a, b]))]


def updated(recipe: Recipe, weights: Weights, data: TrainingSet, epochs: int) -> Weights:
    """Return the weights after more epochs from `weights` on; data.seed gives the order."""
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed % 2**63)
        module = recipe.build()
        module.load_state_dict(weights)
        training.learn(module, recipe, data, epochs)
        return copied(module.state_dict())


def _model(recipe: Recipe, weights: Weights, fingerprint: str) -> Model:
    module = recipe.build()
    module.load_state_dict(weights)
    return Model(recipe, module, fingerprint)


def _array(values: Tensor) -> NDArray[Any]:
    return values.numpy()
