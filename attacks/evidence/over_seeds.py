"""Figures of one attack over seeds: its AUC, and its true positive rates at fixed false positive rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attacks.evidence.averages import average
from taxonomy.figures import Average

Results = Sequence[Mapping[str, Any]]


def area(results: Results) -> Average:
    """Return the mean AUC of results, one a seed."""
    return average([r["auc"] for r in results], [r["auc_ci"] for r in results])


def rates(results: Results) -> dict[str, Average | None]:
    """Return the mean TPR at each FPR; None where the records of a seed cannot resolve it."""
    found = dict[str, Average | None]()
    for rate in results[0]["tpr_at_fpr"]:
        values, ends, middles = (
            [r[name][rate] for r in results] for name in ("tpr_at_fpr", "tpr_at_fpr_ci", "tpr_at_fpr_middle")
        )
        found[rate] = None if None in values else average(values, ends, middles=middles)
    return found
