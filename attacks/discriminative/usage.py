"""How large a share of a set a model was trained on: guesses at its records, each corrected by how often such a guess errs."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from attacks.handles import AttackError, Records, ScoreOracle, ShadowModels, SuspectSets
from attacks.models import signals


def debiased(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    suspect_sets: SuspectSets,
    *,
    temperature: float = 2.0,
) -> Tensor:
    """Estimated share of each set that the target was trained on, float64 (sets,), from 0 to 1.

    Tong et al. 2025 (DUCI), as its authors describe it in Privacy Meter: with g = 1 where a membership attack guesses "member"
    and 0 elsewhere, (g - FPR) / (TPR - FPR) is right on average, and its mean over a set estimates the share. TPR and FPR are
    those of the same guess on models whose members are known. The guess is that of RMIA (`calibrated.rmia`), at the threshold
    that best tells the members of the shadow models; each of these is scored by the others. Raises AttackError where guesses at
    shadow models are no better than chance, or a record is in fewer than two of them, or in all but one.
    """
    log_confidence = partial(signals.log_confidence, temperature=temperature)
    confidence = shadow_models.signal(log_confidence).exp()
    of_target = log_confidence(scores(records.x), records.label).exp()
    inside = shadow_models.trained_on
    if bool((inside.sum(dim=0) < 2).any() or ((~inside).sum(dim=0) < 2).any()):
        raise AttackError("guesses at a shadow model are scored by others: every record must be in two of them, and not in two")
    ratio = confidence / (_mean(confidence, inside) + _mean(confidence, ~inside))
    threshold, hits, alarms = _best(ratio.flatten(), inside.flatten())
    if hits <= alarms:
        raise AttackError("guesses at the members of shadow models are no better than chance, so they cannot be corrected")
    both = sum((confidence * side).sum(dim=0) / side.sum(dim=0) for side in (inside, ~inside))
    guess = (of_target / both >= threshold).double()
    share = ((guess - alarms) / (hits - alarms))[suspect_sets.rows].mean(dim=1)
    return share.clamp(0, 1)


def _mean(values: Tensor, side: Tensor) -> Tensor:
    """Return the mean of values (models, n) over the models of a side (models, n), each model's own left out, (models, n)."""
    total, count = (values * side).sum(dim=0), side.sum(dim=0)
    return (total - values * side) / (count - side.long())


def _best(score: Tensor, member: Tensor) -> tuple[float, float, float]:
    """Return the threshold at which the true positive rate is farthest above the false one, and the two rates there."""
    order = score.argsort(descending=True, stable=True)
    ordered, truth = score[order], member[order]
    hits, alarms = truth.cumsum(0).double() / truth.sum(), (~truth).cumsum(0).double() / (~truth).sum()
    last = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])
    best = int(torch.where(last, hits - alarms, -1.0).argmax())
    return float(ordered[best]), float(hits[best]), float(alarms[best])
