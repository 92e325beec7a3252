"""The arithmetic of the bench: means over seeds, errors of differences, and verdicts on orderings."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from attacks import metrics
from attacks.evidence import averages, bench, comparisons
from taxonomy import verdicts
from taxonomy.orderings import Side


def test_a_figure_of_one_is_not_certain():
    """All members above all others: DeLong's error is 0 and a bootstrap's too, but other records may do worse."""
    member = np.arange(60) < 30
    perfect = member.astype(float)
    assert metrics.auc_variance(perfect, member) == 0
    for metric in ("auc", "precision", "balanced_accuracy", "tpr_at_fpr_0.1"):
        assert 0 < comparisons.own_error(metric, (perfect, 0.5), member) < 0.05
    result = metrics.summarize(perfect, member, 0.5) | {"attack": "a", "queries": 0, "models": 0, "warnings": []}
    outcome = SimpleNamespace(
        seed=0, results=[result], scores={"a": perfect}, member=member, target_facts={}, warnings=[], blind_baseline=None
    )
    measured = bench.on_target("a", "one", "power", "f", [outcome] * 3)
    assert measured.auc.mean == 1 and 0.9 < measured.auc.ci[0] < 1


def test_precision_is_that_of_the_records_above_the_cut():
    """Three records are called members and two of them are; the error is that of a bootstrap of either side's own."""
    member = np.array([True, True, True, False, False, False])

    def outcome(score, cut=0.5):
        return SimpleNamespace(seed=0, member=member, scores={"a": np.array(score)}, results=[{"attack": "a", "cut": cut}])

    ordering = SimpleNamespace(id="o", metric="precision", within=None)
    sides = (Side("a", "one"), Side("a", "two"))
    better, worse = outcome([1.0, 0.5, 0.0, 0.0, 0.0, 0.0]), outcome([1.0, 0.7, 0.0, 0.9, 0.0, 0.0])
    (seed,) = comparisons.compare(ordering, sides, "f", [(better, worse)]).seeds
    assert (seed.better, seed.worse) == (1.0, pytest.approx(2 / 3, abs=1e-5)) and seed.se > 0
    for nothing in (outcome([0.0] * 6), outcome([1.0] * 6, cut=None)):
        assert comparisons.compare(ordering, sides, "f", [(better, nothing)]).unresolved == "a has no precision"


def test_what_judges_find_is_compared_too():
    """Outcomes that have no scores, but a metric with an interval."""

    def outcome(value):
        return SimpleNamespace(seed=0, results=[{"attack": "a", "metric": {"value": value, "ci": [value - 0.06, value + 0.06]}}])

    ordering = SimpleNamespace(id="o", metric="judged", within=None)
    found = comparisons.compare(ordering, (Side("a", "one"), Side("a", "two")), "f", [(outcome(0.9), outcome(0.5))])
    (seed,) = found.seeds
    assert (seed.difference, found.verdict, found.against) == (0.4, "holds", "two")
    assert seed.se == pytest.approx(0.03 * 2**0.5, abs=1e-5)
    scores = SimpleNamespace(seed=0, scores={}, results=[{"attack": "b", "auc": 0.9}])
    missing = comparisons.compare(ordering, (Side("a", "one"), Side("b", "one")), "f", [(outcome(0.9), scores)])
    assert missing.verdict == "undecided" and missing.unresolved == "b has no judged"


def test_the_interval_over_seeds_is_students_and_never_narrower_than_the_records_allow():
    def around(values, below, above):
        return [(value - below, value + above) for value in values]

    spread = averages.average([0.6, 0.7, 0.8], around([0.6, 0.7, 0.8], 0.02, 0.02))
    assert spread.ci == pytest.approx((0.7 - 4.30265 * 0.1 / 3**0.5, 0.7 + 4.30265 * 0.1 / 3**0.5), abs=2e-5)
    agreed = averages.average([0.7, 0.7, 0.7], around([0.7] * 3, 0.06, 0.03))
    assert agreed.ci == pytest.approx((0.7 - 0.06 / 3**0.5, 0.7 + 0.03 / 3**0.5), abs=2e-5), "on either side its own"
    assert averages.average([0.12], [(0.03, 0.18)]).ci == (0.03, 0.18), "one seed has the interval of that seed"


