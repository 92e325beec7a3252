"""What a proven guarantee of differential privacy says of an attack: no wall, but a bound on its true positive rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from taxonomy.entries import Attack, Guarantee
from taxonomy.priors import precision

FALSE_POSITIVE_RATES = (0.01, 0.001)
# What one candidate of an attack is, where it is more than one record: the term by which its entry says so.
OWNER_RECORDS = "record.owner-records"
# What shows records themselves, or what was computed from them before any noise: a guarantee of the trained model says nothing
# of records that lie in its file, of a store that is searched beside it, or of uploads as their server sees them.
OUTSIDE = ("M1.stored-records", "M1.updates", "Q.retrieval")


def bound(guarantee: Guarantee, fpr: float) -> float:
    """Return the largest true positive rate at a false positive rate: e^epsilon * FPR + delta, at most 1.

    It is the definition of differential privacy (Dwork and Roth 2014, Definition 2.4), for the event that a record is accused.
    """
    if guarantee.epsilon > -math.log(fpr):  # the bound is above 1, and e^epsilon may be too large for a float
        return 1.0
    return min(1.0, math.exp(guarantee.epsilon) * fpr + guarantee.delta)


def largest_auc(epsilon: float, delta: float) -> float:
    """Return the largest AUC under a guarantee: 1 - (1 - delta)^2 / (1 + e^epsilon).

    It is the area under the bound on the TPR at every FPR, and under the same bound for the event that a record is cleared, by
    which a TPR is at most 1 - e^-epsilon (1 - delta - FPR).
    """
    return 1 - (1 - delta) ** 2 * math.exp(-epsilon) / (1 + math.exp(-epsilon))


def least_epsilon(auc: float, tpr_at_fpr: Mapping[float, float], delta: float) -> float:
    """Return the smallest epsilon under which an AUC, and true positive rates at false positive rates, are possible.

    With the lower ends of intervals that is a lower bound on what training kept, at their confidence; 0 where they say nothing.
    """
    found = [0.0]
    if auc < 1:
        found.append(math.log(max(1.0, (1 - delta) ** 2 / (1 - auc) - 1)))
    else:
        found.append(math.inf)
    return max([*found, *(math.log(max(1.0, (tpr - delta) / fpr)) for fpr, tpr in tpr_at_fpr.items())])


def holds(guarantee: Guarantee, attack: Attack) -> bool:
    """Whether the guarantee bounds what an attack says of one candidate.

    It bounds membership alone, in what is learned from the trained model. Who protects all data of a user protects each record;
    who protects records or sequences says nothing so strong of a user who has several.
    """
    inside = not set(OUTSIDE).intersection(attack.needs)
    return attack.goal == "membership" and inside and (guarantee.protects == "user" or OWNER_RECORDS not in attack.needs)


def as_json(guarantee: Guarantee, attack: Attack, prior: float | None = None) -> dict[str, Any]:
    """Return what the guarantee says of an attack as plain data; what is `at_most` is None where it does not bound the attack.

    Where the share of members is stated, the bound on the true positive rate is one on how many accusations are right.
    """
    bounds = {f"{fpr:g}": bound(guarantee, fpr) for fpr in FALSE_POSITIVE_RATES}
    right = {name: precision(most, float(name), prior) for name, most in bounds.items()} if prior is not None else None
    held = holds(guarantee, attack)
    return {
        **guarantee.model_dump(mode="json"),
        "tpr_at_most": bounds if held else None,
        **({"precision_at_most": right if held else None} if prior is not None else {}),
    }
