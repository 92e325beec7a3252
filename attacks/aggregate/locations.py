"""Attacks that train a classifier for each candidate on statistics of made-up groups with and without it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attacks.handles import Aggregates, AttackError, Records, Scored, ShadowAggregates

STEPS = 50


def knock_knock(records: Records, aggregates: Aggregates, shadow_aggregates: ShadowAggregates, *, penalty: float = 1.0) -> Scored:
    """Log-odds of each candidate's presence from the course of the counts at each place, float64 (n,); member if above 0.

    Pyrgelis et al. 2018: one classifier a candidate, trained on made-up groups with and without it. Features are remembered,
    not read again: for each place the variance, lowest, highest, median and mean count and the deviation over time; their sum
    is the mean again. Statistics without a time axis are taken as they are. Of the paper's classifiers this is logistic
    regression, its L2 `penalty` chosen here.
    """
    return _judged_one_by_one(records, aggregates, shadow_aggregates, _course, penalty)


def every_count(records: Records, aggregates: Aggregates, shadow_aggregates: ShadowAggregates, *, penalty: float = 1.0) -> Scored:
    """Log-odds of each candidate's presence from all counts as they are, float64 (n,); member if above 0.

    Zhang et al. 2020 (LocMIA), of which only a binary classifier for each victim is known (Bai et al. 2021): the plainest one,
    logistic regression on every published count. Its L2 `penalty` is chosen here.
    """
    return _judged_one_by_one(records, aggregates, shadow_aggregates, lambda counts: counts.flatten(1), penalty)


def _course(counts: Tensor) -> Tensor:
    """Return statistics over time, (groups, features), of counts (groups, times, places)."""
    if counts.ndim < 3:
        return counts.flatten(1)
    spread = counts.std(dim=1, correction=0)
    over_time = (spread**2, counts.amin(dim=1), counts.amax(dim=1), counts.median(dim=1).values, counts.mean(dim=1), spread)
    return torch.cat([statistic.flatten(1) for statistic in over_time], dim=1)


def _judged_one_by_one(
    records: Records,
    aggregates: Aggregates,
    shadow_aggregates: ShadowAggregates,
    features: Callable[[Tensor], Tensor],
    penalty: float,
) -> Scored:
    if penalty <= 0:
        raise AttackError(f"the penalty of a classifier is positive (found {penalty:g})")
    inside = shadow_aggregates.inside
    if 2 * int(inside.sum()) != len(inside):
        raise AttackError(f"half of the made-up groups must have the candidate (found {int(inside.sum())} of {len(inside)})")
    published = features(aggregates.values[None])[0]
    score = torch.empty(len(records), dtype=torch.float64)
    for i in range(len(records)):
        known = features(shadow_aggregates.of(i))
        spread = known.std(dim=0)
        # What never varied gets no weight, whatever it is divided by.
        centre, scale = known.mean(dim=0), torch.where(spread > 0, spread, 1.0)
        weights = logistic_regression((known - centre) / scale, inside, penalty)
        score[i] = ((published - centre) / scale) @ weights
    return Scored(score, cut=0.0)


def logistic_regression(features: Tensor, inside: Tensor, penalty: float) -> Tensor:
    """Return the weights of L2-regularised logistic regression without intercept, float64 (features,).

    Minimises the summed log-loss plus penalty / 2 times the squared norm, by Newton's method on one coefficient a row: there are
    far fewer groups than counts. Centred features and as many groups of either kind leave the intercept next to nothing.
    """
    kernel, wanted = features @ features.T, inside.double()
    odds = torch.zeros(len(features), dtype=torch.float64)
    for _ in range(STEPS):
        chance = odds.sigmoid()
        curvature = chance * (1 - chance)
        matrix = kernel + penalty * torch.diag(1 / curvature)
        rows = torch.linalg.solve(matrix, odds + (wanted - chance) / curvature)
        before, odds = odds, kernel @ rows
        if (odds - before).abs().max() < 1e-9:
            break
    weights: Tensor = features.T @ rows
    return weights
