"""What the scores of an audit's attacks are worth: by group, by prior, on a control split, and together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.metrics import ensemble as ensembles
from attacks.metrics import predictive_value, record_alarms
from attacks.metrics.figures import FALSE_POSITIVE_RATES, at_rates
from attacks.metrics.groups import Column, by_group
from attacks.metrics.ranking import roc
from attacks.seeds import derive_seed

Scores = Mapping[str, NDArray[np.float64]]
# The lowest rate that an audit speaks of, where non-members are enough for it.
LOWEST = 0.0001


def judged(
    result: dict[str, Any], score: NDArray[np.float64] | None, member: NDArray[np.bool_], columns: list[Column]
) -> dict[str, Any]:
    """Return a result of a run with what an audit adds: the lowest rate, figures by group, predictive values at priors."""
    if score is None or "auc" not in result:
        return result
    found = dict(result)
    for key, more in at_rates(roc(score, member), [LOWEST]).items():
        found[key] = {**more, **found[key]}
    found["ppv"] = predictive_value.summarize(found)["ppv"]
    found["groups"] = by_group(score, member, columns) if columns else []
    return found


def control(scores: Scores, member: NDArray[np.bool_], seed: int) -> list[dict[str, Any]]:
    """Return the same attacks' figures on a split of the non-members alone, where none can be better than chance.

    Half of the non-members, drawn by the seed, are called members.
    """
    outside = np.flatnonzero(~member)
    if len(outside) < 4:
        return []
    called = np.random.default_rng(derive_seed(seed, "control")).permutation(len(outside)) < len(outside) // 2
    kept = ("members", "non_members", "auc", "auc_ci", "tpr_at_fpr", "tpr_at_fpr_ci", "unresolved")
    found = []
    for name in sorted(scores):
        figures = metrics.summarize(scores[name][outside], called, None)
        found.append({"attack": name, **{key: figures[key] for key in kept}})
    return found


def ensemble(scores: Scores, member: NDArray[np.bool_], ids: NDArray[Any], seed: int) -> dict[str, Any] | None:
    """Return what any of the attacks finds at a total false-positive rate, and the members that it finds; None without attacks.

    Members are named by their ids, the most exposed first.
    """
    if not scores:
        return None
    rates = [*FALSE_POSITIVE_RATES, *([LOWEST] if (~member).sum() * LOWEST >= 1 else [])]
    found = ensembles.measure(scores, member, rates, ids=[str(one) for one in ids], seed=derive_seed(seed, "ensemble")).as_json()
    return found | {name: [str(ids[k]) for k in found[name]] for name in ("exposed", "union", "intersection")}


def alarms(
    signal: NDArray[np.float64], trained_on: NDArray[np.bool_], score: NDArray[np.float64], member: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """Return how often each record would be accused by models that never saw it, at the threshold that 1 % of non-members pass.

    `signal` float64 (models, n) is the attack's score of each model in the target's place; None where a rate is not resolved.
    """
    curve = roc(score, member)
    if curve.others * 0.01 < 1 - 1e-9:
        return None
    return record_alarms.measure(signal, trained_on, float(curve.threshold[curve.within(0.01)])).as_json()
