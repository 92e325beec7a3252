"""Language models that only write: the same text for the same seed, and what follows from text and from its likelihood."""

from __future__ import annotations

import language_fixture
import numpy as np
import pytest
import torch

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.generative import prompted
from attacks.handles import (
    AttackError,
    CompletionOracle,
    GeneratedLikelihoodOracle,
    Ledger,
    NextSymbolOracle,
    QueryLimitError,
    Records,
)
from attacks.handles.language import levels_of
from attacks.handles.views import texts
from attacks.metrics.text_overlap import recall
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.language import PADDING, Gru
from taxonomy.loading import load
from taxonomy.threat import from_user

SYMBOLS = 7


def model() -> Gru:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return Gru(GeneratorRecipe(Gru.family, (12,), (5, 6), classes=SYMBOLS, unit=False, epochs=1, batch=4, learning_rate=0.1))


def prompts(count: int, length: int) -> torch.Tensor:
    return torch.randint(SYMBOLS, (count, length), generator=torch.Generator().manual_seed(1)).float()


def test_a_text_goes_on_as_its_probabilities_say():
    """What is written, and how likely it is said to be, is what the model says of the whole text."""
    gru, begun = model(), prompts(6, 4)
    seeds = np.arange(6, dtype=np.uint64)
    for levels in (None, levels_of(seeds, 5)):
        text, log_probs = gru.continued(begun, 5, levels)
        whole = torch.cat([begun, text], dim=1)
        assert torch.allclose(log_probs, gru.likelihood(whole)[:, 4:], atol=1e-5)
        if levels is None:
            assert torch.equal(text.long(), gru.scores(whole)[:, 4:].argmax(-1))


def test_seeds_draw_from_the_model():
    gru = model()
    text, _ = gru.continued(torch.empty(4000, 0), 1, levels_of(np.arange(4000, dtype=np.uint64), 1))
    shares = text[:, 0].long().bincount(minlength=SYMBOLS) / 4000
    expected = gru.scores(torch.zeros(1, 1))[0, 0].exp()
    assert torch.allclose(shares.double(), expected, atol=4.5 * 0.5 / 4000**0.5)


def test_a_text_follows_from_its_own_prompt_and_seed():
    gru, begun, seeds = model(), prompts(6, 4), np.arange(10, 16, dtype=np.uint64)
    every, _ = gru.continued(begun, 5, levels_of(seeds, 5))
    alone, _ = gru.continued(begun[2:3], 5, levels_of(seeds[2:3], 5))
    assert torch.equal(every[2:3], alone)


def test_the_view_of_next_symbols_writes_as_the_model_does():
    gru, begun, seeds = model(), prompts(6, 4), np.arange(6, dtype=np.uint64)
    ledger = Ledger()
    oracle = texts.generated_of_next_symbol(NextSymbolOracle("next_symbol", gru.scores, ledger))
    assert oracle.symbols == SYMBOLS and ledger.queries == 0
    for chosen in (None, seeds):
        text, log_probs = oracle(begun, 5, chosen)
        expected = gru.continued(begun, 5, levels_of(chosen, 5))
        assert torch.equal(text, expected[0]) and torch.allclose(log_probs, expected[1], atol=1e-6)
    assert ledger.queries == 2 * 6 * 5, "each symbol is a query"
    completed = texts.completions_of_generated(oracle)(begun, 5, seeds)
    assert torch.equal(completed, oracle(begun, 5, seeds)[0])


