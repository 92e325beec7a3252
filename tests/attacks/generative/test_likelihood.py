"""Attacks by the likelihood of texts: their formulas written again with numpy, and what it takes to ask for likelihoods."""

from __future__ import annotations

import math
import zlib

import fixture
import language_fixture
import numpy as np
import pytest
import torch
from tiny_language import SEQUENCES, SYMBOLS, TINY, learned, untrained

from attacks import metrics
from attacks.generative import likelihood
from attacks.handles import (
    AttackError,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    QueryLimitError,
    Records,
    ReferenceLanguageModel,
    TextRecords,
)
from attacks.handles.views import texts
from attacks.models import alphabet
from attacks.models.generators import Generator
from attacks.models.generators.language import PADDING
from attacks.seeds import record_ids
from taxonomy.threat import ThreatModel


def test_queries_are_counted_once():
    model, ledger = learned(), Ledger(limit=60)
    asked = NextSymbolOracle("next_symbol", model.scores, ledger)
    view = texts.likelihood_of_next_symbol(asked)
    assert torch.allclose(view(SEQUENCES), model.likelihood(SEQUENCES), atol=1e-5) and ledger.queries == 30
    assert ledger.touched == {"next_symbol", "likelihood"}
    LikelihoodOracle("likelihood", model.likelihood, ledger)(SEQUENCES)
    with pytest.raises(QueryLimitError):
        view(SEQUENCES[:1])


def test_likelihood_cannot_be_had_from_samples(atlas):
    def feasible(*knows):
        threat = ThreatModel("black-box", "generative", "stand-alone", frozenset(knows))
        return {a.attack.id for a in atlas.answers(threat) if type(a).__name__ == "Feasible"}

    by_likelihood = {"carlini-2021-perplexity", "carlini-2021-zlib", "shi-2024-min-k"}
    assert not (by_likelihood | {"zhang-2025-min-k-plus-plus"}) & feasible("Q.samples", "D1.samples", "M2", "M1.generator")
    found = feasible("Q.likelihood")
    assert by_likelihood <= found and not {"zhang-2025-min-k-plus-plus", "mireshghallah-2022-likelihood-ratio"} & found
    assert by_likelihood | {"zhang-2025-min-k-plus-plus"} <= feasible("Q.next-symbol")
    assert "mireshghallah-2022-likelihood-ratio" in feasible("Q.likelihood", "D1.samples", "M2")
    assert "carlini-2019-exposure" in feasible("Q.likelihood", "record.format")


def answered():
    """The fixture's records with the log-probabilities of every symbol and of their own, as numpy arrays."""
    x = language_fixture.records()
    scores = language_fixture.Counting(x[fixture.member()], 601).scores(x).numpy()
    codes = x.long().numpy()
    own = np.array([[scores[i, t, codes[i, t]] for t in range(codes.shape[1])] for i in range(len(codes))])
    return codes, scores, own


def run(attack, names, **params):
    return attack(**fixture.handles(["records", *names]), **params).tolist()


def test_perplexity_zlib_and_ratio():
    codes, _, own = answered()
    assert run(likelihood.perplexity, ["likelihood"]) == pytest.approx(np.log(1 / np.exp(-own.mean(1))).tolist())
    size = [len(zlib.compress("".join(alphabet.ALPHABET[c] for c in row).encode())) for row in codes]
    assert run(likelihood.over_zlib, ["likelihood"]) == pytest.approx((own.mean(1) / np.array(size)).tolist())
    other = language_fixture.FixedReference.likelihood(language_fixture.records()).numpy()
    expected = (own.sum(1) - other.sum(1)) / own.shape[1]
    assert run(likelihood.over_reference, ["likelihood", "reference_language_model"]) == pytest.approx(expected.tolist())


