"""Metrics over per-record scores: ROC, AUC, TPR at low FPR, and figures at the attack's own cut, with intervals.

Scores are float64, higher means member. Records with equal scores are told apart by nobody: they stand in one group, and the
ROC is a staircase over groups, never interpolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Metric:
    """The figure of an attack with another goal than membership, or of an audit: its name, value and 95 % interval.

    A figure that is itself the end of an interval has no `ci`. `chance` is what one reaches who learns nothing from the target,
    and is what a power test must beat; `details` are further figures by name.
    """

    name: str
    value: float
    ci: Interval | None
    chance: float
    details: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the metric as plain data."""
        ci = list(self.ci) if self.ci else None
        return {"name": self.name, "value": self.value, "ci": ci, "chance": self.chance, "details": self.details}


def share(name: str, hits: NDArray[np.bool_], chance: float, **details: float) -> Metric:
    """Return the share of hits (n,) as a metric, with its exact binomial interval."""
    return Metric(name, float(hits.mean()), binomial_interval(int(hits.sum()), len(hits)), chance, details)


def advantage(name: str, hits: Truth, member: Truth, **details: float) -> Metric:
    """Return the share of hits (n,) among members less that among others, with its normal interval; 0 is chance."""
    inside, outside = hits[member], hits[~member]
    shares = [(float(side.mean()), len(side)) for side in (inside, outside)]
    found = shares[0][0] - shares[1][0]
    # One half of a hit is added to either side, so that no share of 0 or 1 claims certainty.
    spread = math.sqrt(sum((s := (p * n + 0.5) / (n + 1)) * (1 - s) / n for p, n in shares))
    half_width = float(stats.norm.ppf(0.975)) * spread
    interval = (max(-1.0, found - half_width), min(1.0, found + half_width))
    return Metric(name, found, interval, 0.0, {"members": shares[0][0], "others": shares[1][0], **details})


def rank_correlation(name: str, first: Scores, second: Scores, **details: float) -> Metric:
    """Return Spearman's rank correlation of two figures (n,) of the same records, with its interval; 0 is chance.

    Ties share their mean rank. A figure that is the same for all records ranks none, so its correlation is 0. The interval is
    normal on Fisher's z scale, with the variance of Bonett & Wright 2000, (1 + r^2 / 2) / (n - 3). Raises ValueError for fewer
    than four records.
    """
    count = len(first)
    if count < 4:
        raise ValueError(f"a rank correlation with an interval needs at least four records (found {count})")
    constant = bool((first == first[0]).all() or (second == second[0]).all())
    found = 0.0 if constant else float(stats.spearmanr(first, second).statistic)
    # Fisher's z of a perfect correlation is infinite; one swap of two neighbours is as near to it as an interval needs to come.
    nearest = 1 - 12 / (count * (count**2 - 1))
    z = math.atanh(max(-nearest, min(nearest, found)))
    half_width = float(stats.norm.ppf(0.975)) * math.sqrt((1 + found**2 / 2) / (count - 3))
    interval = (math.tanh(z - half_width), math.tanh(z + half_width))
    return Metric(name, found, interval, 0.0, details)


FALSE_POSITIVE_RATES = (0.001, 0.01)


@dataclass(frozen=True)
class Roc:
    """ROC over groups of equal scores: rates after taking in each group, from the highest score down. Starts at (0, 0)."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    threshold: NDArray[np.float64]


def roc(score: Scores, member: Truth) -> Roc:
    """Return the ROC of scores (n,) against the truth (n,)."""
    order = np.argsort(-score, kind="stable")
    ordered, truth = score[order], member[order]
    last_of_group = np.append(np.nonzero(np.diff(ordered))[0], len(ordered) - 1)
    true_positives = np.cumsum(truth)[last_of_group]
    false_positives = np.cumsum(~truth)[last_of_group]
    return Roc(
        np.concatenate([[0.0], false_positives / max(1, int((~member).sum()))]),
        np.concatenate([[0.0], true_positives / max(1, int(member.sum()))]),
        np.concatenate([[np.inf], ordered[last_of_group]]),
    )


def auc(score: Scores, member: Truth) -> float:
    """Return the area under the ROC: the probability that a member outscores a non-member, ties counted half."""
    return _placements(score, member)[0]


def auc_variance(score: Scores, member: Truth) -> float:
    """Return the variance of the AUC (DeLong et al. 1988, by midranks as in Sun & Xu 2014)."""
    _, of_members, of_others = _placements(score, member)
    return float(np.var(of_members, ddof=1) / len(of_members) + np.var(of_others, ddof=1) / len(of_others))


def auc_difference_error(first: Scores, second: Scores, member: Truth) -> float:
    """Return the standard error of the difference of two AUCs on the same records (DeLong et al. 1988, correlated curves)."""
    _, members_of_first, others_of_first = _placements(first, member)
    _, members_of_second, others_of_second = _placements(second, member)
    inside, outside = members_of_first - members_of_second, others_of_first - others_of_second
    return math.sqrt(float(np.var(inside, ddof=1) / len(inside) + np.var(outside, ddof=1) / len(outside)))


def auc_interval(score: Scores, member: Truth, confidence: float = 0.95) -> Interval:
    """Return the AUC's interval, normal on the logit scale, so that it stays within [0, 1]."""
    area, variance = auc(score, member), auc_variance(score, member)
    if variance == 0 or not 0 < area < 1:
        # All members above all others, or all below: the variance is estimated as 0, which
        # would claim certainty; an exact bound on the smaller side does not.
        slack = 1 - (1 - confidence) ** (1 / min(int(member.sum()), int((~member).sum())))
        return (max(0.0, area - slack), min(1.0, area + slack))
    z = stats.norm.ppf((1 + confidence) / 2)
    logit, spread = math.log(area / (1 - area)), math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(logit + sign * z * spread))) for sign in (-1, 1))
    return low, high