def test_likelihood_is_exact_where_the_model_would_write_the_same_and_bounded_elsewhere():
    gru, x, ledger = model(), prompts(20, 6), Ledger()
    oracle = GeneratedLikelihoodOracle(
        "generated_likelihood", lambda p, n, s: gru.continued(p, n, levels_of(s, n)), SYMBOLS, ledger
    )
    found, exact, scores = texts.likelihood_of_generated(oracle)(x), gru.likelihood(x), gru.scores(x)
    same = scores.argmax(-1) == x.long()
    assert bool(same.any()) and torch.allclose(found[same], exact[same], atol=1e-5)
    assert bool((found <= scores.amax(-1) + 1e-5).all())
    rest = (1 - scores.amax(-1).exp()) / (SYMBOLS - 1)
    assert torch.allclose(found.exp()[~same], rest[~same], atol=1e-5)
    assert ledger.queries == x.numel() and f"{int((~same).sum())} of {x.numel()} answers" in ledger.notes[0]
    with pytest.raises(QueryLimitError):
        limited = GeneratedLikelihoodOracle("g", lambda p, n, s: gru.continued(p, n, None), SYMBOLS, Ledger(limit=30))
        texts.likelihood_of_generated(limited)(x)


def test_recall_of_n_grams_counts_repeats():
    text, wanted = torch.tensor([[1.0, 2, 1, 2, 9]]), torch.tensor([[1.0, 2, 1, 2, 1]])
    assert recall(text, wanted, 1).tolist() == [4 / 5]
    assert recall(text, wanted, 2).tolist() == [3 / 4]
    assert recall(text, wanted, 5).tolist() == [0.0]


def test_settings_that_make_no_sense():
    given = language_fixture.makers()
    with pytest.raises(AttackError, match="n-grams from 1 to 9"):
        prompted.pseudo_likelihood(given["records"](), given["completions"](), gram=10)
    with pytest.raises(AttackError, match="at least 1"):
        prompted.written_by_itself(given["records"](), given["completions"](), symbols=0)


def test_what_text_alone_makes_feasible(atlas):
    def feasible(*knows):
        threat = from_user(atlas.catalog, observation="black-box", model="generative", knows=knows)
        return {term for term in atlas.resolver.closure(threat.grants) if term.startswith("attack:")}

    text = {"attack:kaneko-2024-samia", "attack:tirumala-2022-memorised-symbols"}
    assert feasible("Q.completions") == text
    own = feasible("Q.generated-likelihood")
    assert text | {"attack:carlini-2021-perplexity", "attack:shi-2024-min-k"} <= own
    assert "attack:zhang-2025-min-k-plus-plus" not in own, "it needs every symbol's probability"
    assert text <= feasible("Q.next-symbol") and not text & feasible("Q.likelihood")


@pytest.mark.slow
@pytest.mark.debian("dict-jargon")
def test_what_is_left_of_the_likelihood(kept_store):
    """Text alone, its own likelihood, and the likelihood of any text: each tells members, the last one most."""
    catalog = load()
    engine, found = Engine(catalog, Store(kept_store)), {}
    for power, attack in {
        "Q.completions": "tirumala-2022-memorised-symbols",
        "Q.generated-likelihood": "carlini-2021-perplexity",
        "Q.likelihood": "carlini-2021-perplexity",
    }.items():
        threat = from_user(catalog, observation="black-box", model="generative", knows=[power])
        (result,) = engine.run(plans.make(catalog, catalog.target("jargon-gru"), threat, [attack]), 0).results
        assert result["auc_ci"][0] > 0.5
        found[power] = result["auc"]
    assert found["Q.likelihood"] > found["Q.generated-likelihood"] - 0.01


def test_a_shorter_text_is_prompted_by_its_own_half():
    """In the company of longer ones a text has the score that it has alone."""
    gru, x = model(), prompts(4, 10)
    ids = np.arange(4, dtype=np.uint64)
    lengths = (10, 6, 9, 6)
    for row, length in enumerate(lengths):
        x[row, length:] = PADDING

    def written(asked, length, seeds):
        return gru.continued(asked, length, levels_of(seeds, length))[0]

    for attack in (
        lambda records, asked: prompted.pseudo_likelihood(records, asked, samples=3, gram=2, seed=1),
        lambda records, asked: prompted.written_by_itself(records, asked, symbols=4),
    ):
        oracle = CompletionOracle("completions", written, Ledger())
        alone = [attack(Records(x[k : k + 1, :n], None, ids[k : k + 1], Ledger()), oracle) for k, n in enumerate(lengths)]
        assert torch.equal(attack(Records(x, None, ids, Ledger()), oracle), torch.cat(alone))
