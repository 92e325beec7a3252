"""The band around a ROC: it is that of the rates where few are accused, joins on where many are, and covers the true curve."""

from __future__ import annotations

import numpy as np
from scipy import stats

from attacks.metrics import rate_interval, roc
from attacks.metrics.band import MANY, around


def drawn(members: int, others: int, shift: float, seed: int):
    member = np.arange(members + others) < members
    return np.random.default_rng(seed).normal(size=members + others) + shift * member, member


def test_where_few_are_accused_it_is_the_interval_of_the_rate():
    curve = roc(*drawn(400, 400, 1.0, 0))
    band = around(curve)
    few = band.rate * 400 <= MANY
    assert few.any() and not few.all()
    for rate, low, high in zip(band.rate[few], band.low[few], band.high[few], strict=True):
        assert (low, high) == rate_interval.of_rate(curve, float(rate)).ends


def test_the_formula_for_many_agrees_with_the_interval_of_the_rate():
    curve = roc(*drawn(3000, 3000, 0.7, 1))
    band = around(curve)
    many = (band.rate * 3000 > MANY) & (band.rate < 0.5)
    with np.errstate(divide="ignore"):
        ends = np.array([rate_interval.of_rate(curve, float(rate)).ends for rate in band.rate[many]])
    assert many.sum() > 5
    assert np.abs(band.low[many] - ends[:, 0]).max() < 0.012 and np.abs(band.high[many] - ends[:, 1]).max() < 0.012


def test_it_covers_the_true_curve_pointwise():
    covered = []
    for seed in range(60):
        band = around(roc(*drawn(400, 600, 1.0, seed)))
        truth = stats.norm.sf(stats.norm.isf(band.rate) - 1.0)
        covered.append((band.low <= truth) & (truth <= band.high))
    share = np.mean(covered, axis=0)
    assert share.mean() > 0.93 and share.min() > 0.85


def test_it_holds_the_curve_and_stays_within_the_square():
    for shift, members, others in ((0.0, 30, 200), (9.0, 200, 30), (2.0, 2, 2)):
        curve = roc(*drawn(members, others, shift, 3))
        band = around(curve)
        assert (band.low >= 0).all() and (band.high <= 1).all() and (band.low < band.high).all()
