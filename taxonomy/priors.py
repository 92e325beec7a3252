"""What an accusation is worth where members are rare: rates of an attack say nothing of that without the prior."""

from __future__ import annotations


def precision(tpr: float, fpr: float, prior: float) -> float | None:
    """Return the share of accused records that are members, at a share `prior` of members; None where nobody is accused.

    Bayes' rule; the metric is that of Jayaraman et al. 2021. Balanced candidates, of which most papers tell, flatter an attack:
    where one in a thousand is a member, a true positive rate of a half at a false positive rate of 1 % is right about one time
    in twenty.
    """
    right, wrong = prior * tpr, (1 - prior) * fpr
    return right / (right + wrong) if right + wrong > 0 else None