def test_text_that_repeats_itself_is_divided_by_less():
    x = torch.from_numpy(np.stack([alphabet.codes("ab" * 20), np.random.default_rng(1).integers(SYMBOLS, size=40)])).float()
    ledger = Ledger()
    alike = LikelihoodOracle("likelihood", lambda q: torch.full(q.shape, -1.0, dtype=torch.float64), ledger)
    repeated, random = likelihood.over_zlib(Records(x, None, record_ids(x.numpy()), ledger), alike).tolist()
    assert repeated < random < 0


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_min_k_and_min_k_plus_plus_are_the_papers_formulas(share):
    _, scores, own = answered()
    count = max(1, int(own.shape[1] * share))
    expected = np.sort(own, axis=1)[:, :count].mean(1)
    assert run(likelihood.least_likely, ["likelihood"], share=share) == pytest.approx(expected.tolist())
    p = np.exp(scores)
    mean = (p * scores).sum(-1)
    spread = np.sqrt((p * scores**2).sum(-1) - mean**2)
    expected = np.sort((own - mean) / spread, axis=1)[:, :count].mean(1)
    assert run(likelihood.least_likely_standardised, ["next_symbol"], share=share) == pytest.approx(expected.tolist())
    if share == 1:
        assert run(likelihood.least_likely, ["likelihood"], share=share) == pytest.approx(
            run(likelihood.perplexity, ["likelihood"])
        )


def test_certain_answers_and_bad_shares():
    ledger = Ledger()
    x = torch.zeros(2, 4)
    records = Records(x, None, record_ids(x.numpy()), ledger)
    certain = torch.full((2, 4, 3), -math.inf, dtype=torch.float64)
    certain[..., 0] = 0
    asked = NextSymbolOracle("next_symbol", lambda q: certain[: len(q)], ledger)
    assert likelihood.least_likely_standardised(records, asked).tolist() == [0, 0]
    with pytest.raises(AttackError, match="above 0 and at most 1"):
        likelihood.least_likely_standardised(records, asked, share=0)


@pytest.mark.parametrize("seed", range(3))
def test_an_untrained_model_knows_nobody(seed):
    model, ledger = untrained(seed=seed), Ledger()
    x = torch.from_numpy(np.random.default_rng(seed).integers(SYMBOLS, size=(600, 12))).float()
    member = np.random.default_rng(seed + 10).permutation(600) < 300
    records = Records(x, None, record_ids(x.numpy()), ledger)
    asked = NextSymbolOracle("next_symbol", model.scores, ledger)
    view = texts.likelihood_of_next_symbol(asked)
    reference = ReferenceLanguageModel(Generator(TINY, untrained(seed=seed + 1), "other"))
    found = [
        likelihood.perplexity(records, view),
        likelihood.over_zlib(records, view),
        likelihood.over_reference(records, view, reference),
        likelihood.least_likely(records, view),
        likelihood.least_likely_standardised(records, asked),
    ]
    for score in found:
        low, high = metrics.auc_interval(score.numpy(), member, 0.999)
        assert low < 0.5 < high


def test_a_shorter_text_is_scored_by_its_own_symbols():
    """What fills a text up is no symbol of it: each text has the score that it has alone."""
    x = language_fixture.records()[:6].clone()
    for row, length in enumerate((17, 5, 9, 17, 1, 12)):
        x[row, length:] = PADDING
    values = -torch.arange(1.0, x.numel() + 1).double().reshape(x.shape).sqrt().flip(1)
    for score in (likelihood._mean, lambda v, part: likelihood._lowest(v, part, 0.3)):
        alone = [score(values[k : k + 1, :n], x[k : k + 1, :n]) for k, n in enumerate((17, 5, 9, 17, 1, 12))]
        assert torch.allclose(score(values, x), torch.cat(alone), atol=1e-12)


def test_text_behind_other_symbols_is_what_zlib_reads():
    x, ids = torch.tensor([[3.0, 5000.0], [7.0, PADDING]]), np.arange(2, dtype=np.uint64)
    asked = LikelihoodOracle("likelihood", lambda x: torch.where(x == PADDING, 0.0, -1.0).double(), Ledger())
    score = likelihood.over_zlib(TextRecords(x, None, ids, Ledger(), ["many words, many bytes", "few"]), asked)
    assert score.tolist() == [-1 / len(zlib.compress(b"many words, many bytes")), -1 / len(zlib.compress(b"few"))]
