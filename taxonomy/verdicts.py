"""Whether an interval settles a claim: the same words for orderings, factors and statements."""

from __future__ import annotations

from collections.abc import Sequence

from taxonomy.figures import Interval, Verdict


def of_interval(ci: Interval, within: float | None = None, zero: float = 0.0) -> Verdict:
    """Return whether an interval lies above `zero`; or, if it is given, `within` so much of it on both sides."""
    low, high = ci[0] - zero, ci[1] - zero
    if within is None:
        return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"
    if -within <= low and high <= within:
        return "holds"
    return "does not hold" if low > within or high < -within else "undecided"


def of_all(verdicts: Sequence[Verdict]) -> Verdict:
    """Return whether a claim holds that was measured in several places: it does if it holds in each of them.

    It does not if it fails in one of them and holds in none; what holds here and fails there is undecided.
    """
    if all(one == "holds" for one in verdicts):
        return "holds"
    return "does not hold" if "does not hold" in verdicts and "holds" not in verdicts else "undecided"
