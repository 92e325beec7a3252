"""What the scores of an audit's attacks are worth: by group, by prior, on a control split, and together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks import metrics
from attacks.audit.parts import Parts
from attacks.audit.target import ClassifierParts
from attacks.metrics import ensemble as ensembles
from attacks.metrics import predictive_value, record_alarms
from attacks.metrics.figures import FALSE_POSITIVE_RATES, at_rates
from attacks.metrics.groups import Column, by_group
from attacks.metrics.ranking import roc
from attacks.models import signals
from attacks.seeds import derive_seed
from attacks.targets.target import Target

Scores = Mapping[str, NDArray[np.float64]]
# The lowest rate that an audit speaks of, where non-members are enough for it.
LOWEST = 0.0001


def judged(
    result: dict[str, Any],
    score: NDArray[np.float64] | None,
    member: NDArray[np.bool_],
    columns: list[Column],
    spread: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return a result of a run with what an audit adds: the lowest rate, figures by group, predictive values at priors.

    `spread` is how its figures move when the model is trained anew (attacks/audit/retrained.py), None where that is not told.
    """
    if score is None or "auc" not in result:
        return result
    found = dict(result)
    for key, more in at_rates(roc(score, member), [LOWEST]).items():
        found[key] = {**more, **found[key]}
    found["ppv"] = {**predictive_value.summarize(found)["ppv"], **found.get("ppv", {})}
    found["groups"] = by_group(score, member, columns) if columns else []
    found["seed_spread"] = spread
    if result["auc_ci"][1] < 0.5:
        found["warnings"] = [*result["warnings"], _below_chance(result["auc"], result["models"] > 0)]
    return found


def _below_chance(area: float, trained: bool) -> str:
    """Return what an attack that ranks members below others says, and what it does not; `trained`: it trained models."""
    because = (
        "What it takes for a sign of members holds for the models that it learned from, and not for this one. A guessed network "
        "that hardly overfits, for one, shows no sign at all, and a direction by chance is what is then learned"
        if trained
        else "What it takes for a sign of members is one of the others here"
    )
    return (
        f"it ranks members below others (AUC {area:.3f}), which is no protection: whoever turns its ranking around reaches "
        f"{1 - area:.3f}. {because}"
    )


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


def alarms(parts: Parts, target: Target) -> dict[str, Any] | None:
    """Return how often each record would be accused by models that never saw it; None where there are no such models.

    A record is accused where the probability of its label reaches what 1 % of the target's non-members reach. The models are
    those of the user's training function, or of the references, of which it is known who was trained on what. Only classifiers
    that answer with scores have such models.
    """
    x, member = target.x, target.member.numpy()
    if not isinstance(parts, ClassifierParts) or parts.model.answers != "scores":
        return None
    if parts.members.label is None or (~member).sum() < 100:
        return None
    label = torch.from_numpy(parts.label[parts.order])

    def confidence(log_probs: Tensor) -> NDArray[np.float64]:
        found: NDArray[np.float64] = signals.log_confidence(log_probs, label).numpy()
        return found

    if parts.references is not None and parts.references.own is not None:
        own = parts.references.own
        found = [confidence(own.log_probs(k)) for k in range(len(own))]
        saw = own.trained_on.numpy()
    elif parts.training is not None and parts.training.models:
        models = list(parts.training.models.values())
        found = [confidence(model.log_probs(x)) for model in models]
        saw = np.stack([model.saw(parts.count)[parts.order] for model in models])
    else:
        return None
    curve = roc(confidence(parts.answers.bounded(x)), member)
    # Where so many non-members share the highest score that 1 % cannot be had, it is that score.
    step = max(curve.within(0.01), 1)
    return record_alarms.measure(np.stack(found), saw, float(curve.threshold[step])).as_json()
