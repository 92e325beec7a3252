"""Judges of attacks on federations with another goal than membership: what was found, against what only the target knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from attacks import metrics
from attacks.handles import AttackError
from attacks.metrics import Interval, Metric
from attacks.models import signals, training
from attacks.models.training import Recipe, TrainingSet
from attacks.targets.target import Judge

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
    """Return the judge of made-up records (generators, n, ...) of class `wanted`: the mean share that a classifier gives to it.

    It asks for the nearest neighbours among x (m, ...) with labels y (m,), records that no participant has: it looks at the whole
    record, and has nothing in common with the network that the records were made to please, so what fools only networks does not
    count.

    A generator is one observation, however many records it makes: it often makes nearly one and the same, and then all of them
    are recognised, or none. So the interval is over generators (`of_shares`); `lowest` and `highest` are the shares of the worst
    and the best one. `diversity` is how far the records of one generator lie from each other, as a share of how far those of the
    class do, the mean over generators: near 0 one picture was made, at 1 they differ as real ones do.

    Chance is 0. What comes out by chance cannot be computed: who deals classes out to records by chance gets one of `classes`
    right, but a generator that ignores the class makes one thing, which is that class or is not. On average over classes that is
    one of them, and for a given one all or nothing; and one that is trained to please a network that never saw the class is
    pushed away from the classes that it did see. What a figure has to be compared with is therefore measured: the share on the
    control, whose network never saw the class.

    `likeness` is the correlation of a generator's mean record with the mean record of the class, `likeness_to_others` the largest
    with that of another class, both as means over generators.
    """
    means = torch.stack([x[y == k].double().mean(0).flatten() for k in range(classes)])
    apart = float(torch.pdist(x[y == wanted].double().flatten(1)).mean())

    def judge(found: Any) -> Metric:
        if (
            not isinstance(found, Tensor)
            or found.dim() != x.dim() + 1
            or found.shape[2:] != x.shape[1:]
            or min(found.shape[:2]) < 2
        ):
            raise AttackError(f"generators of class records, two or more, make two records or more of shape {tuple(x.shape[1:])}")
        recipe = Recipe("nearest-neighbours", tuple(x.shape[1:]), classes)
        (classifier,) = training.fit_many(recipe, [TrainingSet(x, y, seed)], "judge")
        hits = signals.predicted(classifier.log_probs(found.flatten(0, 1))).reshape(found.shape[:2]) == wanted
        shares = hits.double().mean(1).numpy()
        alike = torch.stack([torch.corrcoef(torch.stack([made.double().mean(0).flatten(), *means]))[0, 1:] for made in found])
        of_class, of_others = alike.nan_to_num()[:, wanted], torch.cat([alike[:, :wanted], alike[:, wanted + 1 :]], dim=1)
        details = {
            "lowest": float(shares.min()),
            "highest": float(shares.max()),
            "diversity": float(np.mean([float(torch.pdist(made.double().flatten(1)).mean()) for made in found])) / apart,
            "likeness": float(of_class.mean()),
            "likeness_to_others": float(of_others.nan_to_num().amax(1).mean()),
        }
        return Metric("made-up records recognised", float(shares.mean()), of_shares(shares), 0.0, details)

    return judge


def of_shares(shares: NDArray[np.float64]) -> Interval:
    """Return the 95 % interval of the mean of shares (n,), each from 0 to 1 and an observation of its own.

    It is the exact interval of a proportion (Clopper & Pearson 1934) with the sum of the shares for the number of hits: of all
    that lies between 0 and 1 with a given mean, a coin varies most. So it holds the mean at least as often as it says, also of
    shares that are all 0 or 1, where one from their spread would be far too narrow; it is wider than need be where shares are
    alike.
    """
    found, count = float(shares.sum()), len(shares)
    low = float(stats.beta.ppf(0.025, found, count - found + 1)) if found > 0 else 0.0
    high = float(stats.beta.ppf(0.975, found + 1, count - found)) if found < count else 1.0
    return low, high
