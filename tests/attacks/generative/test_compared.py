"""Attacks that compare a fine-tuned model with its base, put other text before a record, or weigh symbols: by hand, once more."""

from __future__ import annotations

import fixture
import language_fixture
import numpy as np
import pytest
import torch

from attacks.generative import compared, frequency, in_context
from attacks.handles import AttackError, HandedLanguageModel, Ledger, LikelihoodOracle, Population, Records, TopSymbolOracle
from attacks.handles.language import top_symbols
from attacks.handles.views import texts
from attacks.models.generators.language import PADDING
from taxonomy.threat import from_user

X = torch.tensor([[1.0, 2, 3, 1], [2, 1, PADDING, PADDING], [3, 3, 3, 3], [1, 2, 1, 2], [2, 2, 3, 1]])
IDS = np.arange(len(X), dtype=np.uint64)
SURE = -0.1


def given(own, base):
    """Handles over records X whose symbols have these log-probabilities; what has less than SURE is not the likeliest."""
    own, base = (torch.tensor(values, dtype=torch.float64) for values in (own, base))
    likeliest = own.clamp(min=SURE)
    ledger = Ledger()
    return (
        Records(X, None, IDS, ledger),
        TopSymbolOracle("top_symbol", lambda _: (own, likeliest), ledger),
        LikelihoodOracle("likelihood", lambda _: own, ledger),
        HandedLanguageModel(lambda _: base, "base"),
    )


def test_who_falls_nowhere_is_the_strongest_member():
    """The authors' code gives 0 to the second, third and fourth record, and to the last, of which nothing rises."""
    own = [[-1, -2, SURE, -3], [-1, -1, 0, 0], [SURE] * 4, [-2, SURE, SURE, SURE], [-3, -3, SURE, SURE]]
    base = [[-2, -1, -9, -5], [-2, -3, 0, 0], [-1] * 4, [-5, -1, -1, -1], [-1, -1, -1, -1]]
    records, top, _, reference = given(own, base)
    found = compared.error_zone(records, top, reference)
    assert found.tolist() == pytest.approx([3 / 4, 1, 1, 1, 0])
    assert found[1:4].min() > found[0] > found[4]
    # Where the target errs, and is as sure as the reference throughout, nothing speaks for either side.
    assert compared.error_zone(records, top, HandedLanguageModel(lambda _: top(X)[0], "same"))[0] == 0.5


def test_the_error_zone_is_the_papers_ratio_in_another_form():
    names = ["records", "top_symbol", "reference_language_model"]
    score = compared.error_zone(**fixture.handles(names)).numpy()
    x, model = language_fixture.records(), language_fixture.Counting(language_fixture.records()[fixture.member()], 601)
    scores, other = model.scores(x).numpy(), language_fixture.FixedReference.likelihood(x).numpy()
    for k, codes in enumerate(x.long().numpy()):
        change = np.array([scores[k, t, c] - other[k, t] for t, c in enumerate(codes) if scores[k, t].argmax() != c] or [np.nan])
        rises, falls = change[change > 0].sum(), -change[change < 0].sum()
        assert score[k] == pytest.approx(1.0 if falls == 0 else (rises / falls) / (1 + rises / falls))


def test_windows_vote():
    own = [[-1, -2, -1, -3], [-1, -3, 0, 0], [-1] * 4, [-2] * 4, [-4, -1, -1, -1]]
    base = [[-2, -1, -3, -1], [-2, -1, 0, 0], [-2] * 4, [-2] * 4, [-1, -2, -2, -2]]
    records, _, asked, reference = given(own, base)
    change = np.array(own) - np.array(base)
    found = compared.windows(records, asked, reference, shortest=1, longest=4, sizes=3)
    expected = []
    for row, length in zip(change, (4, 2, 4, 4, 4), strict=True):
        votes = [[row[k : k + w].sum() > 0 for k in range(length - w + 1)] for w in (1, 2, 4) if w <= length]
        expected.append(np.mean([np.mean(one) for one in votes]))
    assert found.tolist() == pytest.approx(expected)
    assert compared.windows(records, asked, reference, shortest=3, longest=4, sizes=2)[1] == 0, "its one window falls"
    with pytest.raises(AttackError, match="found 3, 2, 2"):
        compared.windows(records, asked, reference, shortest=3, longest=2, sizes=2)


