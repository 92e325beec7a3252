"""Networks and estimators answer alike, are trained alike, and lie in the store without pickles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks import architectures, training
from attacks.targets import data
from attacks.training import Recipe, TrainingSet


@pytest.fixture(scope="module")
def digits():
    loaded = data.load("digits")
    return torch.from_numpy(loaded.x[:300]), torch.from_numpy(loaded.y[:300])


@pytest.mark.parametrize("name", sorted(architectures.ESTIMATORS))
def test_estimators_learn_and_survive_the_store(name, digits):
    recipe = Recipe(name, (64,), 10)
    module = training.fit(recipe, TrainingSet(*digits, seed=1))
    model = training.Model(recipe, module, "x")
    answers = model.log_probs(digits[0])
    assert answers.dtype == torch.float64 and answers.shape == (300, 10)
    assert answers.exp().sum(-1).numpy() == pytest.approx(1)
    assert (answers.argmax(-1) == digits[1]).double().mean() > 0.8
    again = recipe.build()
    again.load_state_dict(module.state_dict())
    assert torch.equal(training.Model(recipe, again, "y").log_probs(digits[0]), answers)
    assert model.log_probs(digits[0][:0]).shape == (0, 10)


def test_probabilities_of_zero_are_clipped(digits):
    recipe = Recipe("decision-tree", (64,), 10)
    answers = training.Model(recipe, training.fit(recipe, TrainingSet(*digits, seed=1)), "x").log_probs(digits[0])
    assert answers.exp().min() == pytest.approx(architectures.CLIP, rel=1e-3)


def test_a_class_without_records_keeps_its_column(digits):
    x, y = digits
    known = y < 9
    for name in architectures.ESTIMATORS:
        recipe = Recipe(name, (64,), 10)
        answers = training.Model(recipe, training.fit(recipe, TrainingSet(x[known], y[known], seed=1)), "x").log_probs(x)
        assert answers.shape == (300, 10) and answers.isfinite().all()


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
