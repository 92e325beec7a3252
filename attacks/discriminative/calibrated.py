"""Attacks that calibrate one signal for each record, with models whose members are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from attacks import signals
from attacks.handles import AttackError, Records, ReferenceModels, ScoreOracle, ShadowModels


def lira(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    *,
    per_record_variance_from: int = 64,
) -> Tensor:
    """Log-likelihood ratio of "in" against "out" for each record, float64 (n,).

    Carlini et al. 2022, Algorithm 1: normal distributions are fitted to the margins of the shadow models that were trained on
    the record and of those that were not. With fewer than `per_record_variance_from` shadow models one variance is shared by
    all records, for each side from that side's own residuals (Section VI-C).
    """
    target = signals.margin(scores(records.x), records.label)
    shadow = shadow_models.signal(signals.margin)
    inside = shadow_models.trained_on
    mean_in, sd_in = _normal(shadow.masked_fill(~inside, torch.nan), per_record_variance_from)
    mean_out, sd_out = _normal(shadow.masked_fill(inside, torch.nan), per_record_variance_from)
    return _log_density(target, mean_in, sd_in) - _log_density(target, mean_out, sd_out)


def lira_offline(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    per_record_variance_from: int = 64,
) -> Tensor:
    """How far the target's margin lies above those of models without the record, in standard deviations, float64 (n,).

    Carlini et al. 2022, equation 4: one-sided, so a margin far *below* the models without the record is no sign of
    membership. The probability that the paper names is an increasing function of this score, but rounds to ties.
    """
    target = signals.margin(scores(records.x), records.label)
    mean_out, sd_out = _normal(reference_models.signal(signals.margin), per_record_variance_from)
    return (target - mean_out) / sd_out


def rmia(records: Records, scores: ScoreOracle, shadow_models: ShadowModels, *, temperature: float = 1.0) -> Tensor:
    """Log-ratio of the target's confidence to the mean confidence of models with and without the record, float64 (n,).

    Zarifzadeh et al. 2024, Section 3: p(x|target) / p(x), where p(x) averages over as many models with the record as without.
    """
    confidence = _log_confidence_at(temperature)
    target = confidence(scores(records.x), records.label)
    shadow = shadow_models.signal(confidence)
    inside = shadow_models.trained_on
    mean_in = _log_mean(shadow.masked_fill(~inside, torch.nan))
    mean_out = _log_mean(shadow.masked_fill(inside, torch.nan))
    return target - (torch.logaddexp(mean_in, mean_out) - math.log(2))


def rmia_offline(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    temperature: float = 1.0,
    slope: float = 0.3,
) -> Tensor:
    """As `rmia`, with p(x) estimated from the models without the record, float64 (n,).

    Zarifzadeh et al. 2024, Appendix B.2.2: p(x) = ((1 + a) p_out(x) + (1 - a)) / 2, where a is the `slope`.
    """
    confidence = _log_confidence_at(temperature)
    target = confidence(scores(records.x), records.label)
    mean_out = _log_mean(reference_models.signal(confidence))
    estimate = ((1 + slope) * mean_out.exp() + (1 - slope)) / 2
    return target - estimate.log()


def _log_confidence_at(temperature: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda log_probs, label: signals.log_confidence(signals.tempered(log_probs, temperature), label)


def _normal(values: Tensor, per_record_variance_from: int) -> tuple[Tensor, Tensor]:
    """Return mean (records,) and standard deviation (records,) or () of `values` (models, records), without the NaNs.

    A record that has no value at all takes the mean over all records.
    """
    known = ~values.isnan()
    if not known.any():
        raise AttackError("no model is on this side of any record; train at least two shadow models")
    mean = values.nanmean(dim=0)
    mean = torch.where(mean.isnan(), mean.nanmean(), mean)
    squares = torch.where(known, (values - mean) ** 2, 0.0)
    counts = known.sum(dim=0)
    if len(values) >= per_record_variance_from:
        variance = squares.sum(dim=0) / (counts - 1).clamp(min=1)
    else:
        # One degree of freedom a record is spent on its mean.
        variance = squares.sum() / (counts - 1).clamp(min=0).sum().clamp(min=1)
    # Two models that agree to the last bit must not divide by zero; no real margin is known to a millionth.
    return mean, variance.sqrt().clamp(min=1e-6)


def _log_density(value: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    return -0.5 * ((value - mean) / sd) ** 2 - sd.log()


def _log_mean(log_values: Tensor) -> Tensor:
    """Log of the mean over models of exp(log_values), (models, records) -> (records,), without the NaNs."""
    known = ~log_values.isnan()
    total = torch.logsumexp(log_values.masked_fill(~known, float("-inf")), dim=0)
    mean = total - known.sum(dim=0).log()
    if not known.any():
        raise AttackError("no model is on this side of any record; train at least two shadow models")
    return torch.where(known.any(dim=0), mean, torch.logsumexp(mean[known.any(dim=0)], 0) - known.any(dim=0).sum().log())
