"""How well scores rank members above non-members: ROC, AUC and its variance, TPR at low FPR.

Scores are float64, higher means member. Records with equal scores, equal infinities among them, are told apart by nobody: they
stand in one group, and the ROC is a staircase over groups, never interpolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Roc:
    """ROC over groups of equal scores: what is taken in down to each group, from the highest score on. Starts with nothing.

    `hits` counts members and `alarms` non-members, int64; `threshold` is the score of the group, float64, +inf at the start.
    """

    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]
    threshold: NDArray[np.float64]

    @property
    def members(self) -> int:
        """How many members there are."""
        return int(self.hits[-1])

    @property
    def others(self) -> int:
        """How many non-members there are."""
        return int(self.alarms[-1])

    @property
    def true_positive_rate(self) -> NDArray[np.float64]:
        """The share of members that is taken in."""
        return self.hits / max(1, self.members)

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        """The share of non-members that is taken in."""
        return self.alarms / max(1, self.others)

    def within(self, rate: float) -> int:
        """Return the last step whose false positive rate is at most `rate`."""
        return int(np.searchsorted(self.alarms, rate * self.others + 1e-9, side="right")) - 1


def roc(score: Scores, member: Truth) -> Roc:
    """Return the ROC of scores (n,) against the truth (n,)."""
    order = np.argsort(-score, kind="stable")
    ordered, truth = score[order], member[order]
    last = last_of_groups(ordered)
    start = np.zeros(1, dtype=np.int64)
    hits = np.concatenate([start, np.cumsum(truth)[last]])
    return Roc(hits, np.concatenate([start, last + 1 - hits[1:]]), np.concatenate([[np.inf], ordered[last]]))


def last_of_groups(ordered: Scores) -> NDArray[np.int64]:
    """Return where each group of equal scores ends in sorted scores (n,). Infinities have no difference, but are equal."""
    return np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)


@dataclass(frozen=True)
class Area:
    """Area under a ROC, and the two parts of its variance (DeLong et al. 1988): that of members and that of non-members."""

    value: float
    of_members: float
    of_others: float

    @property
    def variance(self) -> float:
        """The variance of the area."""
        return self.of_members + self.of_others


def area(curve: Roc) -> Area:
    """Return the area under a ROC, ties counted half. Raises ValueError for fewer than two members or two non-members."""
    m, n = curve.members, curve.others
    _check(m, n)
    hits, alarms = np.diff(curve.hits), np.diff(curve.alarms)
    # What share of the other side a member of each group is above, and a non-member below; equal scores count half.
    above = 1 - (curve.alarms[:-1] + alarms / 2) / n
    below = (curve.hits[:-1] + hits / 2) / m
    value = float(hits @ above / m)
    spread = [float(count @ (share - value) ** 2) / (k - 1) / k for count, share, k in ((hits, above, m), (alarms, below, n))]
    return Area(value, *spread)


def auc(score: Scores, member: Truth) -> float:
    """Return the area under the ROC: the probability that a member outscores a non-member, ties counted half."""
    return area(roc(score, member)).value


def auc_variance(score: Scores, member: Truth) -> float:
    """Return the variance of the AUC (DeLong et al. 1988)."""
    return area(roc(score, member)).variance


def auc_difference_error(first: Scores, second: Scores, member: Truth) -> float:
    """Return the standard error of the difference of two AUCs on the same records (DeLong et al. 1988, correlated curves)."""
    members_of_first, others_of_first = _placements(first, member)
    members_of_second, others_of_second = _placements(second, member)
    inside, outside = members_of_first - members_of_second, others_of_first - others_of_second
    return math.sqrt(float(np.var(inside, ddof=1) / len(inside) + np.var(outside, ddof=1) / len(outside)))


def _placements(score: Scores, member: Truth) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of non-members that each member beats, and the share of members that beats each non-member."""
    from scipy import stats

    inside, outside = score[member], score[~member]
    m, n = len(inside), len(outside)
    _check(m, n)
    everyone = stats.rankdata(np.concatenate([inside, outside]))
    return (everyone[:m] - stats.rankdata(inside)) / n, 1 - (everyone[m:] - stats.rankdata(outside)) / m


def _check(members: int, others: int) -> None:
    if members < 2 or others < 2:
        raise ValueError(f"an AUC needs at least two members and two non-members (found {members} and {others})")


def tpr_at_fpr(score: Scores, member: Truth, rate: float) -> float:
    """Return the highest true positive rate of a threshold whose false positive rate is at most `rate`."""
    curve = roc(score, member)
    return float(curve.true_positive_rate[curve.within(rate)])


def tie_across(score: Scores, member: Truth, rate: float) -> float:
    """Return the share of non-members in the group of equal scores that takes the ROC past this false positive rate."""
    return tied_across(roc(score, member), rate)


def tied_across(curve: Roc, rate: float) -> float:
    """Return the share of non-members in the step of a ROC that takes it past this false positive rate."""
    steps, beyond = curve.false_positive_rate, curve.within(rate) + 1
    return float(steps[beyond] - steps[beyond - 1]) if beyond < len(steps) else 0.0
