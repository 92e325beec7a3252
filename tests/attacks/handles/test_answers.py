"""Answers are checked once, where they enter: a broken one is an error that says what it looks like, never a weaker attack."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import fixture
import numpy as np
import pytest
import torch
from torch import Tensor

from attacks import metrics
from attacks.discriminative import calibrated, label_only
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.engine import Engine
from attacks.engine.execution import Run
from attacks.engine.proof import Proof
from attacks.engine.store import Store
from attacks.errors import AttackError, DivergedError
from attacks.handles import (
    DiscriminatorAccess,
    EncoderAccess,
    LabelOracle,
    LatentOracle,
    Ledger,
    LikelihoodOracle,
    MaskOracle,
    NextSymbolOracle,
    NoisePredictor,
    Records,
    SampleOracle,
    ScoreOracle,
    ShadowData,
    ShadowModels,
    TopScoreOracle,
    UpdatedScores,
    ValueOracle,
)
from attacks.models import signals, training
from attacks.models.resolution import bounded, certain
from attacks.models.training import Recipe, TrainingSet
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
N, CLASSES = fixture.RECORDS, fixture.CLASSES
X = torch.arange(N, dtype=torch.float32)[:, None]
TARGET = fixture.Answers(fixture.answers(fixture.member(), 100))


def oracle(change, ledger=None, **options):
    """The fixture's target, whose log-probabilities are handed over as `change` leaves them."""
    return ScoreOracle("scores", lambda x: change(TARGET.log_probs(x)), ledger or Ledger(), **options)


def with_nan(log_probs: Tensor, rows: int = N) -> Tensor:
    log_probs = log_probs.clone()
    log_probs[:rows, 0] = torch.nan
    return log_probs


def to_decimals(log_probs: Tensor, digits: int) -> Tensor:
    """Log-probabilities of scores that are rounded to so many decimals, as a target hands them over."""
    return ((log_probs.exp() * 10**digits).round() / 10**digits).log()


def one_hot(log_probs: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(log_probs.argmax(-1), log_probs.shape[-1]).double().log()


# -- refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "looks"),
    [
        (lambda p: p.exp(), "look like probabilities"),
        (lambda p: p.exp().float(), "look like probabilities"),
        (lambda p: to_decimals(p, 2).exp(), "look like probabilities"),
        (lambda p: one_hot(p).exp(), "look like probabilities"),
        (lambda p: 3 * p + 7, "look like logits, from"),
        (lambda p: (3 * p + 7).half(), "look like logits, from"),
        (lambda p: -p, "look like logits, from"),
        (lambda p: 2 * p, "add up to between .* in place of 1"),
        (with_nan, "not-a-number for 24 of 24 records"),
        (lambda p: with_nan(p, 3), "not-a-number for 3 of 24 records"),
        (lambda p: p.masked_fill(p == p.max(), math.inf), "infinity for 1 of 24 records"),
        (lambda p: torch.full_like(p, -math.inf), "add up to between 0 and 0"),
        (lambda p: p.argmax(-1), r"float64 \(n, columns\), not with int64 \(24,\)"),
        (lambda p: p[:, None], r"not with float64 \(24, 1, 3\)"),
        (lambda p: p[:5], r"answer 24 records .* not with float64 \(5, 3\)"),
        (lambda p: p[:, :1] * 0, "one column"),
        (lambda p: p.numpy(), "not with ndarray"),
        (lambda p: to_decimals(p, 2), "`resolution`"),
        (one_hot, "probability of 0 for 24 of 24 records"),
    ],
)
def test_what_is_no_log_probability_is_refused_with_what_it_looks_like(change, looks):
    with pytest.raises(AttackError, match=looks):
        oracle(change)(X)


@pytest.mark.parametrize("resolution", [0.01, 1.0])
@pytest.mark.parametrize("change", [lambda p: p.exp(), lambda p: 3 * p + 7, with_nan])
def test_a_resolution_excuses_nothing_else(change, resolution):
    with pytest.raises(AttackError, match=r"look like|not-a-number"):
        oracle(change, resolution=resolution)(X)
    with pytest.raises(ValueError, match="from 0 to 1"):
        oracle(change, resolution=2)