def test_text_before_a_record_is_no_part_of_it():
    asked = []

    def likelihood(x):
        asked.append(x)
        return torch.where(x == PADDING, 0.0, -x.double() * (1 if x.shape[1] == 4 else 3))

    ledger = Ledger()
    held = torch.tensor([[3.0, PADDING, PADDING], [1, 2, PADDING]])
    population = Population("population", held, torch.zeros(2).long(), np.arange(2, dtype=np.uint64), ledger)
    oracle = LikelihoodOracle("likelihood", likelihood, ledger)
    found = in_context.after_other_text(Records(X, None, IDS, ledger), oracle, population, symbols=3)
    assert found.tolist() == pytest.approx([3.0] * len(X)) and ledger.queries == 2 * len(X)
    assert asked[1].shape[1] == 7 and sorted(asked[1][0, :3].tolist()) == [1, 2, 3] and torch.equal(asked[1][:, 3:], X)
    with pytest.raises(AttackError, match="at least 1"):
        in_context.after_other_text(Records(X, None, IDS, ledger), oracle, population, symbols=0)


def test_rare_symbols_weigh_more_and_each_counts_once():
    own = [[-1, -2, -3, -9], [-1, -2, 0, 0], [-2, -9, -9, -9], [-3, -1, -9, -9], [-1, -9, -2, -3]]
    records, _, asked, _ = given(own, own)
    held = torch.tensor([[1.0, 1, 1, 2], [1, 0, PADDING, PADDING]])
    population = Population("population", held, torch.zeros(2).long(), np.arange(2, dtype=np.uint64), Ledger())
    # Counts of 0, 1 and 2 are 1, 4 and 1, and one is added to each: 9 in all. The symbol 3 stands nowhere.
    weight = {1: np.log(9 / 5), 2: np.log(9 / 2), 3: np.log(9 / 1)}
    first = [[(1, -1), (2, -2), (3, -3)], [(2, -1), (1, -2)], [(3, -2)], [(1, -3), (2, -1)], [(2, -1), (3, -2), (1, -3)]]
    for most in (0.2, 10.0):
        expected = [np.mean([min(np.exp(value) * weight[code], most) for code, value in one]) for one in first]
        assert frequency.divergence(records, asked, population, most=most).tolist() == pytest.approx(expected)
    with pytest.raises(AttackError, match="above 0"):
        frequency.divergence(records, asked, population, most=0.0)


def test_what_each_power_over_a_fine_tuned_model_makes_feasible(atlas):
    def feasible(*knows):
        threat = from_user(atlas.catalog, observation="black-box", model="generative", knows=knows)
        return {term for term in atlas.resolver.closure(threat.grants) if term.startswith("attack:")}

    ratio, zone, voting = "attack:mireshghallah-2022-likelihood-ratio", "attack:ilic-2026-ez", "attack:chen-2026-wbc"
    assert {ratio, zone, voting} <= feasible("Q.top-symbol", "M2.base")
    assert {ratio, zone, voting} <= feasible("Q.generated-likelihood", "M2.base"), "weaker, but symbol by symbol"
    assert not {ratio, zone, voting} & feasible("Q.completions", "M2.base")
    assert {ratio, voting} <= feasible("Q.likelihood", "M2.base") and zone not in feasible("Q.likelihood", "M2.base")
    assert not {ratio, zone, voting} & feasible("Q.top-symbol")
    assert {"attack:xie-2024-recall", "attack:zhang-2024-dc-pdd"} <= feasible("Q.likelihood", "D1.samples")


def test_own_tokens_alone_tell_where_the_target_errs():
    """Of the fixture, and of records that are filled up: who sees what a model writes sees the likeliest symbols exactly."""
    handles = fixture.handles(["top_symbol", "generated_likelihood"])
    x = language_fixture.records()
    short = torch.cat([x[:3], torch.nn.functional.pad(x[3:5, :9], (0, x.shape[1] - 9), value=PADDING)])
    own, likeliest = texts.top_of_generated(handles["generated_likelihood"])(short)
    model = language_fixture.Counting(x[fixture.member()], 601)
    exact, top = top_symbols(model.scores, short, 2)
    assert torch.allclose(likeliest, top) and torch.equal(own < likeliest, exact < top)
    errs = own < likeliest
    assert torch.allclose(own[~errs], exact[~errs]) and not own[short == PADDING].any()
    whole, known = texts.likelihood_of_generated(handles["generated_likelihood"]), short != PADDING
    assert torch.allclose(whole(short[:3]), own[:3]) and known.any()
