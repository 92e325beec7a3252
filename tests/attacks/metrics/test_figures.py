"""Metrics on cases that can be worked out by hand, ties included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from attacks import metrics

# Six members and five non-members; 3.0 is shared by two members and two non-members.
SCORE = np.array([9.0, 8.0, 3.0, 3.0, 2.0, 1.0, 3.0, 3.0, 2.5, 0.5, 0.1])
MEMBER = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)


def test_roc_groups_ties():
    curve = metrics.roc(SCORE, MEMBER)
    assert curve.threshold.tolist() == [math.inf, 9, 8, 3, 2.5, 2, 1, 0.5, 0.1]
    assert (curve.true_positive_rate * 6).round().tolist() == [0, 1, 2, 4, 4, 5, 6, 6, 6]
    assert (curve.false_positive_rate * 5).round().tolist() == [0, 0, 0, 2, 3, 3, 3, 4, 5]


def test_tpr_at_fpr_is_a_step_where_interpolation_would_lie():
    # An FPR of 20 % lies inside the tied group: interpolation would claim 3/6, but no threshold reaches it.
    assert metrics.tpr_at_fpr(SCORE, MEMBER, 0.2) == pytest.approx(2 / 6)
    assert metrics.tpr_at_fpr(SCORE, MEMBER, 0.4) == pytest.approx(4 / 6)
    assert metrics.tie_across(SCORE, MEMBER, 0.2) == pytest.approx(2 / 5)


def test_auc_counts_ties_half():
    pairs = [(a > b) + 0.5 * (a == b) for a in SCORE[MEMBER] for b in SCORE[~MEMBER]]
    assert metrics.auc(SCORE, MEMBER) == pytest.approx(np.mean(pairs)) == pytest.approx(roc_auc_score(MEMBER, SCORE))


def test_direction():
    assert metrics.auc(-SCORE, MEMBER) == pytest.approx(1 - metrics.auc(SCORE, MEMBER))
    assert metrics.auc(SCORE, MEMBER) > 0.5


def test_delong_variance_by_its_definition():
    inside, outside = SCORE[MEMBER], SCORE[~MEMBER]
    beats = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    expected = beats.mean(axis=1).var(ddof=1) / len(inside) + beats.mean(axis=0).var(ddof=1) / len(outside)
    assert metrics.auc_variance(SCORE, MEMBER) == pytest.approx(expected)


def test_auc_interval_covers():
    generator = np.random.default_rng(0)
    truth = float(stats.norm.cdf(1 / math.sqrt(2)))
    hits = 0
    for _ in range(300):
        member = np.arange(160) < 80
        score = generator.normal(size=160) + member
        low, high = metrics.auc_interval(score, member)
        hits += low <= truth <= high
    assert 0.91 <= hits / 300 <= 0.985


def test_perfect_separation_is_not_certainty():
    low, high = metrics.auc_interval(np.arange(10.0), np.arange(10) >= 5)
    assert low < 1 and high == 1


def test_binomial_interval_is_clopper_pearson():
    assert metrics.binomial_interval(0, 10) == pytest.approx((0.0, 0.30849710781876083))
    assert metrics.binomial_interval(10, 10) == pytest.approx((0.6915028921812392, 1.0))
    assert metrics.binomial_interval(5, 10) == pytest.approx((0.187086028447398, 0.812913971552602))


def test_rates_that_cannot_be_resolved_are_none_with_the_reason():
    found = metrics.summarize(np.arange(1000.0), np.arange(1000) % 2 == 0, None)
    assert found["tpr_at_fpr"]["0.001"] is None and found["tpr_at_fpr_ci"]["0.001"] is None
    assert "500 non-members" in found["unresolved"]["0.001"]
    assert found["tpr_at_fpr"]["0.01"] is not None and "0.01" not in found["unresolved"]


def test_exactly_enough_non_members_resolve_a_rate():
    found = metrics.summarize(np.arange(2000.0), np.arange(2000) % 2 == 0, None)
    assert found["tpr_at_fpr"]["0.001"] is not None


def test_ties_are_warned_about():
    member = np.arange(400) < 200
    assert metrics.summarize(np.where(np.arange(400) % 3, 1.0, 0.0), member, None)["warnings"]
    assert not metrics.summarize(np.random.default_rng(0).normal(size=400), member, None)["warnings"]


def test_equal_infinities_are_ties():
    """Once a TPR of 0.5 or 0 by the order of the records, without a warning: infinities have no difference."""
    member = np.arange(200) < 100
    for infinite in (np.full(200, np.inf), np.full(200, -np.inf)):
        found = [metrics.summarize(infinite[order], member[order], None) for order in (np.arange(200), np.arange(200)[::-1])]
        assert found[0] == found[1] and found[0]["tpr_at_fpr"]["0.01"] == 0 and found[0]["auc"] == 0.5
        assert "100.0% of the non-members share one score" in found[0]["warnings"][0]
        assert len(metrics.roc(infinite, member).threshold) == 2 and metrics.tie_across(infinite, member, 0.01) == 1


def test_infinities_rank_above_and_below_all_else():
    """As the largest and smallest of finite scores do, in every figure."""
    generator = np.random.default_rng(0)
    member = np.arange(300) < 150
    finite = np.round(generator.normal(size=300) + member, 1)
    finite[:20], finite[140:170] = 99.0, -99.0
    infinite = np.select([finite == 99, finite == -99], [np.inf, -np.inf], finite)
    assert metrics.summarize(infinite, member, 0.5) == metrics.summarize(finite, member, 0.5)
    assert metrics.auc_difference_error(infinite, -infinite, member) == metrics.auc_difference_error(finite, -finite, member)


def test_a_rate_that_the_non_members_hit_exactly_is_allowed():
    """29 of 29,000 are 0.1 %, whatever the last bit of the quotient says."""
    member = np.arange(29_100) < 100
    score = np.where(member, 5.0, np.where(np.arange(29_100) < 129, 6.0, 0.0))
    assert metrics.tpr_at_fpr(score, member, 0.001) == 1


def test_the_estimate_is_biased_as_it_is_explained():
    """Its threshold is as near to the next non-member as can be, whose true FPR is (k + 1) / (n + 1) on average."""
    generator = np.random.default_rng(0)
    member, rates = np.arange(800) < 400, []
    for _ in range(400):
        score = generator.random(800)
        curve = metrics.roc(score, member)
        rates.append(1 - curve.threshold[curve.within(0.01) + 1])
    # Of a score that is uniform among non-members and members, the true rate at a threshold is what lies above it.
    assert np.mean(rates) == pytest.approx(5 / 401, abs=4 * np.std(rates) / 20)


def test_figures_at_the_cut():
    found = metrics.at_cut(SCORE, MEMBER, 2.5)
    assert found["tpr"] == pytest.approx(4 / 6) and found["fpr"] == pytest.approx(3 / 5)
    assert found["precision"] == pytest.approx(4 / 7)
    assert found["balanced_accuracy"] == pytest.approx((4 / 6 + 2 / 5) / 2)
    assert set(metrics.at_cut(SCORE, MEMBER, None).values()) == {None}
    assert metrics.at_cut(SCORE, MEMBER, 100.0)["precision"] is None


def test_balanced_accuracy_of_the_gap_is_half_plus_half_the_gap():
    correct = np.array([1.0] * 9 + [0.0] + [1.0] * 6 + [0.0] * 4)
    member = np.arange(20) < 10
    assert metrics.at_cut(correct, member, 1.0)["balanced_accuracy"] == pytest.approx(0.5 + (0.9 - 0.6) / 2)