def test_a_mean_stays_within_the_range_of_its_figure():
    """Published once: shares with a lower end below 0."""
    for limits in ((0.0, 1.0), (-1.0, 1.0)):
        shares = averages.average([0.0, 0.1, 0.9], [(0.0, 0.3), (0.0, 0.4), (0.5, 1.0)], limits)
        assert limits[0] <= shares.ci[0] and shares.ci[1] <= limits[1]
    assert (
        averages.average([1.0, 1.0], [(0.9, 1.0)] * 2).ci[1] == 1.0 and averages.average([1.0, 1.0], [(0.9, 1.0)] * 2).ci[0] < 1
    )


def test_a_mean_of_biased_figures_is_about_their_middles_and_holds_the_mean():
    ends = [(0.0, 0.2)] * 100
    found = averages.average([0.16] * 100, ends, middles=[0.1] * 100)
    assert found.mean == 0.16 and found.ci == pytest.approx((0.09, 0.16), abs=1e-5), "0.1 give or take 0.1 / 10"


def test_nothing_is_certain_of_attacks_that_no_record_tells_apart():
    """Both rank all records right, or have the same scores: their difference is 0 here, but others may differ."""
    member = np.arange(800) < 400
    for score in (member * 1.0, np.arange(800.0)):
        for metric in ("auc", "balanced_accuracy", "precision", "tpr_at_fpr_0.01"):
            error = comparisons.paired_error(metric, (score, 0.5), (score * 2, 1.0), member)
            assert 0.001 < error < 0.01, metric


def test_equal_infinities_are_ties_in_comparisons_too():
    member = np.arange(200) < 100
    for score in (np.full(200, np.inf), np.full(200, -np.inf)):
        figure = comparisons._figure_of_draw("tpr_at_fpr_0.01", score, None, member)
        for order in (np.arange(200), np.arange(200)[::-1]):
            reordered = comparisons._figure_of_draw("tpr_at_fpr_0.01", score[order], None, member[order])
            assert figure(np.ones(200, dtype=int)) == reordered(np.ones(200, dtype=int)) == 0


def test_paired_errors_agree_with_resampling():
    generator = np.random.default_rng(3)
    member = np.arange(600) % 2 == 0
    common = generator.normal(size=600) + member
    first, second = common + generator.normal(size=600) * 0.3, common + generator.normal(size=600) * 0.6
    draws = []
    for _ in range(400):
        rows = np.concatenate([generator.choice(np.flatnonzero(s), 300) for s in (member, ~member)])
        draws.append(metrics.auc(first[rows], member[rows]) - metrics.auc(second[rows], member[rows]))
    assert comparisons.paired_error("auc", (first, None), (second, None), member) == pytest.approx(np.std(draws), rel=0.15)
    for metric, value in (
        ("tpr_at_fpr_0.01", lambda s, m: metrics.tpr_at_fpr(s, m, 0.01)),
        ("balanced_accuracy", lambda s, m: metrics.at_cut(s, m, 0.5)["balanced_accuracy"]),
    ):
        draws = []
        for _ in range(400):
            rows = np.concatenate([generator.choice(np.flatnonzero(s), 300) for s in (member, ~member)])
            draws.append(value(first[rows], member[rows]) - value(second[rows], member[rows]))
        error = comparisons.paired_error(metric, (first, 0.5), (second, 0.5), member)
        assert error == pytest.approx(np.std(draws), rel=0.15), metric


def test_the_mean_roc_passes_through_the_rates_of_its_seeds():
    generator = np.random.default_rng(0)
    member = np.arange(400) % 2 == 0
    curves = [(generator.normal(size=400) + member, member) for _ in range(3)]
    points = dict(bench.mean_roc(curves))
    expected = np.mean([metrics.tpr_at_fpr(score, member, 0.01) for score, _ in curves])
    assert points[0.01] == pytest.approx(expected, abs=1e-5) and min(points) == 0.005


def test_verdicts():
    assert [verdicts.of_interval(ci, None) for ci in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1))] == [
        "holds",
        "does not hold",
        "undecided",
    ]
    assert [verdicts.of_interval(ci, 0.02) for ci in ((-0.01, 0.02), (0.03, 0.1), (-0.1, 0.0))] == [
        "holds",
        "does not hold",
        "undecided",
    ]
