"""Targets whose candidates were included by coins, trained with differential privacy of a known epsilon, or with none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.handles import (
    LabelOracle,
    Ledger,
    Marginals,
    ModelType,
    Parameters,
    Population,
    ScoreOracle,
    TopScoreOracle,
    Trainer,
)
from attacks.metrics import Metric, Truth, epsilon
from attacks.models import signals, training
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError


def build(
    *,
    data: str,
    candidates: int,
    steps: int,
    learning_rate: float,
    clip: float,
    noise: float,
    delta: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Toss a fair coin for every candidate, and train a linear classifier on those whose coin said so, by noisy descent.

    Full-batch gradient descent with clipped gradients and Gaussian noise (Abadi et al. 2016): neighbours differ in one record
    more or less, and the epsilon at `delta` is exact (attacks/epsilon.py); with a `noise` of 0 there is none. The sum of
    gradients is divided by half the number of candidates, not by the number of members, which would tell of one more. With
    `members_trained` false as many records of the pool are trained on instead, which then leave the pool: a control that never
    saw its candidates.
    """
    records = datasets.load(data)
    shuffled = np.random.default_rng(derive_seed(seed, "split", data)).permutation(len(records.x))
    coin = np.random.default_rng(derive_seed(seed, "coins", data)).random(candidates) < 0.5
    chosen, pool = shuffled[:candidates], shuffled[candidates:]
    rows = chosen[coin]
    if not members_trained:
        rows, pool = pool[: len(rows)], pool[len(rows) :]
    if candidates < 2 or not len(pool):
        raise InputError(
            f"the data set {data} has {len(records.x):,} records, too few for {candidates:,} candidates and a population"
        )
    recipe = Recipe(
        architecture="mlp",
        shape=records.x.shape[1:],
        classes=records.classes,
        epochs=steps,
        batch=candidates // 2,
        learning_rate=learning_rate,
        clip=clip,
        noise=noise,
    )
    # Sorted, so that the order of the training set tells nothing about the order of the candidates.
    rows = np.sort(rows)
    x_train, y_train = records.some(rows)
    (model,) = training.fit_many(recipe, [TrainingSet(x_train, y_train, derive_seed(seed, "target", data))], "target")

    x, label = records.some(chosen)
    true_epsilon = epsilon.gaussian_epsilon(noise, steps, delta)
    outside = ~torch.from_numpy(coin)
    return Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(coin),
        makers=_makers(model, candidates // 2, records.x[pool], records.y[pool]),
        fingerprint=digest([model.fingerprint, digest_arrays(x.numpy(), label.numpy(), records.x[pool], records.y[pool])]),
        facts={
            "training_accuracy": signals.accuracy(model.log_probs(x_train), y_train),
            "test_accuracy": signals.accuracy(model.log_probs(x[outside]), label[outside]),
            "training_size": len(rows),
            "pool_size": len(pool),
            "epsilon": true_epsilon if math.isfinite(true_epsilon) else None,
            "delta": delta,
        },
        judges={"audit": lambda guess: lower_bound_of_guesses(guess, coin, delta, true_epsilon)},
    )


def lower_bound_of_guesses(guess: NDArray[np.int8], coin: Truth, delta: float, true_epsilon: float) -> Metric:
    """Return the lower bound on epsilon that guesses (n,) at the coins (n,) give: 1 "in", -1 "out", 0 not guessed.

    `true_epsilon` is told beside it where it is finite. (Steinke et al. 2023, Theorem 5.2.)
    """
    guesses = int((guess != 0).sum())
    right = int((guess == np.where(coin, 1, -1)).sum())
    bound = epsilon.lower_bound(len(coin), guesses, right, delta)
    details: dict[str, float] = {"guesses": guesses, "right": right, "delta": delta}
    if math.isfinite(true_epsilon):
        details["true epsilon"] = true_epsilon
    # The figure is itself the end of a one-sided interval with 95 % confidence, so it has none of its own.
    return Metric("lower bound on epsilon", bound, None, 0.0, details, range=None)


def _makers(model: Model, expected_size: int, pool_x: NDArray[Any], pool_y: NDArray[Any]) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each term on offer: nothing that the privacy of the training would not cover."""
    x, y, ids = torch.from_numpy(pool_x), torch.from_numpy(pool_y), record_ids(pool_x)

    def scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle("scores", model.log_probs, ledger)

    def labels(ledger: Ledger) -> LabelOracle:
        oracle = scores(ledger)
        return LabelOracle("labels", lambda x: signals.predicted(oracle(x)), ledger)

    return {
        "M1.parameters": lambda ledger: Parameters("parameters", model.parameters(), ledger),
        "M2": lambda ledger: Trainer("trainer", model.recipe, expected_size, ledger),
        "M4": lambda ledger: ModelType("model_type", model.recipe.architecture, ledger),
        "D1.samples": lambda ledger: Population("population", x, y, ids, ledger),
        "D1.marginals": lambda ledger: Marginals("marginals", torch.sort(x, dim=0).values, ledger),
        "Q.scores": scores,
        "Q.top-k": lambda ledger: TopScoreOracle("top_k", scores(ledger)),
        "Q.labels": labels,
    }
