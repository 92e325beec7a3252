"""Set membership against its definition, spelled out by brute force."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from attacks.engine.outcome import Outcome
from attacks.evidence import bench
from attacks.metrics import set_membership

TINY = Path(__file__).parents[2] / "data" / "tiny"


def by_definition(members, others):
    """Both accuracies of one pair of sets, and the variance of the second, over every order in which equal scores can stand."""
    size, records = len(members), [(s, True) for s in members] + [(s, False) for s in others]
    found = []
    for order in itertools.permutations(records):
        if any(first[0] < second[0] for first, second in itertools.pairwise(order)):
            continue
        inside = sum(is_member for _, is_member in order[:size])
        found.append(((2 * inside > size) + (2 * inside == size) / 2, inside / size))
    return np.array([*np.mean(found, axis=0), np.var([single for _, single in found])])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_one_pair_of_sets_is_the_definition(size):
    generator = np.random.default_rng(size)
    for values in (2, 3, 100):
        for _ in range(6):
            drawn = generator.integers(values, size=2 * size).astype(float)
            drawn[:size] += generator.integers(2)
            found, expected = set_membership.accuracies(drawn[None]), by_definition(drawn[:size], drawn[size:])
            assert (found.of_sets[0], found.of_records[0]) == pytest.approx(tuple(expected[:2])), drawn
            assert found.by_ties[0] == pytest.approx(expected[2]), drawn


def test_the_mean_over_draws_is_the_mean_over_all_pairs_of_sets(monkeypatch):
    """Of 6 members and 5 non-members, sets of 2: all 150 pairs, each by its definition."""
    monkeypatch.setattr(set_membership, "FEWEST", 2)
    score = np.array([5.0, 4.0, 4.0, 2.0, 2.0, 0.0, 4.0, 3.0, 2.0, 1.0, 1.0])
    member = np.arange(11) < 6
    pairs = itertools.product(itertools.combinations(score[member], 2), itertools.combinations(score[~member], 2))
    every = np.array([by_definition(*pair) for pair in pairs])
    found = set_membership.summarize(score, member)["set_membership"]
    assert (len(every), found["size"]) == (150, 2)
    for k, name in enumerate(("set_accuracy", "single_accuracy")):
        # Two draws that share a set are no more than one and a half.
        assert found[name] == pytest.approx(every[:, k].mean(), abs=4 * every[:, k].std() / np.sqrt(500))
        low, high = found[f"{name}_ci"]
        assert low < found[name] < high


def test_the_order_of_records_gives_nothing_away():
    """Scores that are all the same tell nothing, whoever stands first; perfect ones tell all."""
    member = np.arange(400) < 200
    for truth in (member, ~member):
        for score, accuracy in ((np.zeros(400), 0.5), (truth * 1.0, 1.0), (truth * -1.0, 0.0)):
            found = set_membership.summarize(score, truth)["set_membership"]
            assert found["size"] == 100
            assert (found["set_accuracy"], found["single_accuracy"]) == pytest.approx((accuracy, accuracy))


def test_sets_tell_more_than_records():
    """A small advantage on each record adds up over a set, which is what the metric is about."""
    generator = np.random.default_rng(0)
    member = np.arange(2000) < 1000
    found = set_membership.summarize(generator.normal(size=2000) + 0.35 * member, member)["set_membership"]
    assert 0.52 < found["single_accuracy"] < 0.62 and found["set_accuracy"] > 0.9


def test_no_set_holds_a_record_twice_and_all_records_are_as_likely():
    rows = set_membership._rows(60, 20, 0)
    assert rows.shape == (500, 20) and (np.diff(np.sort(rows, axis=1), axis=1) > 0).all() and 0 <= rows.min() <= rows.max() < 60
    times = np.bincount(rows.ravel(), minlength=60)
    # Each record is in a third of the sets, give or take five standard deviations of a binomial number.
    assert (abs(times - 500 / 3) < 5 * np.sqrt(500 * 2 / 9)).all()


def test_intervals_have_a_width_hold_their_figure_and_stay_between_0_and_1():
    member = np.arange(400) < 200
    for score in (np.zeros(400), member * 1.0, member * -1.0, np.arange(400.0), np.where(np.arange(400) < 3, np.inf, 0.0)):
        found = set_membership.summarize(score, member)["set_membership"]
        for name in ("set_accuracy", "single_accuracy"):
            low, high = found[f"{name}_ci"]
            assert 0 <= low <= found[name] <= high <= 1 and low < high


def test_few_records_make_smaller_sets_or_none():
    score = np.arange(90.0)
    assert set_membership.summarize(score, np.arange(90) < 60)["set_membership"]["size"] == 15
    none = set_membership.summarize(score, np.arange(90) < 15)
    assert none["set_membership"] is None and "found 15" in none["unresolved"]["set_membership"]


def test_the_order_of_records_changes_no_figure():
    generator = np.random.default_rng(2)
    score, member = generator.normal(size=300), np.arange(300) < 150
    order = generator.permutation(300)
    assert set_membership.summarize(score[order], member[order]) == set_membership.summarize(score, member)


def test_the_same_figures_each_time_and_infinite_scores_are_ranked():
    generator = np.random.default_rng(1)
    score, member = generator.normal(size=300), np.arange(300) < 150
    score[:5], score[-5:] = np.inf, -np.inf
    first, second = (set_membership.summarize(score, member) for _ in range(2))
    assert first == second and first["set_membership"]["set_accuracy"] > 0.5


@pytest.mark.slow
def test_a_run_says_how_it_does_on_sets(mia, tmp_path):
    done = mia("run", "--catalog", TINY, "--target", "tiny", "yeom-2018-loss", "--out", "out", "--json")
    (result,) = json.loads(done.stdout)["results"]
    names = {"set_accuracy", "set_accuracy_ci", "single_accuracy", "single_accuracy_ci"}
    assert set(result["set_membership"]) == {"size", *names}
    assert result["set_membership"]["size"] == 60, "half of the 120 members"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "of two sets of 60 records" in page and f"{result['set_membership']['set_accuracy']:.3f}" in page


def test_evidence_holds_a_mean_over_seeds_or_none():
    member = np.arange(400) < 200
    outcomes = []
    for seed in range(3):
        score = np.random.default_rng(seed).normal(size=400) + 0.5 * member
        outcomes.append(outcome(seed, score, member))
    found = bench.on_target("a", "t", "power", "f", outcomes)
    each = [seed.set_membership.set_accuracy for seed in found.seeds]
    assert found.set_membership.set_accuracy.mean == pytest.approx(np.mean(each), abs=1e-5)
    assert found.set_membership.size == 100
    few = np.arange(30) < 15
    assert bench.on_target("a", "t", "power", "f", [outcome(0, np.arange(30.0), few)]).set_membership is None


def outcome(seed, score, member):
    """What a run of the attack `a` found."""
    from attacks import metrics

    figures = {**metrics.summarize(score, member, None), **set_membership.summarize(score, member)}
    result = {**figures, "attack": "a", "queries": 0, "models": 0, "warnings": []}
    return Outcome(None, seed, {}, member, [result], scores={"a": score})
