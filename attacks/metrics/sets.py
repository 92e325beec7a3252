"""Figures of attacks on sets: which sets were found and which accused, and how near an estimated share is to the true one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.metrics.figures import SHARE, Metric, share
from attacks.metrics.intervals import binomial_interval, mean_interval
from attacks.metrics.ranking import auc

Figures = NDArray[np.float64]


def found(p_value: Figures, used: Figures, level: float) -> Metric:
    """Return the share of the sets that hold members (`used` > 0) whose p-value (sets,) is at most `level`, exact interval.

    Chance is the level itself: so many would be found of sets that were never seen. `accused` is the share of sets without any
    member that are found all the same, with the ends of its exact interval (Clopper and Pearson 1934): a valid test accuses no
    more than the level, so the lower end must not lie above it. `auc` ranks sets by their p-values.
    """
    held_out = used == 0
    hits = p_value <= level
    accused = int(hits[held_out].sum())
    low, high = binomial_interval(accused, int(held_out.sum()))
    details = {"level": level, "accused": accused / int(held_out.sum()), "accused_low": low, "accused_high": high}
    return share("sets found", hits[~held_out], level, **details, auc=auc(-p_value, ~held_out))


def closeness(estimate: Figures, used: Figures) -> Metric:
    """Return 1 less the mean absolute error of estimated shares (sets,) of sets of which `used` (sets,) were trained on.

    Chance is what the best constant guess reaches, the median of the true shares. `bias` is the mean error with its sign, and
    `estimated` the mean estimate.
    """
    error = np.abs(estimate - used)
    low, high = mean_interval(1 - error, *SHARE)
    chance = 1 - float(np.abs(used - np.median(used)).mean())
    details = {
        "absolute_error": float(error.mean()),
        "largest_error": float(error.max()),
        "bias": float((estimate - used).mean()),
        "estimated": float(estimate.mean()),
    }
    return Metric("closeness of shares", 1 - float(error.mean()), (low, high), chance, details)