def test_every_oracle_of_scores_checks():
    """Probabilities given to whatever answers with scores; a picture has two rows of the fixture's answers."""
    p, ledger = TARGET.log_probs(X).exp(), Ledger()
    pictures = torch.zeros(N, 1, 2)
    asked = [
        lambda: MaskOracle("masks", lambda x: p[:, None, None].expand(N, 1, 2, CLASSES), ledger)(pictures),
        lambda: TopScoreOracle("top_k", oracle(torch.exp))(X),
        lambda: UpdatedScores("updated_scores", lambda x: p, [], ledger).before(X),
        lambda: UpdatedScores("updated_scores", TARGET.log_probs, [lambda x: p], ledger).after(0, X),
        lambda: NextSymbolOracle("next_symbol", lambda x: p[:, None].expand(N, 4, CLASSES), ledger)(torch.zeros(N, 4)),
        lambda: LikelihoodOracle("likelihood", lambda x: p, ledger)(torch.zeros(N, CLASSES)),
    ]
    for ask in asked:
        with pytest.raises(AttackError, match="look like probabilities"):
            ask()
    with pytest.raises(AttackError, match="look like logits or losses"):
        LikelihoodOracle("likelihood", lambda x: -9 * p.log(), ledger)(torch.zeros(N, CLASSES))


def test_every_oracle_refuses_what_is_no_number():
    nan, ledger = torch.full((N, 1), torch.nan).double(), Ledger()
    one = torch.ones(N, 1)
    asked = {
        "value": lambda: ValueOracle("value", lambda x: nan[:, 0], ledger)(X),
        "likelihood": lambda: LikelihoodOracle("likelihood", lambda x: nan, ledger)(X),
        "noise": lambda: NoisePredictor("predicted_noise", [0.5], lambda x, step: nan.float(), ledger)(X, 0),
        "samples": lambda: SampleOracle("samples", lambda count: nan[:count], ledger)(N),
        "latent": lambda: LatentOracle("latent", 1, lambda z: nan, ledger)(one),
        "discriminator": lambda: DiscriminatorAccess("discriminator", lambda x: nan[:, 0], ledger)(X),
        "encoder": lambda: EncoderAccess("encoder", lambda x: (one, nan.float()), ledger)(X),
    }
    for ask in asked.values():
        with pytest.raises(AttackError, match="not-a-number for 24 of 24 records"):
            ask()
    with pytest.raises(AttackError, match="infinity for 24 of 24"):
        ValueOracle("value", lambda x: torch.full((N,), math.inf), ledger)(X)
    for wrong in (lambda x: torch.ones(N), lambda x: torch.ones(N, 1).long(), lambda x: torch.ones(N).bool(), lambda x: [1] * N):
        with pytest.raises(AttackError, match=r"one class a record, int64 \(24,\), not"):
            LabelOracle("labels", wrong, ledger)(X)
    with pytest.raises(AttackError, match="class -1"):
        LabelOracle("labels", lambda x: torch.full((N,), -1), ledger)(X)
    with pytest.raises(AttackError, match="answers 3 times, where 24"):
        SampleOracle("samples", lambda count: torch.ones(3, 1), ledger)(N)


def test_a_class_without_a_column_is_named():
    with pytest.raises(AttackError, match="label 2, but the answers have columns for 2 classes"):
        signals.margin(torch.log_softmax(torch.zeros(N, 2).double(), -1), fixture.label())


# -- attacks are not weakened in silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ["ye-2022-attack-r", "carlini-2022-lira", "zarifzadeh-2024-rmia", "yeom-2018-loss"])
def test_a_target_that_answers_nothing_is_an_error(attack):
    """It gave Attack-R an AUC of one half, which reads as privacy."""
    entry = load().attacks[attack]
    given = fixture.handles(["records", "shadow_models", "reference_models", "mean_loss"])
    given["scores"] = oracle(with_nan)
    names = {"yeom-2018-loss": "mean_loss", "ye-2022-attack-r": "reference_models"}
    with pytest.raises(AttackError, match="not-a-number for 24 of 24"):
        Code().function(entry.run)(given["records"], given["scores"], given[names.get(attack, "shadow_models")])


