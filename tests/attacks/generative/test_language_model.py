"""Language models: the corpus, the model, its handles, and the attacks' formulas written again with numpy and scipy."""

from __future__ import annotations

import dataclasses
import gzip
import math
import zlib

import fixture
import language_fixture
import numpy as np
import pytest
import torch
from scipy import integrate, stats

from attacks import metrics
from attacks.engine import artifacts
from attacks.engine import plan as plans
from attacks.engine.engine import Engine
from attacks.engine.store import Store
from attacks.generative import exposure, likelihood
from attacks.handles import (
    AttackError,
    GeneratorTrainer,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    Number,
    Population,
    QueryLimitError,
    RecordFormat,
    Records,
    ReferenceLanguageModel,
)
from attacks.handles.views import models
from attacks.models import alphabet
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.generators.language import PADDING
from attacks.models.training import TrainingSet
from attacks.seeds import record_ids
from attacks.steps import reference_language_model
from attacks.targets import language_model
from attacks.targets.canaries import CanaryFormat
from attacks.targets.data import corpus
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import ThreatModel

CATALOG = load()
needs_jargon = pytest.mark.debian("dict-jargon")
SYMBOLS = len(alphabet.ALPHABET)
TINY = GeneratorRecipe("gru", (12,), (4, 16), classes=SYMBOLS, unit=False, epochs=2, batch=8, learning_rate=0.01)
SEQUENCES = torch.from_numpy(np.random.default_rng(0).integers(SYMBOLS, size=(30, 12))).float()
# The mean of -log2 of a uniform number, which is the exposure of a secret that the model never saw.
UNSEEN = 1 / math.log(2)


def learned(recipe=TINY, x=SEQUENCES, seed=1):
    return generators.fit(recipe, TrainingSet(x, torch.zeros(len(x), dtype=torch.int64), seed))


def untrained(recipe=TINY, seed=0):
    torch.manual_seed(seed)
    return recipe.build().eval()


# -- the corpus ------------------------------------------------------------------------------------------------------


@needs_jargon
def test_the_jargon_file_makes_passages():
    found = corpus.load("jargon", 100)
    assert found.shape == (12256, 100) and found.dtype == np.int64
    assert found.min() == 0 and found.max() == SYMBOLS - 1 and len(np.unique(found)) == SYMBOLS, "every character occurs"
    assert len({row.tobytes() for row in found}) == len(found), "duplicates"
    assert (corpus.load("jargon", 100) == found).all()
    texts = [alphabet.text(torch.from_numpy(row)) for row in found]
    assert any("there are (by intention) no legal restraints" in text for text in texts), "the notice: public domain"
    assert all(text[0] != " " for text in texts)


def test_passages_begin_with_words_and_none_stands_twice():
    found = [alphabet.text(torch.from_numpy(row)) for row in corpus.passages("one two three four five one two three", 8)]
    assert found == ["one two ", "three fo", "five one", "two thre"]
    assert len(corpus.passages("abcd abcd abcd efgh ij", 4)) == 2
    assert corpus.passages("ab", 4).shape == (0, 4)


def test_texts_are_written_in_few_characters():
    assert alphabet.simplified("A ‘black\n\n  hole’ — Café™ {QED}") == "a 'black hole' - cafetm {qed}"
    codes = alphabet.codes(alphabet.ALPHABET)
    assert codes.tolist() == list(range(SYMBOLS)) and alphabet.text(torch.from_numpy(codes)) == alphabet.ALPHABET
    with pytest.raises(KeyError):
        alphabet.codes("A")


def test_a_missing_corpus_is_named(tmp_path, monkeypatch):
    path = tmp_path / "jargon.dict.dz"
    monkeypatch.setattr(corpus, "DEBIAN_JARGON", path)
    with pytest.raises(InputError, match="dict-jargon"):
        corpus.load("jargon", 100)
    path.write_bytes(b"no dictionary")
    with pytest.raises(InputError, match="cannot be read"):
        corpus.load("jargon", 100)
    path.write_bytes(gzip.compress(b"too short"))
    with pytest.raises(InputError, match="no passage"):
        corpus.load("jargon", 100)
    with pytest.raises(InputError, match="did you mean jargon"):
        corpus.load("jargom", 100)