def _placements(score: Scores, member: Truth) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the AUC, and for each member and each non-member the share of the other side that it beats."""
    inside, outside = score[member], score[~member]
    m, n = len(inside), len(outside)
    if m < 2 or n < 2:
        raise ValueError(f"an AUC needs at least two members and two non-members (found {m} and {n})")
    everyone = stats.rankdata(np.concatenate([inside, outside]))
    of_members = (everyone[:m] - stats.rankdata(inside)) / n
    of_others = 1 - (everyone[m:] - stats.rankdata(outside)) / m
    return float(of_members.mean()), of_members, of_others


def tpr_at_fpr(score: Scores, member: Truth, rate: float) -> float:
    """Return the highest true positive rate of a threshold whose false positive rate is at most `rate`."""
    curve = roc(score, member)
    return float(curve.true_positive_rate[curve.false_positive_rate <= rate].max())


def binomial_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a proportion (Clopper & Pearson 1934)."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    return low, high


def summarize(score: Scores, member: Truth, cut: float | None) -> dict[str, Any]:
    """Return every figure of one attack as plain data; what cannot be resolved is None, with the reason."""
    members, others = int(member.sum()), int((~member).sum())
    result: dict[str, Any] = {
        "members": members,
        "non_members": others,
        "auc": auc(score, member),
        "auc_ci": list(auc_interval(score, member)),
        "auc_se": math.sqrt(auc_variance(score, member)),
        "tpr_at_fpr": {},
        "tpr_at_fpr_ci": {},
        "unresolved": {},
        "warnings": [],
    }
    for rate in FALSE_POSITIVE_RATES:
        name = f"{rate:g}"
        if rate * others < 1 - 1e-9:
            result["tpr_at_fpr"][name] = result["tpr_at_fpr_ci"][name] = None
            result["unresolved"][name] = f"{others:,} non-members cannot resolve a false positive rate of {rate:.1%}"
            continue
        found = tpr_at_fpr(score, member, rate)
        result["tpr_at_fpr"][name] = found
        result["tpr_at_fpr_ci"][name] = list(binomial_interval(round(found * members), members))
        tied = tie_across(score, member, rate)
        if tied > rate:
            result["warnings"].append(
                f"{tied:.1%} of the non-members share one score where the FPR passes {rate:.1%}: ties decide this TPR"
            )
    result.update(at_cut(score, member, cut))
    curve = roc(score, member)
    result["best_balanced_accuracy"] = float(((curve.true_positive_rate + 1 - curve.false_positive_rate) / 2).max())
    return result


def tie_across(score: Scores, member: Truth, rate: float) -> float:
    """Return the share of non-members in the group of equal scores that takes the ROC past this false positive rate."""
    steps = roc(score, member).false_positive_rate
    beyond = int(np.searchsorted(steps, rate, side="right"))
    return float(steps[beyond] - steps[beyond - 1]) if beyond < len(steps) else 0.0


def at_cut(score: Scores, member: Truth, cut: float | None) -> dict[str, Any]:
    """Return the figures at the attack's own decision point (member if score >= cut); None if it has none."""
    names = ("cut", "balanced_accuracy", "balanced_accuracy_ci", "tpr", "tpr_ci", "fpr", "fpr_ci", "precision", "precision_ci")
    if cut is None:
        return dict.fromkeys(names)
    guess = score >= cut
    hits, alarms = int((guess & member).sum()), int((guess & ~member).sum())
    members, others = int(member.sum()), int((~member).sum())
    tpr, fpr = hits / members, alarms / others
    balanced = (tpr + 1 - fpr) / 2
    half_width = stats.norm.ppf(0.975) * math.sqrt(tpr * (1 - tpr) / members + fpr * (1 - fpr) / others) / 2
    return {
        "cut": cut,
        "balanced_accuracy": balanced,
        "balanced_accuracy_ci": [max(0.0, balanced - half_width), min(1.0, balanced + half_width)],
        "tpr": tpr,
        "tpr_ci": list(binomial_interval(hits, members)),
        "fpr": fpr,
        "fpr_ci": list(binomial_interval(alarms, others)),
        "precision": hits / (hits + alarms) if hits + alarms else None,
        "precision_ci": list(binomial_interval(hits, hits + alarms)) if hits + alarms else None,
    }
