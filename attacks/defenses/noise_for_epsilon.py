"""How much noise differentially private training takes for an epsilon, and which epsilon it then has."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from attacks.errors import AttackError
from attacks.metrics.epsilon import gaussian_epsilon

# How closely the noise is searched, as a share of it.
NARROW = 0.01
# How closely Opacus integrates the privacy loss, in units of epsilon, if nothing else is said.
CLOSE = 0.01
# More noise than this leaves nothing of any gradient.
MOST = 1e6


def opacus() -> Any:
    """Return the package opacus; raise AttackError, saying how to get it, where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import opacus as found
    except ModuleNotFoundError as error:
        raise AttackError("dp-sgd trains by Opacus: pip install 'mia-atlas[dp]'") from error
    return found


def epsilon_of(noise: float, rate: float, steps: int, delta: float, close: float = CLOSE) -> float:
    """Return the epsilon at `delta` of so many steps, each on a share `rate` of the records and with `noise` times the clip.

    A step on all of them is a Gaussian mechanism, of which our accountant tells the exact epsilon. Of steps on records that are
    drawn one by one Opacus tells an upper bound that lies at most 2 `close` above it, by integrating the privacy loss
    numerically (Gopi, Lee and Wutschitz 2021).
    """
    if rate >= 1:
        return gaussian_epsilon(noise, steps, delta)
    return integrated_epsilon(noise, rate, steps, delta, close)


def integrated_epsilon(noise: float, rate: float, steps: int, delta: float, close: float = CLOSE) -> float:
    """Return Opacus's upper bound on the epsilon at `delta`, for a `rate` of at most 1, as `epsilon_of` does."""
    opacus()
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings():
        # How wide to integrate it takes from a coarser accountant, which then says that it is a coarse one.
        warnings.simplefilter("ignore")
        return float(accountant.get_epsilon(delta, eps_error=close))


def closeness(epsilon: float) -> float:
    """Return how closely to integrate for an epsilon: to a hundredth of it, of small ones to a twentieth, which is costly."""
    return max(CLOSE * epsilon, min(CLOSE, 5 * CLOSE * epsilon))


@functools.cache
def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> tuple[float, float]:
    """Return the least noise, to a hundredth, whose epsilon at `delta` is not above `epsilon`, and the epsilon that it has.

    Raises AttackError if no noise is enough.
    """
    close = closeness(epsilon)

    def enough(noise: float) -> bool:
        return epsilon_of(noise, rate, steps, delta, close) <= epsilon

    # Steps on all records leak more than steps on some, and are told at once.
    high = 1.0
    while gaussian_epsilon(high, steps, delta) > epsilon and high < MOST:
        high *= 2
    while not enough(high):
        high *= 2
        if high > MOST:
            raise AttackError(f"no noise makes {steps:,} steps of training private with epsilon {epsilon:g} and delta {delta:g}")
    while enough(high / 2):
        high /= 2
    low = high / 2
    while high - low > NARROW * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high, epsilon_of(high, rate, steps, delta, close)
