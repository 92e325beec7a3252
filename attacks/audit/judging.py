"""What the scores of an audit's attacks are worth: by group, by prior, on a control split, and together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.audit.target import Parts
from attacks.seeds import derive_seed

Scores = Mapping[str, NDArray[np.float64]]


def judged(result: dict[str, Any], scores: Scores, member: NDArray[np.bool_], parts: Parts) -> dict[str, Any]:
    """Return a result of a run with what an audit adds: figures by group, and the predictive value at several priors."""
    score = scores.get(result["attack"])
    if score is None:
        return result
    return {**result}


def control(scores: Scores, member: NDArray[np.bool_], seed: int) -> list[dict[str, Any]]:
    """Return the same attacks' figures on a split of the non-members alone, where none can be better than chance.

    Half of the non-members, drawn by the seed, are called members.
    """
    outside = np.flatnonzero(~member)
    if len(outside) < 4:
        return []
    called = np.random.default_rng(derive_seed(seed, "control")).permutation(len(outside)) < len(outside) // 2
    found = []
    for name in sorted(scores):
        figures = metrics.summarize(scores[name][outside], called, None)
        kept = ("members", "non_members", "auc", "auc_ci", "tpr_at_fpr", "tpr_at_fpr_ci", "unresolved")
        found.append({"attack": name, **{key: figures[key] for key in kept}})
    return found


def ensemble(scores: Scores, member: NDArray[np.bool_], parts: Parts, seed: int) -> dict[str, Any] | None:
    """Return what any of the attacks finds at a total false-positive rate, and which members; None without attacks."""
    return None
