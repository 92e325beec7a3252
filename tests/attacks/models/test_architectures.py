"""Networks and estimators answer alike, are trained alike, and lie in the store without pickles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.handles import Ledger, ScoreOracle
from attacks.models import architectures, signals, training
from attacks.models.resolution import certain
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import data


@pytest.fixture(scope="module")
def digits():
    loaded = data.load("digits")
    return torch.from_numpy(loaded.x[:300]), torch.from_numpy(loaded.y[:300])


@pytest.mark.parametrize("features", [64, 8], ids=["many features", "few features"])
@pytest.mark.parametrize("name", sorted(architectures.ESTIMATORS))
def test_estimators_learn_and_survive_the_store(name, features, digits):
    x, y = digits
    digits = x[:, torch.linspace(18, 45, features).long()] if features == 8 else x, y
    recipe = Recipe(name, (features,), 10)
    module = training.fit(recipe, TrainingSet(*digits, seed=1))
    model = training.Model(recipe, module, "x")
    answers = model.log_probs(digits[0])
    assert answers.dtype == torch.float64 and answers.shape == (300, 10)
    assert answers.exp().sum(-1).numpy() == pytest.approx(1)
    assert (answers.argmax(-1) == digits[1]).double().mean() > (0.8 if features == 64 else 0.5)
    again = recipe.build()
    again.load_state_dict(module.state_dict())
    assert torch.equal(training.Model(recipe, again, "y").log_probs(digits[0]), answers)
    assert model.log_probs(digits[0][:0]).shape == (0, 10)


def fitted(name, x, y, classes=10):
    recipe = Recipe(name, tuple(x.shape[1:]), classes)
    module = training.fit(recipe, TrainingSet(x, y, seed=1))
    return training.Model(recipe, module, "x"), module._fitted


@pytest.mark.parametrize(
    ("name", "step"), [("decision-tree", 2e-6), ("random-forest", 1 / 100), ("nearest-neighbours", 1 / 5), ("naive-bayes", 0)]
)
def test_answers_of_one_class_end_at_half_a_step(name, step, digits):
    """Half of a vote: 1 / (2 trees). All other probabilities keep their ratios."""
    x, y = digits
    model, estimator = fitted(name, x[:150], y[:150])
    assert model.resolution == step
    if not step:
        return
    answers, plain = model.log_probs(x), torch.from_numpy(estimator.predict_proba(x.numpy()))
    sure = plain.amax(-1) == 1
    assert sure.any() and answers.isfinite().all()
    margin = signals.margin(answers, plain.argmax(-1))
    assert margin[sure].numpy() == pytest.approx(np.log(2 / step))
    assert (margin[~sure] < margin[sure].min() - 1e-6).all() and torch.equal(answers.argmax(-1), plain.argmax(-1))
    top, ratio = answers.topk(2).values, plain.topk(2).values
    assert (top[:, 0] - top[:, 1])[~sure].tolist() == pytest.approx((ratio[:, 0] / ratio[:, 1])[~sure].log().tolist())
    assert certain(answers, step).tolist() == sure.tolist()


def test_the_oracle_of_an_estimator_counts_its_ties_and_leaves_its_answers(digits):
    model, _ = fitted("decision-tree", digits[0][:150], digits[1][:150])
    ledger = Ledger()
    asked = ScoreOracle("scores", model.log_probs, ledger, resolution=model.resolution)
    assert torch.equal(asked(digits[0]), model.log_probs(digits[0]))
    (note,) = ledger.notes
    assert "ties" in note and note.endswith("(300 of 300 answers)")


def test_naive_bayes_is_as_exact_as_its_logarithms(digits):
    """At 1e-6, 93 of 100 probabilities were cut off, and the records that are told apart best were ties."""
    x, y = digits
    model, estimator = fitted("naive-bayes", x, y)
    answers = model.log_probs(x)
    assert answers.numpy() == pytest.approx(estimator.predict_log_proba(x.double().numpy()), rel=1e-9, abs=1e-9)
    assert (answers < np.log(architectures.CLIP)).double().mean() > 0.8
    margins = signals.margin(answers, y)
    assert margins.isfinite().all() and len(margins.unique()) > 295


@pytest.mark.parametrize("classes", [2, 10])
def test_logistic_regression_answers_by_its_logits(classes, digits):
    x, y = digits[0], digits[1] % classes
    model, estimator = fitted("logistic-regression", x, y, classes)
    answers = model.log_probs(x)
    assert answers.exp().numpy() == pytest.approx(estimator.predict_proba(x.double().numpy()), abs=1e-9)
    sure = model.log_probs(1000 * x)
    margins = signals.margin(sure, sure.argmax(-1))
    assert (sure.exp().amax(-1) == 1).all() and len(margins.unique()) == 300, "they are told apart where probabilities are 1"


@pytest.mark.parametrize("name", sorted(architectures.ESTIMATORS))
def test_a_class_without_records_keeps_its_column(name, digits):
    x, y = digits
    known = y < 9
    model, estimator = fitted(name, x[known], y[known])
    answers = model.log_probs(x)
    assert answers.shape == (300, 10) and answers.isfinite().all()
    assert (answers[:, 9] <= answers[:, :9].amin(-1) + 1e-9).all(), "no class is less likely than one that was never seen"
    if not model.resolution:
        assert (answers[:, 9] <= np.log(architectures.CLIP)).all()
        seen = estimator.predict_log_proba(x.double().numpy())
        assert answers[:, :9].numpy() == pytest.approx(seen, rel=1e-9, abs=2 * architectures.CLIP)


def test_cnn_has_the_shape_of_its_pictures(digits):
    recipe = Recipe("cnn", (8, 8), 10, hidden=(32,), epochs=8, batch=32, learning_rate=0.005)
    x = digits[0].reshape(-1, 8, 8)
    model = training.Model(recipe, training.fit(recipe, TrainingSet(x, digits[1], seed=1)), "x")
    assert (model.log_probs(x).argmax(-1) == digits[1]).double().mean() > 0.8


def test_cnn_reads_every_colour(digits):
    """The label stands in the blue plane alone."""
    x = torch.zeros(300, 3, 8, 8)
    x[:, 2] = digits[0].reshape(-1, 8, 8)
    recipe = Recipe("cnn", (3, 8, 8), 10, hidden=(32,), epochs=8, batch=32, learning_rate=0.005)
    model = training.Model(recipe, training.fit(recipe, TrainingSet(x, digits[1], seed=1)), "x")
    assert (model.log_probs(x).argmax(-1) == digits[1]).double().mean() > 0.8


def test_unknown_architecture():
    with pytest.raises(ValueError, match="there are cnn, decision-tree"):
        Recipe("transformer", (64,), 10).build()


def test_people_of_the_genomes_have_no_duplicates_and_no_names():
    counts, population, superpopulation = data.genotypes()
    assert counts.shape == (2504, 127) and set(np.unique(counts)) == {0, 1, 2}
    assert len(set(population)) == 26 and len(set(superpopulation)) == 5
    assert counts.mean(axis=0).max() <= 1, "the rarer allele is counted"
    assert data.load("genomes").x.shape == (2504, 127)
