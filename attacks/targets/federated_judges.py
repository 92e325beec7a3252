"""Judges of attacks on federations with another goal than membership: what was found, against what only the target knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks import metrics, signals, training
from attacks.handles import AttackError
from attacks.metrics import Metric
from attacks.targets.target import Judge
from attacks.training import Recipe, TrainingSet

# An input counts as recovered if its error is below this share of its length: float32 weights leave less.
EXACT = 1e-3


def property_of_rounds(truth: Tensor) -> Judge:
    """Return the judge of scores (rounds,): the AUC over rounds with the property and without, `truth` bool (rounds,)."""

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.shape != truth.shape or not found.isfinite().all():
            raise AttackError(f"an attack on a property finds one finite number a round, {tuple(truth.shape)}")
        score, having = found.double().numpy(), truth.numpy()
        error = math.sqrt(metrics.auc_variance(score, having))
        interval = metrics.auc_interval(score, having)
        return Metric("AUC over rounds", metrics.auc(score, having), interval, 0.5, {"standard_error": error})

    return judge


def inputs_of_uploads(truth: Sequence[Tensor], mean: Tensor) -> Judge:
    """Return the judge of inputs (rounds, ...) that were read off a victim's uploads: the share that is recovered.

    `truth` holds the records (n, ...) of the batch of each round, `mean` (...) the mean of records that the adversary could
    know. An input is recovered if a record of the batch lies nearer than `EXACT` times its length. `squared_error` is the mean
    over rounds of the squared error of a feature, to the record of the batch that is nearest, and `squared_error_of_mean` that
    of guessing the mean record; `shuffled`, which is chance, the share that would be recovered if the same inputs were dealt out
    to the rounds by chance.
    """

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.shape != (len(truth), *mean.shape) or not found.isfinite().all():
            raise AttackError(f"an attack on uploads finds one finite input a round, {(len(truth), *mean.shape)}")
        guesses = found.double().flatten(1)
        hits, errors, of_mean, shuffled = [], [], [], []
        for number, records in enumerate(truth):
            x = records.double().flatten(1)
            apart = torch.cdist(guesses, x)
            near = (apart <= EXACT * x.norm(dim=1)).any(1)
            hits.append(bool(near[number]))
            shuffled.append(float(near.double().mean()))
            errors.append(float(apart[number].min() ** 2) / x.shape[1])
            of_mean.append(float((x - mean.double().flatten()).square().mean(1).min()))
        details = {"squared_error": float(np.mean(errors)), "squared_error_of_mean": float(np.mean(of_mean))}
        chance = float(np.mean(shuffled))
        return metrics.share("inputs recovered", np.array(hits), chance, shuffled=chance, **details)

    return judge


def records_of_class(x: Tensor, y: Tensor, classes: int, wanted: int, seed: int) -> Judge:
    """Return the judge of made-up records (n, ...) of class `wanted`: the share that an independent classifier assigns to it.

    It asks for the nearest neighbours among x (m, ...) with labels y (m,), records that no participant has: it looks at the whole
    record, and has nothing in common with the network that the records were made to please, so what fools only networks does not
    count. Chance is one class of `classes`. `likeness` is the correlation of the mean made-up record with the mean record of the
    class, `likeness_to_others` the largest with that of another class. The interval is that of more records of the same
    generator; another run makes another generator.
    """

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.dim() != x.dim() or found.shape[1:] != x.shape[1:] or not len(found):
            raise AttackError(f"a generator of class records makes records of shape {tuple(x.shape[1:])}")
        recipe = Recipe("nearest-neighbours", tuple(x.shape[1:]), classes)
        (classifier,) = training.fit_many(recipe, [TrainingSet(x, y, seed)], "judge")
        hits = (signals.predicted(classifier.log_probs(found)) == wanted).numpy()
        mean = found.double().mean(0).flatten()
        means = [x[y == k].double().mean(0).flatten() for k in range(classes)]
        alike = [float(torch.corrcoef(torch.stack([mean, of]))[0, 1].nan_to_num()) for of in means]
        others = max(value for k, value in enumerate(alike) if k != wanted)
        details = {"likeness": alike[wanted], "likeness_to_others": others}
        return metrics.share("made-up records recognised", hits, 1 / classes, **details)

    return judge
