"""Intervals against their definitions, and what none of them may do: have no width, leave its range, or miss its own figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from attacks import metrics
from attacks.metrics import intervals, rate_interval
from attacks.metrics.correlation import spearman
from attacks.metrics.ranking import roc

RATES = (0.001, 0.01)


def by_hand(score, member, rate, share):
    """The confidence that the true rate is at most a share, from its definition: non-member by non-member, without groups."""
    inside, outside = score[member], np.sort(score[~member])[::-1]
    m, n = len(inside), len(outside)
    above = [0, *(int((inside > threshold).sum()) for threshold in outside), m]

    def confidence(hits):
        return stats.binom.sf(hits, m, share) + stats.binom.pmf(hits, m, share) / 2

    chances = stats.binom.pmf(np.arange(n + 1), n, rate)
    return sum(p * (confidence(above[j]) + confidence(above[j + 1])) / 2 for j, p in enumerate(chances))


@pytest.mark.parametrize("others", [120, 300, 400])
def test_the_interval_of_a_rate_is_its_definition(others):
    """Untied, tied, infinite; the error of either limit is that of the definition at this limit."""
    generator = np.random.default_rng(others)
    member = np.arange(150 + others) < 150
    plain = generator.normal(size=150 + others) + 1.5 * member
    scores = {
        "plain": plain,
        "rounded": plain.round(1),
        "infinite": np.where(generator.random(len(plain)) < 0.004 + 0.02 * member, np.inf, plain),
    }
    for name, score in scores.items():
        curve = roc(score, member)
        (low, high), middle = (found := rate_interval.of_rate(curve, 0.01)).ends, found.middle
        below, above = rate_interval._tails(others, 0.01)
        for level, share in ((below, low), (0.5, middle), (1 - above, high)):
            if 0 < share < 1:
                assert by_hand(score, member, 0.01, share) == pytest.approx(level, abs=1e-6), name
        assert low == 0 or others > 265, name


def test_on_either_side_of_a_large_step_the_interval_is_that_of_the_side():
    """A tenth of the members and a fifth of 1 % of the others lie highest, half of the members and just 1 % above the rest."""
    member = np.arange(5400) < 400
    score = np.zeros(5400)
    score[:200] = score[400:450] = 1.0
    score[:40] = score[400:410] = 2.0
    low, high = rate_interval.of_rate(roc(score, member), 0.01).ends
    below, above = rate_interval._tails(5000, 0.01)
    assert 0.03 < low < metrics.binomial_interval(40, 400)[0] + 0.01 and 0.54 < high < 0.56
    sides = [(40, below, low), (200, 1 - above, high)]
    for hits, level, limit in sides:
        assert stats.binom.sf(hits, 400, limit) + stats.binom.pmf(hits, 400, limit) / 2 == pytest.approx(level, abs=0.01)


def test_the_threshold_counts():
    """Whatever the members, 400 non-members know the threshold badly: a steep ROC has a wider interval than a flat one."""
    member = np.arange(800) < 400
    steep = np.concatenate([stats.norm.ppf((np.arange(400) + 0.5) / 400) + 1.5, stats.norm.ppf((np.arange(400) + 0.5) / 400)])
    flat = np.concatenate([np.where(np.arange(400) < 80, 100.0, -100.0), steep[400:]])
    for score in (steep, flat):
        assert metrics.tpr_at_fpr(score, member, 0.01) == pytest.approx(0.2, abs=0.05)
    wide, narrow = (np.ptp(rate_interval.of_rate(roc(score, member), 0.01).ends) for score in (steep, flat))
    exact = np.ptp(metrics.binomial_interval(80, 400))
    assert wide > 2 * exact and narrow == pytest.approx(exact, rel=0.15)


def test_without_a_lower_limit_the_interval_starts_at_0():
    member = np.arange(1200) < 200
    ends = metrics.summarize(member + np.arange(1200) / 2000, member, None)["tpr_at_fpr_ci"]
    assert ends["0.001"][0] == 0 and ends["0.01"][0] > 0.9, "1,000 non-members: none need be above the threshold of 0.1 %"


@given(st.integers(0, 10**9), st.integers(12, 120), st.integers(12, 120), st.sampled_from([1, 2, 3, 10, 1000]))
@settings(max_examples=60, deadline=None)
def test_every_interval_has_a_width_its_figure_and_a_range(seed, members, others, values):
    """Of scores with few values, or one, and with infinities."""
    generator = np.random.default_rng(seed)
    levels = np.array([-np.inf, np.inf, *range(values)], dtype=float)
    member = np.arange(members + others) < members
    score = levels[generator.integers(2 * (values == 1), len(levels), size=len(member))]
    score = np.where(member & (generator.random() < 0.3), levels[generator.integers(len(levels))], score)
    found = metrics.summarize(score, member, float(np.median(score)))
    names = ("auc", "balanced_accuracy", "tpr", "fpr", "precision")
    pairs = [(found[name], found[f"{name}_ci"]) for name in names if found[name] is not None]
    pairs += [(found["tpr_at_fpr"][rate], found["tpr_at_fpr_ci"][rate]) for rate in found["tpr_at_fpr"]]
    for value, ends in pairs:
        assert value is None or (0 <= ends[0] <= value <= ends[1] <= 1 and ends[1] - ends[0] > 1e-4), (value, ends)
    middles = [m for m in found["tpr_at_fpr_middle"].values() if m is not None]
    assert all(0 <= middle <= 1 for middle in middles)


def test_two_members_are_no_certainty():
    """Both of two members above the cut and none of 100 others: once published as a balanced accuracy of [1, 1]."""
    found = metrics.at_cut(np.arange(102) < 2, np.arange(102) < 2, 1.0)
    assert found["balanced_accuracy"] == 1 and 0.5 < found["balanced_accuracy_ci"][0] < 0.8
    assert found["balanced_accuracy_ci"][1] == 1 and found["precision_ci"][0] < 0.7


def test_the_interval_of_a_difference_by_square_and_add():
    (low, high), (others_low, others_high) = intervals.counted(9, 10), intervals.counted(3, 20)
    ends = (0.75 - math.hypot(0.9 - low, others_high - 0.15), 0.75 + math.hypot(high - 0.9, 0.15 - others_low))
    assert intervals.difference_interval(9, 10, 3, 20) == pytest.approx(ends)


def test_counted_is_mid_p():
    low, high = intervals.counted(7, 30)
    for share, level in ((low, 0.025), (high, 0.975)):
        assert stats.binom.sf(7, 30, share) + stats.binom.pmf(7, 30, share) / 2 == pytest.approx(level)
    assert intervals.counted(0, 30)[0] == 0 and intervals.counted(30, 30)[1] == 1
    assert intervals.counted(0, 30)[1] == pytest.approx(1 - 0.05 ** (1 / 30)), "the rule of three"


def test_the_interval_of_a_precision_solves_the_difference():
    """At either end 0 is the end of the interval of (1 - p) hits - p alarms."""
    low, high = intervals.precision_interval(30, 100, 10, 200)
    (few, many), (few_others, many_others) = intervals.counted(30, 100), intervals.counted(10, 200)
    for p, hits, alarms in ((low, 100 * few, 200 * many_others), (high, 100 * many, 200 * few_others)):
        spread = math.hypot((1 - p) * (30 - hits), p * (10 - alarms))
        assert abs((1 - p) * 30 - p * 10) == pytest.approx(spread)
    assert low < 0.75 < high and intervals.precision_interval(5, 10, 0, 10)[1] == 1
    assert intervals.precision_interval(0, 10, 5, 10)[0] == 0


def test_precision_is_surer_than_a_share_of_those_called():
    """Where most are called members on either side, how many are says nothing; the trials are all records."""
    low, high = intervals.precision_interval(190, 200, 180, 200)
    assert high - low < 0.4 * np.ptp(metrics.binomial_interval(190, 370))


@pytest.mark.parametrize("count", [4, 30])
def test_a_perfect_correlation_is_within_its_interval(count):
    for sign in (1, -1):
        found, (low, high) = spearman(np.arange(float(count)), sign * np.arange(float(count)))
        assert found == pytest.approx(sign) and low <= found <= high and low < high and -1 <= low <= high <= 1


def test_influence_is_what_leaving_out_a_record_changes():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 12, 400).astype(float)
    second = first + 3 * generator.standard_t(1, 400)
    from attacks.metrics.correlation import _influence

    found, influence = _influence(first, second)
    assert found == pytest.approx(stats.spearmanr(first, second).statistic)
    without = [stats.spearmanr(np.delete(first, i), np.delete(second, i)).statistic for i in range(400)]
    jackknife = 399 / 400 * np.sum((without - np.mean(without)) ** 2)
    assert influence @ influence / (400 * 399) == pytest.approx(jackknife, rel=0.05)


def test_means_of_equal_values_are_not_certain():
    low, high = intervals.mean_interval(np.ones(50), -1.0, 1.0)
    assert 0.8 < low < high == 1
    values = np.array([0.2, 0.4, 0.9])
    half_width = stats.t.ppf(0.975, 2) * values.std(ddof=1) / math.sqrt(3)
    assert intervals.mean_interval(values, -1.0, 1.0) == pytest.approx((0.5 - half_width, min(1.0, 0.5 + half_width)))
    assert intervals.mean_interval(values, 0.0, 0.8) == pytest.approx((0.0, 0.8))


def test_judged_figures_say_where_they_can_lie():
    """A share between 0 and 1, a difference or a correlation between -1 and 1, a bound anywhere; means over seeds stay there."""
    hits = np.ones(10, dtype=bool)
    assert metrics.share("x", hits, 0.1).as_json()["range"] == [0.0, 1.0]
    assert metrics.advantage("x", hits, np.arange(10) < 5).as_json()["range"] == [-1.0, 1.0]
    assert metrics.rank_correlation("x", np.arange(10.0), np.arange(10.0)).as_json()["range"] == [-1.0, 1.0]
    assert metrics.Metric("bound", 3.0, None, 0.0, range=None).as_json()["range"] is None