# -- the model -------------------------------------------------------------------------------------------------------


def test_scores_are_log_probabilities_of_every_symbol():
    model = learned()
    scores = model.scores(SEQUENCES)
    assert scores.dtype == torch.float64 and scores.shape == (30, 12, SYMBOLS)
    assert torch.allclose(scores.exp().sum(-1), torch.ones(30, 12, dtype=torch.float64), atol=1e-12, rtol=0)
    own = model.likelihood(SEQUENCES)
    assert own.dtype == torch.float64 and own.shape == (30, 12)
    assert own[3, 5] == scores[3, 5, int(SEQUENCES[3, 5])]


def test_answers_do_not_depend_on_the_batch_nor_on_what_follows():
    model = learned()
    together = model.scores(SEQUENCES)
    alone = torch.cat([model.scores(record[None]) for record in SEQUENCES])
    assert torch.allclose(together, alone, atol=1e-5, rtol=0), "float32 sums of another batch differ in their last bits"
    other = SEQUENCES.clone()
    other[:, 7:] = 0
    assert torch.allclose(model.scores(other)[:, :8], together[:, :8], atol=1e-5, rtol=0)
    assert not torch.allclose(model.scores(other)[:, 8:], together[:, 8:], atol=1e-5, rtol=0)
    assert torch.allclose(model.scores(SEQUENCES[:, :5]), together[:, :5], atol=1e-5, rtol=0), "records may be shorter"


def test_training_is_reproducible_and_learns_no_padding():
    again = [learned().state_dict(), learned().state_dict()]
    assert all(torch.equal(again[0][name], again[1][name]) for name in again[0])
    longer = dataclasses.replace(TINY, epochs=80)
    assert learned(longer).likelihood(SEQUENCES).mean() > untrained().likelihood(SEQUENCES).mean() + 1
    padded = torch.nn.functional.pad(SEQUENCES[:, :6], (0, 6), value=PADDING)
    short, filled = learned(x=SEQUENCES[:, :6]), learned(x=padded)
    assert torch.allclose(short.scores(SEQUENCES[:, :6]), filled.scores(SEQUENCES[:, :6]), atol=1e-4)


def test_samples_follow_the_scores():
    model = learned()
    noise = torch.randn(4000, 12, generator=torch.Generator().manual_seed(3))
    drawn = model.decode(noise)
    assert drawn.dtype == torch.float32 and drawn.shape == (4000, 12) and torch.equal(drawn, model.decode(noise))
    first = torch.bincount(drawn[:, 0].long(), minlength=SYMBOLS).numpy()
    expected = model.scores(drawn[:1])[0, 0].exp().numpy() * 4000
    assert stats.chisquare(first, expected).pvalue > 1e-4
    # Samples of a model are as likely for it as its own entropy says.
    scores = model.scores(drawn)
    entropy = -(scores.exp() * scores).sum(-1)
    surprise = -model.likelihood(drawn)
    assert abs((surprise - entropy).mean()) < 4 * surprise.mean(1).std() / math.sqrt(4000)
    ends = model.decode(torch.tensor([[-40.0] * 12, [40.0] * 12]))
    assert ends.tolist() == [[0] * 12, [SYMBOLS - 1] * 12]


# -- handles and views -----------------------------------------------------------------------------------------------


def test_queries_are_counted_once():
    model, ledger = learned(), Ledger(limit=60)
    asked = NextSymbolOracle("next_symbol", model.scores, ledger)
    view = models.likelihood_of_next_symbol(asked)
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


