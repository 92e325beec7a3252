"""Answers are checked once, where they enter: a broken one is an error that says what it looks like, never a weaker attack."""

from __future__ import annotations

import math
from pathlib import Path

import fixture
import numpy as np
import pytest
import torch
from changed_answers import CLASSES, TARGET, N, X, one_hot, oracle, to_decimals
from torch import Tensor

from attacks.discriminative import calibrated, label_only
from attacks.engine.code import Code
from attacks.engine.runner import Engine
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
from attacks.models.training import Recipe, TrainingSet
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"


def with_nan(log_probs: Tensor, rows: int = N) -> Tensor:
    log_probs = log_probs.clone()
    log_probs[:rows, 0] = torch.nan
    return log_probs


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