@pytest.mark.parametrize("diverged", [(1,), (0, 2, 3, 5, 6, 7)])
def test_shadow_models_that_diverged_are_counted_and_named(diverged):
    """Six of eight turned LiRA's AUC of .740 into .522 without a word."""
    given = fixture.handles(["records", "scores", "shadow_models"])
    whole = given["shadow_models"]
    models = [fixture.Answers(m.table * (torch.nan if k in diverged else 1)) for k, m in enumerate(whole.models)]
    broken = ShadowModels(models, whole.records, whole.trained_on)
    message = f"{len(diverged)} of 8 shadow models .*: number {', '.join(map(str, diverged))}"
    for run in (
        lambda: calibrated.lira(given["records"], given["scores"], broken),
        lambda: broken.log_probs(diverged[0]),
        lambda: broken.signal(signals.loss),
    ):
        with pytest.raises(DivergedError, match=message):
            run()


def test_a_training_that_diverges_is_an_error_for_whoever_asks_the_model():
    recipe = Recipe("mlp", (4,), 3, (8,), 3, 8, 1e30)
    data = TrainingSet(torch.randn(40, 4, generator=torch.Generator().manual_seed(1)), torch.arange(40) % 3, 0)
    (model,) = training.fit_many(recipe, [data])
    with pytest.raises(DivergedError, match="not-a-number for 40 of 40 records"):
        model.log_probs(data.x)
    known = ShadowData(data.x, data.y, np.arange(40, dtype=np.uint64))
    shadow = ShadowModels([model, model], known, torch.stack([torch.arange(40) < 20, torch.arange(40) >= 20]))
    records, labels = (
        Records(data.x, data.y, known.ids, Ledger()),
        LabelOracle("labels", lambda x: x[:, 0].long().abs(), Ledger()),
    )
    with pytest.raises(DivergedError, match="not-a-number"):
        label_only.noise_robustness(records, labels, shadow, queries=3)
    regression = Recipe("mlp", (4,), 1, (8,), 3, 8, 1e30, regression=True)
    (model,) = training.fit_many(regression, [TrainingSet(data.x, data.x[:, 0], 0)])
    with pytest.raises(DivergedError):
        model.values(data.x)


def test_a_target_that_diverges_cannot_be_made(tmp_path):
    catalog = load([TINY])
    entry = catalog.targets["tiny"]
    catalog.targets["tiny"] = entry.model_copy(update={"params": {**entry.params, "learning_rate": 1e30}})
    with pytest.raises(InputError, match="target tiny cannot be made: a trained model answers not-a-number for 120 of 120"):
        Engine(catalog, Store(tmp_path)).target("tiny", 0)


def test_a_regression_is_stated():
    with pytest.raises(AttackError, match="at least two classes"):
        Recipe("mlp", (4,), 1)
    assert Recipe.from_json(Recipe("mlp", (4,), 1, regression=True).as_json()).regression


# -- taken and noted -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "digits", "close"), [(torch.float32, 6, 1e-5), (torch.float16, 3, 0.05), (torch.bfloat16, 2, 0.3)]
)
def test_less_than_float64_is_cast_and_noted_once(kind, digits, close):
    ledger = Ledger()
    asked = oracle(lambda p: p.to(kind), ledger)
    found = torch.cat([asked(X[:10]), asked(X[10:])])
    assert found.dtype == torch.float64 and (found - TARGET.log_probs(X)).abs().max() < close
    name = str(kind).removeprefix("torch.")
    assert ledger.notes == [f"the target answers in {name}, cast to float64: it holds {digits} digits (24 of 24 answers)"]
    exact = Ledger()
    oracle(lambda p: p, exact)(X)
    assert not exact.notes


def test_float32_in_disguise_is_noted():
    ledger = Ledger()
    oracle(lambda p: torch.log_softmax((p * 3).float(), -1).double(), ledger)(X)
    assert len(ledger.notes) == 1 and "adds up as float32 does" in ledger.notes[0]


def test_float32_blames_no_attack():
    given = fixture.handles(["records", "shadow_models"])
    score = calibrated.lira(given["records"], oracle(lambda p: p.float()), given["shadow_models"])
    assert score.dtype == torch.float64 and score.isfinite().all()