def test_a_reference_model_learns_from_the_population_only(tmp_path):
    ledger, seen = Ledger(), []

    class Trainer(GeneratorTrainer):
        def fit_many(self, sets):
            seen.extend(sets)
            return super().fit_many(sets)

    population = Population("population", SEQUENCES, torch.zeros(30, dtype=torch.int64), record_ids(SEQUENCES.numpy()), ledger)
    records = Records(SEQUENCES[:2] + 0, None, record_ids(SEQUENCES[:2].numpy()), ledger)
    made = reference_language_model.known_recipe(
        records, population, Trainer("trainer", TINY, 20, ledger), Number("training_size", 20, ledger), seed=5
    )
    (data,) = seen
    assert data.x.shape == (20, 12) and {row.tobytes() for row in data.x.numpy()} <= {row.tobytes() for row in SEQUENCES.numpy()}
    assert made.likelihood(SEQUENCES).shape == (30, 12)
    again = reference_language_model.known_recipe(
        records, population, Trainer("trainer", TINY, 20, ledger), Number("training_size", 20, ledger), seed=5
    )
    assert torch.equal(again.likelihood(SEQUENCES), made.likelihood(SEQUENCES)) and torch.equal(seen[1].x, data.x)
    with pytest.raises(AttackError, match="99 records each, as the target was, and the adversary holds only 30"):
        trainer, size = Trainer("trainer", TINY, 99, ledger), Number("training_size", 99, ledger)
        reference_language_model.known_recipe(records, population, trainer, size)
    meta, arrays = artifacts.pack(made)
    assert meta == {"type": "ReferenceLanguageModel", "models": ["home-0"]} and not arrays


def test_a_reference_model_lies_in_the_store(tmp_path):
    engine = Engine(CATALOG, Store(tmp_path))
    data = TrainingSet(SEQUENCES, torch.zeros(30, dtype=torch.int64), 1)
    (kept,) = engine.workshop.fit_generators(TINY, [data], "models")
    back = artifacts.unpack(*artifacts.pack(ReferenceLanguageModel(kept)), engine.workshop)
    assert torch.equal(back.likelihood(SEQUENCES), learned().likelihood(SEQUENCES))


# -- attacks by likelihood -------------------------------------------------------------------------------------------


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
    view = models.likelihood_of_next_symbol(asked)
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


# -- exposure --------------------------------------------------------------------------------------------------------


def test_canaries_are_sentences_with_numbers():
    secret = CanaryFormat("no. ", 3)
    made = secret.records(np.array([0, 42, 999]))
    assert secret.size == 1000 and [alphabet.text(r) for r in made] == ["no. 000", "no. 042", "no. 999"]
    handle = RecordFormat("record_format", secret.size, secret.records, Ledger())
    assert torch.equal(handle.every()[[0, 42, 999]], made) and len(handle.every()) == handle.size == 1000
    drawn = handle.random(500, 1)
    assert torch.equal(drawn, handle.random(500, 1)) and not torch.equal(drawn, handle.random(500, 2))
    assert drawn.shape == (500, 7) and len(drawn.unique(dim=0)) > 300


def digits_as_number(x):
    return (x[:, -3:] - alphabet.codes("0")[0]).double() @ torch.tensor([100.0, 10.0, 1.0]).double()


def exposed(attack, answer, numbers, digits=3, **params):
    """Exposure of numbers under a made-up log-likelihood of each record."""
    secret, ledger = CanaryFormat("no. ", digits), Ledger()
    x = secret.records(np.array(numbers))
    asked = LikelihoodOracle("likelihood", lambda q: answer(q)[:, None].double(), ledger)
    made = RecordFormat("record_format", secret.size, secret.records, ledger)
    return attack(Records(x, None, record_ids(x.numpy()), ledger), asked, made, **params), ledger


