"""An ensemble finds what its attacks find between them, and no more than it says on records that nothing was chosen by."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attacks.metrics import ensemble, ranking, rate_interval

ATTACKS = 20


def null(generator, members, others):
    """Twenty attacks that guess."""
    member = np.arange(members + others) < members
    return {f"a{i:02d}": generator.normal(size=len(member)) for i in range(ATTACKS)}, member


def strong(apart):
    """One attack that works among nineteen that guess."""

    def draw(generator, members, others):
        scores, member = null(generator, members, others)
        return scores | {"a00": scores["a00"] + apart * member}, member

    return draw


def divided(kinds, attacks=ATTACKS):
    """As many attacks as kinds of members, each of which finds half of one kind; the rest guess."""

    def draw(generator, members, others):
        scores, member = null(generator, members, others)
        kind, found = generator.integers(kinds, size=len(member)), member & (generator.random(len(member)) < 0.5)
        added = {f"a{i:02d}": 4.0 * (found & (kind == i)) for i in range(kinds)}
        return {name: score + added.get(name, 0.0) for name, score in list(scores.items())[:attacks]}, member

    return draw


def together(generator, members, others):
    """Five attacks that see the same of a record, and a noise of their own."""
    scores, member = null(generator, members, others)
    seen = generator.normal(size=len(member)) + 1.5 * member
    return {name: seen + 0.5 * score for name, score in list(scores.items())[:5]}, member


def best(scores, member, rate=0.01):
    return max(ranking.tpr_at_fpr(score, member, rate) for score in scores.values())


def many(draw, simulations, members, others, rate=0.01):
    """The rates of the ensemble, those of the best attack by itself, and how often an interval holds the rate of guessing."""
    rates, alone, held = [], [], 0
    for number in range(simulations):
        scores, member = draw(np.random.default_rng(number), members, others)
        found = ensemble.measure(scores, member, (rate,))
        rates.append(found.tpr_at_fpr[f"{rate:g}"])
        alone.append(best(scores, member, rate))
        low, high = found.tpr_at_fpr_ci[f"{rate:g}"]
        held += low <= rate <= high
    return float(np.mean(rates)), float(np.mean(alone)), held / simulations


def test_choosing_among_attacks_that_guess_is_not_free():
    """The best of twenty seems to find twice as many members as it accuses others; the ensemble does not."""
    found, alone, _ = many(null, 20, 1000, 1000)
    # Of 1,000 non-members ten are allowed, so that the true rate of the threshold is 11 of 1,001 on average.
    expected = rate_interval.true_rate(1000, 0.01)
    error = (2 * expected / 1000 / 20) ** 0.5
    assert abs(found - expected) < 4 * error, found
    assert alone > 0.018


def test_one_strong_attack_among_many_is_not_lost():
    found, alone, _ = many(strong(2.0), 8, 1000, 1000)
    assert found > 0.9 * alone


def test_attacks_that_find_different_members_find_more():
    found, alone, _ = many(divided(3), 5, 400, 400)
    assert found > 2 * alone


@pytest.mark.slow
@pytest.mark.parametrize(("members", "others", "rate"), [(400, 400, 0.01), (100, 1000, 0.01), (2000, 2000, 0.001)])
def test_attacks_that_guess_are_within_the_interval(members, others, rate):
    """The false positive rate of the whole is what it says: of members as many are accused as of non-members."""
    simulations = 200
    found, _, held = many(null, simulations, members, others, rate)
    expected = rate_interval.true_rate(others, rate)
    # Non-members at the threshold vary as much as members do, and the folds share their records, so that twice that is allowed.
    error = (expected / simulations * (1 / members + 1 / others)) ** 0.5
    assert abs(found - expected) < 4 * error, (found, expected)
    assert held > 0.93 - 3 * (0.93 * 0.07 / simulations) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("draw", [strong(1.5), divided(3, 5), together], ids=["strong", "divided", "together"])
@pytest.mark.parametrize(("members", "others"), [(400, 400), (200, 800)])
def test_the_interval_holds_what_is_found_of_other_records(draw, members, others):
    """The truth: what was learned of this sample, applied to fresh records in the place of each fold, many times over."""
    simulations, fresh, rate, held = 100, 10, 0.01, 0
    names = [f"a{i:02d}" for i in range(5)]
    for number in range(simulations):
        generator = np.random.default_rng(number)
        scores, member = draw(generator, members, others)
        scores = {name: scores[name] for name in names}
        low, high = ensemble.measure(scores, member, (rate,)).tpr_at_fpr_ci["0.01"]
        table, fold = np.stack([scores[name] for name in names]), ensemble.folds(member, None, 0)
        shares, truth = [], []
        for k, _ in np.ndindex(ensemble.FOLDS, fresh):
            held_out = fold == k
            other, _ = draw(generator, members, others)
            mixed = np.where(held_out, np.stack([other[name] for name in names]), table)
            by_attack = ensemble.shares_of_others([ensemble.ranked(row) for row in mixed], ~held_out & ~member)
            share, _ = ensemble.learned(by_attack, member, ~held_out, rate)
            shares.append(share[held_out])
            truth.append(member[held_out])
        held += low <= ranking.tpr_at_fpr(-np.concatenate(shares), np.concatenate(truth), rate) <= high
    # The truth itself is known to within a tenth of the interval, so that a little less is asked than of a share.
    assert held / simulations > 0.92 - 3 * (0.92 * 0.08 / simulations) ** 0.5, held / simulations


def test_neither_the_order_of_attacks_nor_that_of_records_matters():
    scores, member = divided(3)(np.random.default_rng(0), 200, 300)
    ids = np.array([f"patient-{k}" for k in range(500)])
    first = ensemble.measure(scores, member, ids=ids, seed=3)
    order = np.random.default_rng(1).permutation(500)
    turned = {name: scores[name][order] for name in reversed(scores)}
    second = ensemble.measure(turned, member[order], ids=ids[order], seed=3)
    assert first.as_json() | {"exposed": 0, "union": 0, "intersection": 0} == second.as_json() | {
        "exposed": 0,
        "union": 0,
        "intersection": 0,
    }
    for name in ("exposed", "union", "intersection"):
        assert {*ids[getattr(first, name)]} == {*ids[order][getattr(second, name)]}
    assert first == ensemble.measure(scores, member, ids=ids, seed=3)
    assert first != ensemble.measure(scores, member, ids=ids, seed=4)


def test_only_ranks_count():
    """Scores on another scale, with infinities among them, say the same."""
    scores, member = divided(3)(np.random.default_rng(0), 200, 300)
    found = ensemble.measure(scores, member)
    assert found == ensemble.measure({name: np.exp(3 * score) for name, score in scores.items()}, member)
    highest = {name: np.where(score == score.max(), np.inf, score) for name, score in scores.items()}
    assert found == ensemble.measure(highest, member)


def test_who_is_exposed_stands_first_and_is_a_member():
    scores, member = divided(3)(np.random.default_rng(0), 400, 400)
    scores["a00"][17] = 50.0
    found = ensemble.measure(scores, member, (0.01, 0.001))
    assert set(found.unresolved) == {"0.001"} and "400 non-members cannot resolve" in found.unresolved["0.001"]
    assert found.tpr_at_fpr["0.001"] is None and found.tpr_at_fpr_ci["0.001"] is None
    assert len(found.exposed) == round(found.tpr_at_fpr["0.01"] * 400) == len(set(found.exposed)) and member[found.exposed].all()
    assert 17 in found.exposed[:5]
    by_itself = {name: {*np.flatnonzero(member & (score > np.sort(score[~member])[-5]))} for name, score in scores.items()}
    assert {*found.union} == set.union(*by_itself.values()) and {*found.intersection} == set.intersection(*by_itself.values())
    assert found.chosen["0.01"].keys() >= {"a00", "a01", "a02"}
    assert json.loads(json.dumps(found.as_json())) == found.as_json()


def test_scores_that_are_all_the_same_find_nobody():
    member = np.arange(400) < 200
    found = ensemble.measure({"one": np.zeros(400), "two": np.ones(400)}, member, (0.01,))
    assert found.tpr_at_fpr["0.01"] == 0 and found.exposed == found.union == []


@pytest.mark.parametrize(("members", "others"), [(9, 500), (500, 9), (0, 0)])
def test_too_few_records_are_told(members, others):
    member = np.arange(members + others) < members
    found = ensemble.measure({"one": np.arange(len(member)) * 1.0}, member, (0.01,))
    assert found.tpr_at_fpr == {"0.01": None} and found.exposed == []
    assert str(others) in found.unresolved["0.01"]
    with pytest.raises(ValueError, match="at least one attack"):
        ensemble.measure({}, member)