def test_empty_batches_are_answered_whatever_the_target_makes_of_them():
    def picky(answer):
        def of(x, *more):
            assert len(x), "this model cannot take an empty batch"
            return answer(x)

        return of

    ledger = Ledger(limit=0)
    scores = ScoreOracle("scores", picky(TARGET.log_probs), ledger)
    assert scores(X[:0]).shape == (0, CLASSES) and scores(X[:0]).dtype == torch.float64
    masks = MaskOracle("masks", picky(lambda x: torch.full((len(x), 2, 3, 4), -math.log(4), dtype=torch.float64)), ledger)
    assert masks(torch.zeros(0, 2, 3)).shape == (0, 2, 3, 4)
    symbols = NextSymbolOracle(
        "next_symbol", picky(lambda x: torch.full((len(x), 5, 2), -math.log(2), dtype=torch.float64)), ledger
    )
    assert symbols(torch.zeros(0, 5)).shape == (0, 5, 2)
    assert LikelihoodOracle("likelihood", picky(torch.zeros_like), ledger)(torch.zeros(0, 5)).shape == (0, 5)
    assert ValueOracle("value", picky(lambda x: x[:, 0]), ledger)(X[:0]).shape == (0,)
    labels = LabelOracle("labels", lambda x: signals.predicted(scores(x)), ledger)(X[:0])
    assert labels.shape == (0,) and labels.dtype == torch.int64
    top, classes = TopScoreOracle("top_k", scores)(X[:0])
    assert top.shape == classes.shape == (0, 3)
    updated = UpdatedScores("updated_scores", picky(TARGET.log_probs), [], ledger)
    assert updated.before(X[:0]).shape == (0, CLASSES)
    assert ledger.queries == 0 and not ledger.notes


# -- where the resolution ends -------------------------------------------------------------------------------------------


def test_bounds_are_half_the_resolution():
    p = torch.tensor([[1.0, 0, 0, 0], [0.99, 0.01, 0, 0], [0.5, 0.5, 0, 0], [0.4, 0.3, 0.2, 0.1]], dtype=torch.float64)
    found = bounded(p.log(), 0.01)
    margin = signals.margin(found, torch.zeros(4, dtype=torch.long))
    assert margin[0] == pytest.approx(math.log(1 / 0.005)) and margin[0] > margin[1] > margin[2] > margin[3]
    assert found.exp().sum(-1).tolist() == pytest.approx([1] * 4) and found.isfinite().all()
    assert torch.equal(found[3], p[3].log()), "what has no probability of 0 stays as it is"
    assert found[1].exp()[0] / found[1].exp()[1] == pytest.approx(99)
    assert certain(found, 0.01).tolist() == [True, False, False, False]
    assert torch.equal(bounded(found, 0.01), found), "to bound twice is to bound once"
    assert bounded(p[:1].log(), 1.0).exp()[0].tolist() == pytest.approx([2 / 3, *[1 / 9] * 3])


@pytest.mark.parametrize(("change", "resolution"), [(lambda p: to_decimals(p, 2), 0.01), (one_hot, 1.0)])
def test_rounded_answers_lose_no_record(change, resolution):
    ledger = Ledger()
    asked = oracle(change, ledger, resolution=resolution)
    together = asked(X)
    assert together.isfinite().all() and together.exp().sum(-1).tolist() == pytest.approx([1] * N)
    assert torch.equal(together.argmax(-1), TARGET.log_probs(X).argmax(-1))
    margins = signals.margin(together, fixture.label())
    assert margins.isfinite().all() and margins.max() == pytest.approx(math.log(2 / resolution))
    ties = int((change(TARGET.log_probs(X)).exp().amax(-1) == 1).sum())
    (note,) = ledger.notes
    assert note.endswith(f"such answers are ties ({ties} of {N} answers)")
    alone = torch.cat([asked(row) for row in X.split(1)])
    assert torch.equal(alone, together), "an answer is bounded by itself, whatever it is asked with"