def test_exposure_by_rank_counts_secrets_that_are_as_likely():
    # The smaller the number, the likelier; ten numbers share each likelihood.
    score, ledger = exposed(exposure.by_rank, lambda q: -(digits_as_number(q) // 10), [0, 9, 10, 500, 999])
    ranks = np.array([10, 10, 20, 510, 1000])
    assert score.tolist() == pytest.approx((math.log2(1000) - np.log2(ranks)).tolist())
    assert score.dtype == torch.float64 and ledger.queries == 1005
    sole, _ = exposed(exposure.by_rank, lambda q: -digits_as_number(q), [0, 1])
    assert sole.tolist() == pytest.approx([math.log2(1000), math.log2(500)])


def test_exposure_by_rank_of_a_sample():
    answer = lambda q: -digits_as_number(q)  # noqa: E731
    score, ledger = exposed(exposure.by_rank, answer, [0, 100, 500], samples=400, seed=3)
    drawn = np.random.default_rng(3).integers(1000, size=400)
    for found, number in zip(score.tolist(), [0, 100, 500], strict=True):
        others = drawn[drawn != number]
        assert found == pytest.approx(math.log2(len(others) + 1) - math.log2((others <= number).sum() + 1))
    assert ledger.queries == 403
    with pytest.raises(AttackError, match="at least 1"):
        exposed(exposure.by_rank, answer, [0], samples=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("attack", [exposure.by_rank, exposure.by_extrapolation])
def test_secrets_that_a_model_never_saw_have_a_mean_exposure_of_one_over_ln_2(attack, seed):
    """The likelihood of a secret is that of an untrained model; 1,500 secrets, 99.9 % interval."""
    model = untrained(dataclasses.replace(TINY, shape=(8,)), seed=seed)
    numbers = np.random.default_rng(seed).integers(10**4, size=1500)
    score, _ = exposed(attack, lambda q: model.likelihood(q).sum(1), numbers, digits=4, samples=5000, seed=seed)
    error = 3.2905 * score.std() / math.sqrt(len(score))
    assert abs(score.mean() - UNSEEN) < error + (0.05 if attack is exposure.by_extrapolation else 0), "a fit is no exact rank"


@pytest.mark.parametrize("shape", [-4.0, -0.8, 1.5, 6.0])
def test_the_fit_is_the_likeliest_skew_normal(shape):
    values = stats.skewnorm.rvs(shape, loc=30, scale=4, size=4000, random_state=7)
    found = exposure.skew_normal(values)
    theirs = stats.skewnorm.fit(values, found[0], loc=found[1], scale=found[2])

    def loss(at):
        return -stats.skewnorm.logpdf(values, *at).mean()

    assert loss(found) <= loss(theirs) + 1e-9 and loss(found) < loss((shape, 30, 4))
    assert found[0] == pytest.approx(shape, rel=0.3) and found[1:] == pytest.approx((30, 4), rel=0.15)
    with pytest.raises(AttackError, match="equally likely"):
        exposure.skew_normal(np.ones(10))


@pytest.mark.parametrize("shape", [-3.0, 0.0, 0.7, 5.0])
def test_shares_are_right_far_down_too(shape):
    z = np.array([-12.0, -7.0, -3.0, -1.0, 0.0, 2.0])
    found = exposure.log_share(z, shape)
    for at, log_share in zip(z, found, strict=True):
        top = stats.skewnorm.logpdf(at, shape)
        scaled, _ = integrate.quad(
            lambda t, top=top: math.exp(stats.skewnorm.logpdf(t, shape) - top), at - 30, at, points=[at - 1], epsabs=0, limit=200
        )
        assert log_share == pytest.approx(top + math.log(scaled), rel=1e-6, abs=1e-6)
    if shape == 0:
        assert found.tolist() == pytest.approx(stats.norm.logcdf(z).tolist())


def test_extrapolation_goes_beyond_the_sample():
    """A secret that is likelier than all others has the same rank however likely it is, but not the same extrapolation."""
    noise = torch.from_numpy(np.random.default_rng(5).normal(size=1000))
    planted = {0: 6.0, 1: 12.0}

    def answer(q):
        numbers = digits_as_number(q).long()
        return noise[numbers] - 20 + sum(lift * (numbers == number) for number, lift in planted.items())

    ranks, _ = exposed(exposure.by_rank, answer, [0, 1], samples=500)
    further, _ = exposed(exposure.by_extrapolation, answer, [0, 1], samples=500)
    assert ranks.max() <= math.log2(501) and further[1] > further[0] + 10 > ranks[0] + 10


# -- targets ---------------------------------------------------------------------------------------------------------

ENTRIES = sorted(t.id for t in CATALOG.targets.values() if (t.run or "").startswith("attacks.targets.language_model:"))


@pytest.mark.slow
@needs_jargon
@pytest.mark.parametrize("name", ENTRIES)
def test_build(name, kept_store):
    entry = CATALOG.targets[name]
    target = Engine(CATALOG, Store(kept_store)).target(name, 0)
    assert set(entry.offers) <= set(target.makers) and target.facts["pool_size"] == entry.params["pool"]
    population = target.makers["D1.samples"](Ledger())
    everyone = np.concatenate([target.ids, population.ids])
    assert len(np.unique(everyone)) == len(everyone)
    assert int(target.member.sum()) == len(target.x) // 2
    if "Q.samples" in entry.offers:
        assert target.makers["Q.samples"](Ledger())(5).shape == (5, 100)


@needs_jargon
def test_canaries_stand_in_the_training_text_as_often_as_is_said(monkeypatch):
    sets = []

    def fit_many(recipe, given, what):
        sets.extend(given)
        return [Generator(recipe, untrained(recipe), "untrained") for _ in given]

    monkeypatch.setattr(language_model.generators, "fit_many", fit_many)
    for insertions in (0, 1, 4):
        params = {**CATALOG.targets["jargon-canaries"].params, "insertions": insertions}
        target = language_model.build_with_canaries(**params)
        rows = [row[row != PADDING].tobytes() for row in sets[-1].x.numpy()]
        standing = [rows.count(record.numpy().tobytes()) for record in target.x]
        assert standing == [insertions if inside else 0 for inside in target.member]
        assert len(rows) == params["passages"] + insertions * 100 and len(target.x) == 200
        pool = target.makers["D1.samples"](Ledger()).x.numpy()
        assert not {row.tobytes() for row in pool} & set(rows)
        assert len(target.x.unique(dim=0)) == 200
    with pytest.raises(InputError, match="do not fit"):
        language_model.build_with_canaries(**{**params, "digits": 2, "canaries": 101})
    with pytest.raises(InputError, match="12,256 passages"):
        language_model.build_with_canaries(**{**params, "passages": 20000})


@needs_jargon
def test_passages_of_a_control_are_not_trained_on(monkeypatch):
    sets = []

    def fit_many(recipe, given, what):
        sets.extend(given)
        return [Generator(recipe, untrained(recipe), "untrained") for _ in given]

    monkeypatch.setattr(language_model.generators, "fit_many", fit_many)
    for name, trained in (("jargon-gru", 500), ("jargon-gru-null", 0)):
        target = language_model.build(**CATALOG.targets[name].params)
        rows = {row.tobytes() for row in sets[-1].x.numpy()}
        inside = [record.numpy().tobytes() in rows for record in target.x]
        assert sum(inside) == trained and (not trained or inside == target.member.tolist())
        assert not {row.tobytes() for row in target.makers["D1.samples"](Ledger()).x.numpy()} & rows


@pytest.mark.slow
@needs_jargon
def test_exposure_grows_with_the_number_of_insertions(kept_store):
    """Means over the inserted canaries of three models; those that never went in have 1.44 bits whatever the others have."""
    means, never = {}, []
    for insertions, name in ((0, "jargon-canaries-null"), (1, "jargon-canaries"), (4, "jargon-canaries-4")):
        inside = []
        for seed in range(3):
            plan = plans.make(CATALOG, CATALOG.target(name), None, ["carlini-2019-exposure"])
            outcome = Engine(CATALOG, Store(kept_store)).run(plan, seed)
            score = outcome.scores["carlini-2019-exposure"]
            inside.append(score[outcome.member])
            never.append(score[~outcome.member])
        means[insertions] = np.concatenate(inside).mean()
    assert means[0] < UNSEEN + 0.3 and means[1] > means[0] + 1 and means[4] > means[1] + 1
    outside = np.concatenate(never)
    assert abs(outside.mean() - UNSEEN) < 3.2905 * outside.std() / math.sqrt(len(outside))
