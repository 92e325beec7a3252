"""Attacks that steady what few shadow models tell of one record with a prior that all records share."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from attacks.handles import AttackError, Records, ReferenceModels, ScoreOracle, ShadowModels
from attacks.models import signals

PREDICTIVES = ("student-t", "normal")
# Weight of the prior's mean, in records, as the author's code has it.
WEIGHT = 1.0


class _Normals(NamedTuple):
    """A normal-inverse-gamma distribution of mean and variance, for each record, and the plain mean of what was seen of it."""

    mean: Tensor
    weight: Tensor
    shape: Tensor
    scale: Tensor
    seen: Tensor


def infer(records: Records, scores: ScoreOracle, shadow_models: ShadowModels, *, predictive: str = "student-t") -> Tensor:
    """Log-likelihood ratio of "in" against "out" for each record, float64 (n,).

    Brannvall 2026 (BaVarIA): as LiRA, but mean and variance of a record's margins have a conjugate prior, normal-inverse-gamma,
    whose mean and variance are those of all margins of that side. `student-t` is the predictive distribution that follows;
    `normal` takes the plain mean and the expected variance. Formulas and constants are those of the author's code
    (github.com/rickardbrannvall/exponential-family-mia); of the paper itself only the abstract could be read.
    """
    target = signals.margin(scores(records.x), records.label)
    margins = shadow_models.signal(signals.margin)
    inside = shadow_models.trained_on
    log_in, log_out = (
        _log_density(target, _posterior(_prior(margins[side], predictive), margins, side), predictive)
        for side in (inside, ~inside)
    )
    return log_in - log_out


def infer_offline(
    records: Records, scores: ScoreOracle, reference_models: ReferenceModels, *, predictive: str = "student-t"
) -> Tensor:
    """As `infer`, with nothing known of a record on the side of "in" but the prior, float64 (n,).

    Brannvall 2026 (BaVarIA, offline): the prior of "in" has mean and variance of the margins that the reference models have on
    their own training records, whichever these are.
    """
    target = signals.margin(scores(records.x), records.label)
    outside = reference_models.signal(signals.margin, records.x, records.label)
    prior = _prior(reference_models.member_signal(signals.margin), predictive)
    log_in = _log_density(target, _Normals(*(part.expand(len(target)) for part in prior)), predictive)
    posterior = _posterior(_prior(outside.flatten(), predictive), outside, torch.ones_like(outside, dtype=torch.bool))
    return log_in - _log_density(target, posterior, predictive)


def _prior(margins: Tensor, predictive: str) -> _Normals:
    """Return the prior that matches mean and variance of `margins` (n,), with parts of shape ()."""
    if predictive not in PREDICTIVES:
        raise AttackError(f"predictive is one of {', '.join(PREDICTIVES)} (found {predictive})")
    if len(margins) < 2:
        raise AttackError("no model is on this side of any record; train at least two shadow models")
    # With shape 2 the expected variance, scale / (shape - 1), is that of the margins; with shape 1 there is none yet, and the
    # scale stands for it until a first margin is seen.
    shape = 2.0 if predictive == "student-t" else 1.0
    mean, variance = margins.mean(), margins.var(correction=0).clamp(min=1e-12)
    return _Normals(mean, torch.full_like(mean, WEIGHT), torch.full_like(mean, shape), variance, mean)


def _posterior(prior: _Normals, margins: Tensor, known: Tensor) -> _Normals:
    """Return what the prior becomes by the known among `margins` (models, records), with parts of shape (records,)."""
    count = known.sum(dim=0).double()
    seen = torch.where(count > 0, torch.where(known, margins, 0.0).sum(dim=0) / count.clamp(min=1), prior.mean)
    squares = torch.where(known, (margins - seen) ** 2, 0.0).sum(dim=0)
    weight = prior.weight + count
    mean = (prior.weight * prior.mean + count * seen) / weight
    scale = prior.scale + squares / 2 + prior.weight * count * (seen - prior.mean) ** 2 / (2 * weight)
    return _Normals(mean, weight, prior.shape + count / 2, scale, seen)


def _log_density(value: Tensor, at: _Normals, predictive: str) -> Tensor:
    if predictive == "student-t":
        spread = (at.scale * (at.weight + 1) / (at.shape * at.weight)).sqrt()
        log_density: Tensor = torch.distributions.StudentT(2 * at.shape, at.mean, spread).log_prob(value)
        return log_density
    variance = torch.where(at.shape > 1, at.scale / (at.shape - 1).clamp(min=1e-12), at.scale)
    return -0.5 * (value - at.seen) ** 2 / variance - 0.5 * variance.log()
