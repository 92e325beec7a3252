"""Targets that are classifiers trained on a data set: split, training, and the handles that they offer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks import signals, training
from attacks.handles import (
    LabelOracle,
    Ledger,
    Marginals,
    ModelType,
    Number,
    Parameters,
    Platform,
    Population,
    ScoreOracle,
    TopScoreOracle,
    Trainer,
)
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.target import HandleMaker, Target
from attacks.training import Model, Recipe, TrainingSet
from taxonomy.findings import InputError


def build(
    *,
    data: str,
    hidden: list[int],
    members: int,
    non_members: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split a data set by the seed and train a multilayer perceptron on the members.

    Members, non-members and the adversary's pool are disjoint. With `members_trained` false the model is trained on as many
    records of the pool instead, which then leave the pool: a control that never saw its "members".
    """
    records = datasets.load(data)
    trained_elsewhere = 0 if members_trained else members
    if members + non_members + trained_elsewhere > len(records.x):
        wanted = members + non_members + trained_elsewhere
        raise InputError(f"the data set {data} has {len(records.x):,} records; the target asks for {wanted:,}")
    order = np.random.default_rng(derive_seed(seed, "split", data)).permutation(len(records.x))
    candidates, rest = order[: members + non_members], order[members + non_members :]
    training_rows = candidates[:members] if members_trained else rest[:members]
    pool = rest[trained_elsewhere:]
    is_member = np.arange(members + non_members) < members
    shuffle = np.random.default_rng(derive_seed(seed, "candidates", data)).permutation(len(candidates))
    candidates, is_member = candidates[shuffle], is_member[shuffle]

    recipe = Recipe(
        architecture="mlp",
        inputs=int(np.prod(records.x.shape[1:])),
        classes=records.classes,
        hidden=tuple(hidden),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
    )
    # Sorted, so that the order of the training set tells nothing about the order of the candidates.
    rows = np.sort(training_rows)
    x_train, y_train = torch.from_numpy(records.x[rows]), torch.from_numpy(records.y[rows])
    training_set = TrainingSet(x_train, y_train, derive_seed(seed, "target", data))
    (model,) = training.fit_many(recipe, [training_set], "target")

    x, label = torch.from_numpy(records.x[candidates]), torch.from_numpy(records.y[candidates])
    pool_x, pool_y = torch.from_numpy(records.x[pool]), torch.from_numpy(records.y[pool])
    train_log_probs = model.log_probs(x_train)
    outside = ~torch.from_numpy(is_member)
    held_out = model.log_probs(x[outside])
    return Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(is_member),
        makers=_makers(model, x_train, float(signals.loss(train_log_probs, y_train).mean()), pool_x, pool_y),
        fingerprint=digest([model.fingerprint, digest_arrays(x.numpy(), label.numpy(), records.x[pool], records.y[pool])]),
        facts={
            "training_accuracy": _accuracy(train_log_probs, y_train),
            "test_accuracy": _accuracy(held_out, label[outside]),
            "training_size": len(rows),
            "pool_size": len(pool),
        },
    )


def _accuracy(log_probs: Tensor, label: Tensor) -> float:
    return float((signals.predicted(log_probs) == label).double().mean())


def _makers(model: Model, x_train: Tensor, mean_loss: float, pool_x: Tensor, pool_y: Tensor) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each term that a classifier offers."""
    recipe, size = model.recipe, len(x_train)
    pool_ids = record_ids(pool_x.numpy())

    def scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle("scores", model.log_probs, ledger)

    def labels(ledger: Ledger) -> LabelOracle:
        oracle = scores(ledger)
        return LabelOracle("labels", lambda x: signals.predicted(oracle(x)), ledger)

    return {
        "M1.parameters": lambda ledger: Parameters("parameters", model.parameters(), ledger),
        "M2": lambda ledger: Trainer("trainer", recipe, size, ledger),
        "M3": lambda ledger: Platform("platform", recipe, size, ledger),
        "M4": lambda ledger: ModelType("model_type", recipe.architecture, ledger),
        "D1.samples": lambda ledger: Population("population", pool_x, pool_y, pool_ids, ledger),
        "D1.size": lambda ledger: Number("training_size", size, ledger),
        "D1.marginals": lambda ledger: Marginals("marginals", torch.sort(pool_x, dim=0).values, ledger),
        "D1.mean-loss": lambda ledger: Number("mean_loss", mean_loss, ledger),
        "Q.scores": scores,
        "Q.top-k": lambda ledger: TopScoreOracle("top_k", scores(ledger)),
        "Q.labels": labels,
    }