@pytest.mark.parametrize(("change", "resolution", "least"), [(lambda p: to_decimals(p, 2), 0.01, 0.6), (one_hot, 1.0, 0.5)])
def test_lira_on_rounded_answers_of_a_real_network(change, resolution, least, kept_store):
    """A margin of +inf has no density, so that all was lost. An adversary sees that answers are rounded, and rounds alike."""
    catalog = load()
    plan = plans.make(catalog, catalog.target("digits-mlp"), None, ["carlini-2022-lira"], {"shadow-models": {"count": "4"}})
    engine = Engine(catalog, Store(kept_store))
    target = engine.target("digits-mlp", 0)
    (planned,) = plan.attacks
    proof = Proof(Run(engine, plan, target, 0), planned)
    shadow = proof.artifact(next(rule for rule in planned.rules if rule.yields == "shadow-models.matched"))
    model = target.makers["Q.scores"](Ledger())
    ledger = Ledger()
    scores = ScoreOracle("scores", lambda x: change(model(x)), ledger, resolution=resolution)

    class AsAnswered:
        def __init__(self, own):
            self.own = own

        def kept_log_probs(self, x):
            return bounded(change(self.own.kept_log_probs(x)), resolution)

    alike = ShadowModels([AsAnswered(own) for own in shadow.models], shadow.records, shadow.trained_on)
    records = target.records(ledger, with_label=True)
    for models in (shadow, alike):
        score = calibrated.lira(records, scores, models)
        assert score.isfinite().all()
    assert metrics.auc(score.numpy(), target.member.numpy()) > least
    (note,) = ledger.notes
    assert "ties" in note and note.endswith("of 1,600 answers)")


# -- a target of one's own -----------------------------------------------------------------------------------------------

ENTRY = """\
schema: 1
id: mine
title: A target of one's own
summary: It answers as its owner happens to have written it.
model: discriminative
frame: stand-alone
data: The handwritten digits of scikit-learn.
offers: [M2, D1.samples, D1.mean-loss, Q.scores, record.label]
run: own_target:build
params: {how: HOW}
"""
CODE = """\
from attacks.handles import Ledger, ScoreOracle
from attacks.targets import classifier

def build(*, how, seed=0):
    target = classifier.build(
        data="digits", hidden=[32], members=120, non_members=120, epochs=40, batch=32, learning_rate=0.003, seed=seed
    )
    scores = target.makers["Q.scores"](Ledger())
    def rounded(x):
        return (scores(x).exp() * 100).round().div(100).log()
    change = {
        "float32": lambda x: scores(x).float(),
        "rounded": rounded,
        "probabilities": lambda x: scores(x).exp(),
        "nothing": lambda x: scores(x) * float("nan"),
    }[how]
    step = 0.01 if how == "rounded" else 0.0
    target.makers["Q.scores"] = lambda ledger: ScoreOracle("scores", change, ledger, resolution=step)
    return target
"""


@pytest.fixture
def own(tmp_path):
    """Run attacks against a target of the user's own, which answers in some way, as often as is asked for."""
    (tmp_path / "catalog" / "targets").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_target.py").write_text(CODE)
    sys.modules.pop("own_target", None)

    def go(how, *names):
        (tmp_path / "catalog" / "targets" / "mine.yaml").write_text(ENTRY.replace("HOW", how))
        catalog = load([tmp_path / "catalog"])
        plan = plans.make(catalog, catalog.target("mine"), None, names, {"shadow-models": {"count": "4"}})
        return Engine(catalog, Store(tmp_path / "store"), code=Code([tmp_path / "code"])).run(plan, 0)

    yield go
    sys.path[:] = [p for p in sys.path if p != str(tmp_path / "code")]


@pytest.mark.parametrize(("how", "note"), [("float32", "answers in float32, cast"), ("rounded", "such answers are ties")])
def test_what_was_noted_stands_in_the_result_also_of_finished_work(own, how, note):
    first, again = (own(how, "yeom-2018-loss", "carlini-2022-lira", "ye-2022-attack-p") for _ in range(2))
    assert again.trained == 0
    for outcome in (first, again):
        assert not outcome.failures and len(outcome.results) == 3
        for result in outcome.results:
            found = [warning for warning in result["warnings"] if note in warning]
            # Attack-P asked about other records in a step before, whose note is its own.
            assert len(found) == (2 if result["attack"] == "ye-2022-attack-p" else 1), result["warnings"]
            assert "of 240 answers)" in found[-1]


@pytest.mark.parametrize(
    ("how", "error"), [("probabilities", "look like probabilities"), ("nothing", "not-a-number for 240 of 240")]
)
def test_a_broken_target_of_ones_own_fails_every_attack(own, how, error):
    """Probabilities gave LiRA .579 without a word."""
    outcome = own(how, "yeom-2018-loss", "carlini-2022-lira")
    assert not outcome.results and len(outcome.failures) == 2
    assert all(failure["error"].startswith("the target") and error in failure["error"] for failure in outcome.failures)
