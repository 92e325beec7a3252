"""How often an accusation is right: the positive predictive value, which hangs on how many of all people are members.

The precision that a run counts is that of its own records, of which half may be members. In the world it may be one in a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PRIORS = (0.01, 0.1, 0.5)


def summarize(figures: Mapping[str, Any], priors: Sequence[float] = PRIORS) -> dict[str, Any]:
    """Return the predictive value at each prior and false positive rate, from figures as `figures.summarize` gives them.

    The operating point is a threshold that just the stated rate of non-members is above (`rate_interval`): with the true positive
    rate t at the rate f, a share p t / (p t + (1 - p) f) of those accused are members where p of all are. It grows with t, so
    that the interval of t at f, which knows that the threshold was chosen on a sample, becomes that of the predictive value and
    covers as often. Where non-members share scores, fewer than f may be above the threshold, and the value is higher than said.

    `ppv` is by prior and by rate, `{"0.01": {"0.001": {"value", "ci"}, ...}, ...}`, with None in place of a value where the rate
    was not resolved; `unresolved` has the reason by rate.
    """
    values: dict[str, dict[str, dict[str, Any] | None]] = {}
    for prior in priors:
        of_prior = values[f"{prior:g}"] = {}
        for rate, found in figures["tpr_at_fpr"].items():
            if found is None:
                of_prior[rate] = None
                continue
            low, high = figures["tpr_at_fpr_ci"][rate]
            ci = [predictive_value(end, float(rate), prior) for end in (low, high)]
            of_prior[rate] = {"value": predictive_value(found, float(rate), prior), "ci": ci}
    return {"ppv": values, "unresolved": {rate: figures["unresolved"][rate] for rate in figures["unresolved"]}}


def predictive_value(hits: float, alarms: float, prior: float) -> float:
    """Return which share of those accused are members, from the rates of members and of others, the latter above 0."""
    return prior * hits / (prior * hits + (1 - prior) * alarms)
