"""Scales, sums and rounding of a model's answers."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.audit import answers
from taxonomy.findings import InputError


def probabilities(count: int = 500, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(0).dirichlet([0.5] * classes, size=count)


@pytest.mark.parametrize(("digits", "step"), [(1, 0.1), (2, 0.01), (3, 0.001), (6, 1e-6)])
def test_rounding_is_seen(digits, step):
    assert answers.step(probabilities().round(digits)) == pytest.approx(step)
    assert answers.step(probabilities().round(digits).astype(np.float32).astype(np.float64)) == pytest.approx(step)


@pytest.mark.parametrize("trees", [3, 7, 50, 128, 300])
def test_votes_are_seen(trees):
    votes = np.random.default_rng(1).multinomial(trees, [0.5, 0.3, 0.2], size=400) / trees
    assert answers.step(votes) == pytest.approx(1 / trees)


def test_confident_answers_are_not_taken_for_rounded_ones():
    sure = np.stack([np.full(200, 1e-9), np.full(200, 1 - 1e-9)], axis=1)
    sure[:, 0] *= np.linspace(1, 2, 200)
    sure[:, 1] = 1 - sure[:, 0]
    assert answers.step(sure) == 0.0
    assert answers.step(probabilities()) == 0.0


def test_log_probabilities_stay_as_they_are_to_the_last_bit():
    found = np.log(probabilities())
    assert answers.log_probs(found, answers.LOGARITHMS, "x") is found
    assert np.array_equal(answers.log_probs(found, answers.LOGITS, "x"), found)


def test_logits_are_normalised_whatever_their_size():
    logits = np.random.default_rng(2).normal(0, 500, size=(100, 4))
    found = answers.log_probs(logits, answers.LOGITS, "x")
    assert np.isfinite(found).all() and np.allclose(np.exp(found).sum(axis=1), 1)


def test_zero_probabilities_end_at_the_resolution():
    votes = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    assert answers.resolution(answers.log_probs(votes, answers.PROBABILITIES, "x")) == pytest.approx(0.25)
    underflown = np.array([[1.0, 0.0], [0.1234567234, 0.8765432766]])
    assert answers.resolution(answers.log_probs(underflown, answers.PROBABILITIES, "x")) == 2.0**-24


@pytest.mark.parametrize(("digits", "classes"), [(1, 2), (2, 10), (3, 100)])
def test_rounded_probabilities_may_add_up_to_less_or_more(digits, classes):
    answers.log_probs(probabilities(2000, classes).round(digits), answers.PROBABILITIES, "x")


@pytest.mark.parametrize("factor", [0.9, 0.8])
def test_other_sums_are_refused(factor):
    with pytest.raises(InputError, match=r"add up to (0\.9|0\.8) in place of 1"):
        answers.log_probs(probabilities() * factor, answers.PROBABILITIES, "x")
