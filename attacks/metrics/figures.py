"""Figures of attacks as plain data, with their intervals: of membership from scores and the truth, of other goals from judges.

What ranks (ROC, AUC, TPR at low FPR) is in `attacks.metrics.ranking`, intervals are in files of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.metrics import area_interval, rate_interval
from attacks.metrics.correlation import spearman
from attacks.metrics.intervals import Interval, binomial_interval, difference_interval, precision_interval
from attacks.metrics.ranking import (
    Scores,
    Truth,
    area,
    roc,
    tied_across,
)

FALSE_POSITIVE_RATES = (0.001, 0.01)
# Where a share can lie, and where a difference of shares or a correlation can.
SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)


@dataclass(frozen=True)
class Metric:
    """The figure of an attack with another goal than membership, or of an audit: its name, value and 95 % interval.

    A figure that is itself the end of an interval has no `ci`. `chance` is what one reaches who learns nothing from the target,
    and is what a power test must beat; `range` is where the figure can lie; `details` are further figures by name.
    """

    name: str
    value: float
    ci: Interval | None
    chance: float
    details: dict[str, float] = field(default_factory=dict)
    range: tuple[float, float] | None = SHARE

    def as_json(self) -> dict[str, Any]:
        """Return the metric as plain data."""
        ci, limits = (list(pair) if pair else None for pair in (self.ci, self.range))
        return {"name": self.name, "value": self.value, "ci": ci, "chance": self.chance, "range": limits, "details": self.details}


def share(name: str, hits: NDArray[np.bool_], chance: float, **details: float) -> Metric:
    """Return the share of hits (n,) as a metric, with its exact binomial interval."""
    return Metric(name, float(hits.mean()), binomial_interval(int(hits.sum()), len(hits)), chance, details)


def advantage(name: str, hits: Truth, member: Truth, **details: float) -> Metric:
    """Return the share of hits (n,) among members less that among others, with its interval; 0 is chance."""
    inside, outside = hits[member], hits[~member]
    shares = {"members": float(inside.mean()), "others": float(outside.mean())}
    interval = difference_interval(int(inside.sum()), len(inside), int(outside.sum()), len(outside))
    return Metric(name, shares["members"] - shares["others"], interval, 0.0, {**shares, **details}, DIFFERENCE)


def rank_correlation(name: str, first: Scores, second: Scores, **details: float) -> Metric:
    """Return Spearman's rank correlation of two figures (n,) of the same records, with its interval; 0 is chance.

    Raises ValueError for fewer than four records.
    """
    found, interval = spearman(first, second)
    return Metric(name, found, interval, 0.0, details, DIFFERENCE)


def auc_interval(score: Scores, member: Truth, confidence: float = 0.95) -> Interval:
    """Return the interval of the AUC (`attacks.metrics.area_interval`)."""
    curve = roc(score, member)
    return area_interval.of_area(area(curve), curve.members, curve.others, confidence)


def summarize(score: Scores, member: Truth, cut: float | None) -> dict[str, Any]:
    """Return every figure of one attack as plain data; what cannot be resolved is None, with the reason.

    `tpr_at_fpr` is the field's estimate, the largest rate of a threshold whose FPR on the sample is at most that. This choice
    flatters (`rate_interval.true_rate`); with normal scores it is 6 to 20 % too high at 1 % with 400 non-members, 30 to 80 % at
    0.1 % with 1,000. `tpr_at_fpr_ci` is about the true rate at the true FPR, and `tpr_at_fpr_middle` is what that is as likely
    above as below.
    """
    curve = roc(score, member)
    members, others, found = curve.members, curve.others, area(curve)
    result: dict[str, Any] = {
        "members": members,
        "non_members": others,
        "auc": found.value,
        "auc_ci": list(area_interval.of_area(found, members, others)),
        "auc_se": math.sqrt(found.variance),
        "tpr_at_fpr": {},
        "tpr_at_fpr_ci": {},
        "tpr_at_fpr_middle": {},
        "unresolved": {},
        "warnings": [],
    }
    for rate in FALSE_POSITIVE_RATES:
        name = f"{rate:g}"
        if reason := unresolved(others, rate):
            result["tpr_at_fpr"][name] = result["tpr_at_fpr_ci"][name] = result["tpr_at_fpr_middle"][name] = None
            result["unresolved"][name] = reason
            continue
        interval = rate_interval.of_rate(curve, rate)
        result["tpr_at_fpr"][name] = float(curve.true_positive_rate[curve.within(rate)])
        result["tpr_at_fpr_ci"][name] = list(interval.ends)
        result["tpr_at_fpr_middle"][name] = interval.middle
        tied = tied_across(curve, rate)
        if tied > rate:
            result["warnings"].append(
                f"{tied:.1%} of the non-members share one score where the FPR passes {rate:.1%}: ties decide this TPR"
            )
    result.update(at_cut(score, member, cut))
    result["best_balanced_accuracy"] = float(((curve.true_positive_rate + 1 - curve.false_positive_rate) / 2).max())
    return result


def unresolved(others: int, rate: float) -> str | None:
    """Return why so many non-members cannot resolve a false positive rate; None if they can."""
    if rate * others >= 1 - 1e-9:
        return None
    return f"{others:,} non-members cannot resolve a false positive rate of {rate:.{1 if rate >= 0.001 else 2}%}"


def at_cut(score: Scores, member: Truth, cut: float | None) -> dict[str, Any]:
    """Return the figures at the attack's own decision point (member if score >= cut); None if it has none."""
    names = ("cut", "balanced_accuracy", "balanced_accuracy_ci", "tpr", "tpr_ci", "fpr", "fpr_ci", "precision", "precision_ci")
    if cut is None:
        return dict.fromkeys(names)
    guess = score >= cut
    hits, alarms = int((guess & member).sum()), int((guess & ~member).sum())
    members, others = int(member.sum()), int((~member).sum())
    tpr, fpr = hits / members, alarms / others
    counts = (hits, members, alarms, others)
    return {
        "cut": cut,
        "balanced_accuracy": (tpr + 1 - fpr) / 2,
        "balanced_accuracy_ci": [(1 + end) / 2 for end in difference_interval(*counts)],
        "tpr": tpr,
        "tpr_ci": list(binomial_interval(hits, members)),
        "fpr": fpr,
        "fpr_ci": list(binomial_interval(alarms, others)),
        "precision": hits / (hits + alarms) if hits + alarms else None,
        "precision_ci": list(precision_interval(*counts)) if hits + alarms else None,
    }
