"""Epsilon: the true one against numerical integration, the lower bound against the paper's figures and the worst case."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from attacks.metrics import epsilon


@pytest.mark.parametrize(
    ("canaries", "guesses", "right", "delta", "expected"),
    [
        # Steinke et al. 2023, Appendix D and Section 7, as two public ports of its code quote them.
        (100, 100, 75, 0, 0.702),
        (100, 100, 75, 1e-4, 0.699),
        (1000, 100, 75, 1e-4, 0.673),
        (100_000, 1510, 1439, 1e-5, 2.675),
        # Where all guesses are right, the bound solves chance ** guesses = 0.05.
        (100, 100, 100, 0, math.log(0.05**0.01 / (1 - 0.05**0.01))),
    ],
)
def test_lower_bound_of_the_paper(canaries, guesses, right, delta, expected):
    assert epsilon.lower_bound(canaries, guesses, right, delta) == pytest.approx(expected, abs=1e-3)


def test_p_value_is_the_papers_formula():
    """Written again as sums over binomial coefficients; 0.553 is the paper's own example."""
    m, r, v, eps, delta = 60, 40, 29, 0.7, 1e-3
    chance = math.exp(eps) / (1 + math.exp(eps))
    mass = [math.comb(r, k) * chance**k * (1 - chance) ** (r - k) for k in range(r + 1)]
    expected = sum(mass[v:]) + 2 * m * delta * max(sum(mass[v - i : v]) / i for i in range(1, v + 1))
    assert epsilon.p_value(m, r, v, eps, delta) == pytest.approx(expected)
    assert epsilon.p_value(100, 100, 75, math.log(3)) == pytest.approx(0.553, abs=1e-3)
    assert epsilon.p_value(100, 50, 0, 1.0, 1e-5) == 1.0
    with pytest.raises(ValueError, match="cannot be"):
        epsilon.p_value(10, 20, 5, 1.0)


def test_lower_bound_grows_with_right_guesses():
    bounds = [epsilon.lower_bound(200, 100, right, 1e-5) for right in range(101)]
    assert not any(bounds[:51]), "no better than a coin"
    assert all(a <= b for a, b in itertools.pairwise(bounds)) and bounds[100] > bounds[70] > 0
    assert epsilon.lower_bound(200, 100, 80, 1e-5, confidence=0.99) < bounds[80]
    assert epsilon.lower_bound(200, 0, 0, 1e-5) == 0.0


def test_random_guesses_give_0():
    """In at least 95 % of 4,000 draws of coins and scores; and by the exact distribution of the right guesses."""
    above = np.array([epsilon.lower_bound(1000, 200, right, 1e-5) > 0 for right in range(201)])
    generator, found = np.random.default_rng(0), []
    for _ in range(4000):
        coin, order = generator.random(1000) < 0.5, generator.random(1000).argsort()
        found.append(above[coin[order[-100:]].sum() + (~coin[order[:100]]).sum()])
    assert np.mean(found) <= 0.05
    assert stats.binom.pmf(np.arange(201), 200, 0.5) @ above <= 0.05


@pytest.mark.parametrize("true", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("delta", [0.0, 1e-3])
def test_bound_holds_in_the_worst_case(true, delta):
    """Randomised response tells a coin with the best chance that (epsilon, delta)-privacy allows: above it in at most 5 %."""
    guesses = 100
    chance = delta + (1 - delta) * math.exp(true) / (1 + math.exp(true))
    above = [epsilon.lower_bound(guesses, guesses, right, delta) > true for right in range(guesses + 1)]
    assert stats.binom.pmf(np.arange(guesses + 1), guesses, chance) @ above <= 0.05


@pytest.mark.parametrize(("noise", "steps", "delta"), [(4.84, 20, 1e-5), (16.7, 20, 1e-5), (1.0, 1, 1e-3)])
def test_gaussian_epsilon_by_integration(noise, steps, delta):
    """Delta is the mass by which one Gaussian exceeds e^epsilon times the other, here by the trapezoidal rule."""
    mu, found = math.sqrt(steps) / noise, epsilon.gaussian_epsilon(noise, steps, delta)
    place = np.linspace(-12, 12 + mu, 400_001)
    excess = np.maximum(stats.norm.pdf(place, mu) - math.exp(found) * stats.norm.pdf(place), 0)
    assert ((excess[1:] + excess[:-1]) / 2).sum() * (place[1] - place[0]) == pytest.approx(delta, rel=1e-4)


def test_gaussian_epsilon_at_its_ends():
    assert epsilon.gaussian_epsilon(0.0, 20, 1e-5) == math.inf, "no noise, no privacy"
    assert epsilon.gaussian_epsilon(1e-3, 20, 1e-5) == math.inf
    assert epsilon.gaussian_epsilon(1e6, 20, 1e-5) == 0.0
    assert epsilon.gaussian_epsilon(2.0, 16, 1e-5) == pytest.approx(epsilon.gaussian_epsilon(1.0, 4, 1e-5)), "steps compose"
