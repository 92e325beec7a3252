"""Epsilon of differential privacy: the true one of a Gaussian mechanism, and a lower bound from an audit in one run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

# A guarantee beyond this says nothing, and is taken for none.
LARGEST = 700.0


def gaussian_delta(epsilon: float, mu: float) -> float:
    """Return the smallest delta for which a Gaussian mechanism of sensitivity over noise `mu` is (epsilon, delta)-private.

    Balle and Wang 2018, Theorem 8, which is exact: Phi(mu / 2 - epsilon / mu) - exp(epsilon) Phi(-mu / 2 - epsilon / mu).
    """
    second = math.exp(epsilon + float(special.log_ndtr(-mu / 2 - epsilon / mu)))
    return float(special.ndtr(mu / 2 - epsilon / mu)) - second


def gaussian_epsilon(noise: float, steps: int, delta: float) -> float:
    """Return the exact epsilon at this delta of `steps` Gaussian mechanisms, each with `noise` times its sensitivity.

    Steps that may depend on each other's results compose to one Gaussian mechanism whose noise is `noise` / sqrt(`steps`) times
    the sensitivity (Dong, Roth and Su 2022, Corollary 3.3 of the preprint). Without noise, or nearly so, it is infinite.
    """
    if noise <= 0:
        return math.inf
    mu = math.sqrt(steps) / noise
    if gaussian_delta(0.0, mu) <= delta:
        return 0.0
    return _last(lambda epsilon: gaussian_delta(epsilon, mu) > delta, upwards=True)


def p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float = 0.0) -> float:
    """Return a bound on the probability of so many right guesses or more, whatever (epsilon, delta)-private training did.

    Steinke et al. 2023, Appendix D. Each of `canaries` was included by a fair coin of its own,
    and `guesses` of the coins were guessed. Under pure privacy the right ones are at most binomial with the chance of
    randomised response, e^epsilon / (1 + e^epsilon); delta adds 2 m delta max_i P[v > Binomial >= v - i] / i.
    """
    if not 0 <= right <= guesses <= canaries:
        raise ValueError(f"of {canaries} canaries {guesses} were guessed and {right} of these rightly, which cannot be")
    from scipy import stats

    chance = 1 / (1 + math.exp(-epsilon))
    pure = float(stats.binom.sf(right - 1, guesses, chance))
    if delta == 0 or right == 0:
        return min(1.0, pure)
    below = np.cumsum(stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, chance))
    return min(1.0, pure + 2 * canaries * delta * float((below / np.arange(1, right + 1)).max()))


def lower_bound(canaries: int, guesses: int, right: int, delta: float = 0.0, confidence: float = 0.95) -> float:
    """Return the largest epsilon that the guesses rule out, a lower bound on the true one; 0 if they rule out none.

    Steinke et al. 2023, Appendix D. It holds with this confidence if which canaries are guessed was fixed before their coins
    were looked at; the best of several numbers of guesses would be no bound.
    """
    if p_value(canaries, guesses, right, 0.0, delta) >= 1 - confidence:
        return 0.0
    return _last(lambda epsilon: p_value(canaries, guesses, right, epsilon, delta) < 1 - confidence, upwards=False)


def _last(holds: Callable[[float], bool], *, upwards: bool) -> float:
    """Return where a condition that holds at 0 stops holding, by bisection, to the safe side: above it, or below it."""
    low, high = 0.0, 1.0
    while holds(high):
        low, high = high, 2 * high
        if low > LARGEST:
            return math.inf if upwards else low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high if upwards else low
