"""The interval of an area under a ROC, which holds near 0 and 1, with ties, and with few records."""

from __future__ import annotations

from collections.abc import Callable

from scipy import optimize, special

from attacks.metrics.intervals import Interval
from attacks.metrics.ranking import Area

# As many wrongly ordered records the model of the variance counts for, beside those that are there.
PRIOR = 4.0


def of_area(area: Area, members: int, others: int, confidence: float = 0.95) -> Interval:
    """Return the interval of an area: every value t that lies no further from it than t's own standard error allows.

    The variance at t is that of Hanley and McNeil's model (1982, as in Newcombe 2006, method 5) times a factor: DeLong's variance
    over the model's, drawn towards 1 as if four more records were wrongly ordered as the model says. Where many are, DeLong's
    decides; where few or none, it claims a certainty that is not there. The quantile is Student's t with Welch's degrees of
    freedom.
    """
    factor, freedom = _correction(area, members, others), degrees(area, members, others)
    allowed = factor * float(special.stdtrit(freedom, (1 + confidence) / 2)) ** 2

    def beyond(t: float) -> float:
        return (t - area.value) ** 2 - allowed * _model(t, members, others)

    low, high = _end(beyond, 0.0, area.value), _end(beyond, 1.0, area.value)
    if not area.variance:
        # Nothing varies: an exact bound on how many of the smaller side may still have been missed.
        missed = 1 - (1 - confidence) ** (1 / min(members, others))
        low, high = min(low, max(0.0, area.value - missed)), max(high, min(1.0, area.value + missed))
    return low, high


def variance_if(t: float, area: Area, members: int, others: int) -> float:
    """Return the variance of an area as the interval takes it to be if the true value is t: the model's, times the factor.

    At 0 and at 1, where the model has none, it is that of half a pair of records away from there.
    """
    return _correction(area, members, others) * _model(_within(t, members, others), members, others)


def degrees(area: Area, members: int, others: int) -> float:
    """Return Welch's degrees of freedom of an area."""
    if not area.variance:
        return float(min(members, others) - 1)
    return area.variance**2 / (area.of_members**2 / (members - 1) + area.of_others**2 / (others - 1))


def _correction(area: Area, members: int, others: int) -> float:
    """Return DeLong's variance over the model's, drawn towards 1 as if four more records were wrongly ordered."""
    inner = _within(area.value, members, others)
    expected = _model(inner, members, others)
    wrong = inner * (1 - inner) / expected * min(inner, 1 - inner)
    return (area.variance / expected * wrong + PRIOR) / (wrong + PRIOR)


def _within(t: float, members: int, others: int) -> float:
    step = 0.5 / (members * others)
    return min(max(t, step), 1 - step)


def _model(t: float, members: int, others: int) -> float:
    """Return the variance of an area whose true value is t, if scores are distributed exponentially or nearly so."""
    more = (members + others) / 2 - 1
    return t * (1 - t) * (1 + more * ((1 - t) / (2 - t) + t / (1 + t))) / (members * others)


def _end(beyond: Callable[[float], float], edge: float, value: float) -> float:
    """Return the end of the interval between a value and the edge of the range, where the variance is 0."""
    if value == edge:
        return edge
    # At the edge itself every other value is beyond, and the value never is.
    return float(optimize.brentq(beyond, edge, value, xtol=1e-12))
