"""Attacks that calibrate one signal for each record, with models whose members are known."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import torch
from torch import Tensor

from attacks.discriminative.picture_changes import asked, changes
from attacks.handles import AttackError, Change, Records, ReferenceModels, Scored, ScoreOracle, ShadowModels
from attacks.models import signals
from attacks.models.signals import Signal

# Signals that difficulty calibration can be applied to, as higher means member.
CALIBRATED: dict[str, Signal] = {"loss": signals.log_confidence, "margin": signals.margin}


def lira(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    *,
    per_record_variance_from: int = 64,
    augmentations: int = 1,
) -> Tensor:
    """Log-likelihood ratio of "in" against "out" for each record, float64 (n,).

    Carlini et al. 2022, Algorithm 1: normal distributions are fitted to the margins of the shadow models that were trained on
    the record and of those that were not. With fewer than `per_record_variance_from` shadow models one variance is shared by
    all records, for each side from that side's own residuals (Section VI-C). With `augmentations` the margins of a picture's
    small changes have a multivariate normal distribution (Section VI-B).
    """
    target = _target_signal(records, scores, signals.margin, augmentations)
    shadow = _shadow_signal(records, shadow_models, signals.margin, augmentations)
    inside = shadow_models.trained_on
    if augmentations > 1:
        normal_in, normal_out = (_multivariate_normal(shadow, side, per_record_variance_from) for side in (inside, ~inside))
        log_ratio: Tensor = normal_in.log_prob(target) - normal_out.log_prob(target)
        return log_ratio
    target, shadow = target.squeeze(-1), shadow.squeeze(-1)
    mean_in, sd_in = _normal(shadow, inside, per_record_variance_from)
    mean_out, sd_out = _normal(shadow, ~inside, per_record_variance_from)
    return _log_density(target, mean_in, sd_in) - _log_density(target, mean_out, sd_out)


def lira_offline(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    per_record_variance_from: int = 64,
    augmentations: int = 1,
) -> Tensor:
    """How far the target's margin lies above those of models without the record, in standard deviations, float64 (n,).

    Carlini et al. 2022, equation 4: one-sided, so a margin far *below* the models without the record is no sign of
    membership. The probability that the paper names is an increasing function of this score, but rounds to ties. With
    `augmentations` the mean margin of a picture's small changes is tested, which is normal where they are jointly normal: the
    paper names no one-sided test of several margins.
    """
    target = _target_signal(records, scores, signals.margin, augmentations).mean(dim=-1)
    outside = _reference_signal(records, reference_models, signals.margin, augmentations).mean(dim=-1)
    mean_out, sd_out = _normal(outside, torch.ones_like(outside, dtype=torch.bool), per_record_variance_from)
    return (target - mean_out) / sd_out


def rmia(
    records: Records, scores: ScoreOracle, shadow_models: ShadowModels, *, temperature: float = 2.0, augmentations: int = 1
) -> Tensor:
    """Log-ratio of the target's confidence to the mean confidence of models with and without the record, float64 (n,).

    Zarifzadeh et al. 2024, Section 3: p(x|target) / p(x), where p(x) averages over as many models with the record as without.
    The default temperature of the softmax is that of the paper's CIFAR-10 configuration. With `augmentations` the ratios of a
    picture's small changes are put to the vote: against any threshold that they share, the majority decides as their median.
    """
    confidence = _log_confidence_at(temperature)
    target = _target_signal(records, scores, confidence, augmentations)
    shadow = _shadow_signal(records, shadow_models, confidence, augmentations)
    mean_in, mean_out = (_log_mean(shadow, side) for side in (shadow_models.trained_on, ~shadow_models.trained_on))
    return _majority(target - (torch.logaddexp(mean_in, mean_out) - math.log(2)))


def rmia_offline(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    temperature: float = 2.0,
    slope: float = 0.3,
    augmentations: int = 1,
) -> Tensor:
    """As `rmia`, with p(x) estimated from the models without the record, float64 (n,).

    Zarifzadeh et al. 2024, Appendix B.2.2: p(x) = ((1 + a) p_out(x) + (1 - a)) / 2, where a is the `slope`.
    """
    confidence = _log_confidence_at(temperature)
    target = _target_signal(records, scores, confidence, augmentations)
    mean_out = _log_mean(_reference_signal(records, reference_models, confidence, augmentations))
    estimate = ((1 + slope) * mean_out.exp() + (1 - slope)) / 2
    return _majority(target - estimate.log())


def base(records: Records, scores: ScoreOracle, shadow_models: ShadowModels, *, temperature: float = 2.0) -> Tensor:
    """Log-ratio of the target's confidence to the mean confidence of all shadow models, float64 (n,).

    Lassila et al. 2025: minus the loss, less the log-mean-exp of minus the shadow models' losses. The paper proves RMIA to be the
    same attack at one setting; where every record is in half of the models, this is `rmia` at the same temperature. The
    temperature is that of LeakPro's implementation.
    """
    confidence = _log_confidence_at(temperature)
    return confidence(scores(records.x), records.label) - _log_mean(shadow_models.signal(confidence))


def base_offline(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    temperature: float = 2.0,
    scale: float = 0.33,
) -> Tensor:
    """As `base`, with `scale` times the log-mean of the models without the record, float64 (n,).

    Lassila et al. 2025, in the form of LeakPro's implementation, whose scale and temperature are the defaults: the scale makes
    up for the missing models with the record, which would have raised the mean.
    """
    confidence = _log_confidence_at(temperature)
    return confidence(scores(records.x), records.label) - scale * _log_mean(
        reference_models.signal(confidence, records.x, records.label)
    )


def loss_below_midpoint(records: Records, scores: ScoreOracle, shadow_models: ShadowModels) -> Scored:
    """How far the loss of each record lies below its own threshold, float64 (n,); member if not above it (MAST).

    Sablayrolles et al. 2019, in the form of Carlini et al. 2022, Section V-C: the threshold is the midpoint of the mean losses of
    the shadow models that were trained on the record and of those that were not.
    """
    loss = signals.loss(scores(records.x), records.label)
    shadow, inside = shadow_models.signal(signals.loss), shadow_models.trained_on
    mean_in, mean_out = _mean(shadow, inside), _mean(shadow, ~inside)
    return Scored((mean_in + mean_out) / 2 - loss, cut=0.0)


def loss_rank(records: Records, scores: ScoreOracle, reference_models: ReferenceModels, *, alpha: float = 0.1) -> Scored:
    """Share of the reference models whose loss on the record is above the target's, float64 (n,) (Attack-R).

    Ye et al. 2022, the reference attack: a member if the loss lies within the lowest `alpha` of those that models without the
    record have, by their empirical distribution; equal losses count half. N models know N + 1 shares, so most records are tied,
    and no false-positive rate below about 1 / N can be reached: that is the attack's own limit (Carlini et al. 2022, Table I).
    """
    if not 0 <= alpha <= 1:
        raise AttackError(f"alpha is a false-positive rate, from 0 to 1 (found {alpha:g})")
    loss = signals.loss(scores(records.x), records.label)
    return Scored(_share_above(reference_models.signal(signals.loss, records.x, records.label), loss), cut=1 - alpha)


def difficulty_calibrated(
    records: Records, scores: ScoreOracle, reference_models: ReferenceModels, *, signal: str = "loss"
) -> Tensor:
    """The target's signal on each record less the mean signal of models without the record, float64 (n,).

    Watson et al. 2022: the signal is the paper's `loss` (with the sign turned) or the `margin`, which Carlini et al. 2022,
    Table II, find far stronger at low false-positive rates.
    """
    if signal not in CALIBRATED:
        raise AttackError(f"signal is one of {', '.join(CALIBRATED)} (found {signal})")
    of = CALIBRATED[signal]
    return of(scores(records.x), records.label) - reference_models.signal(of, records.x, records.label).mean(dim=0)


def nearest_mean(records: Records, scores: ScoreOracle, shadow_models: ShadowModels) -> Scored:
    """How much nearer the target's scores are to the shadow models' with the record than without it, float64 (n,).

    Long et al. 2017, the targeted attack: member if the probabilities of all classes lie nearer to the mean of the shadow models
    that were trained on the record. Distances are Euclidean and squared; their difference, |t - o|^2 - |t - i|^2, is taken as
    (i - o)(2t - i - o), which does not cancel.
    """
    target = scores(records.x).exp()
    shadow = torch.stack([shadow_models.log_probs(k) for k in range(len(shadow_models))]).exp()
    inside = shadow_models.trained_on
    mean_in, mean_out = _mean(shadow, inside), _mean(shadow, ~inside)
    return Scored(((mean_in - mean_out) * (2 * target - mean_in - mean_out)).sum(dim=-1), cut=0.0)


def _target_signal(records: Records, scores: ScoreOracle, of: Signal, augmentations: int) -> Tensor:
    """Return a signal of the target on every augmentation of every record, float64 (records, augmentations)."""
    label = records.label
    return asked(lambda x: of(scores(x), label), records.x, augmentations)


def _shadow_signal(records: Records, models: ShadowModels, of: Signal, augmentations: int) -> Tensor:
    """Return a signal of the models on every augmentation of every record, float64 (models, records, augmentations)."""
    # What is not changed is asked for as it is, so that its kept answers are found.
    every: list[Change | None] = [None, *changes(records.x, augmentations)[1:]]
    found = [models.signal(of, change) for change in every]
    return torch.stack(found, dim=-1) if augmentations > 1 else found[0].unsqueeze(-1)


def _reference_signal(records: Records, models: ReferenceModels, of: Signal, augmentations: int) -> Tensor:
    """Return the same of reference models, float64 (models, records, augmentations)."""
    x, label = records.x, records.label
    changed = [x, *(change(x) for change in changes(x, augmentations)[1:])]
    found = [models.signal(of, each, label) for each in changed]
    return torch.stack(found, dim=-1) if augmentations > 1 else found[0].unsqueeze(-1)


def _majority(log_ratio: Tensor) -> Tensor:
    """Return the median over augmentations (records, augmentations), of an even number the lower one: more than half reach it."""
    return log_ratio.median(dim=-1).values if log_ratio.shape[-1] > 1 else log_ratio.squeeze(-1)


def _multivariate_normal(values: Tensor, known: Tensor, per_record_variance_from: int) -> torch.distributions.MultivariateNormal:
    """Return normal distributions of the known among `values` (models, records, augmentations), one for each record.

    Covariances follow the rule of `_normal`, and are shared by all records too where a record has too few models for its own.
    """
    rest = torch.where(known.unsqueeze(-1), values - _mean(values, known), 0.0)
    counts = known.sum(dim=0)
    if len(values) >= per_record_variance_from and int(counts.min()) > values.shape[-1]:
        covariance = torch.einsum("kna,knb->nab", rest, rest) / (counts.double() - 1)[:, None, None]
    else:
        covariance = torch.einsum("kna,knb->ab", rest, rest) / (counts.double() - 1).clamp(min=0).sum().clamp(min=1)
    # Margins of neighbouring pictures go together so closely that the last digits decide; a trace of noise keeps it solvable.
    trace = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1)[..., None, None]
    noise = (1e-6 * trace + 1e-12) * torch.eye(values.shape[-1], dtype=torch.float64)
    return torch.distributions.MultivariateNormal(_mean(values, known), covariance + noise)


def _log_confidence_at(temperature: float) -> Signal:
    return functools.partial(signals.log_confidence, temperature=temperature)


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Return the mean over models of the known among `values` (models, records, ...), where `known` is bool (models, records).

    A record of which nothing is known takes the mean over the other records.
    """
    counts = _counts(known)
    wide = (..., *[None] * (values.ndim - known.ndim))
    mean = _sum((value * own[wide] for value, own in zip(values, known.double(), strict=True)), values[0])
    mean /= counts.clamp(min=1)[wide]
    return mean if counts.all() else torch.where((counts > 0)[wide], mean, mean[counts > 0].mean(dim=0))


def _sum(parts: Iterable[Tensor], like: Tensor) -> Tensor:
    """Return the sum of what is worked out for one model after the other: all at once takes longer to lay out than to add."""
    total = torch.zeros_like(like)
    for part in parts:
        total += part
    return total


def _counts(known: Tensor) -> Tensor:
    """Return of how many models something is known for each record, float64 (records,)."""
    counts = known.sum(dim=0).double()
    if not counts.any():
        raise AttackError("no model is on this side of any record; train at least two shadow models")
    return counts


def _share_above(values: Tensor, value: Tensor) -> Tensor:
    """Return the share of `values` (models, records) above `value` (records,), equal ones half."""
    return torch.where(values == value, 0.5, (values > value).double()).mean(dim=0)


def _normal(values: Tensor, known: Tensor, per_record_variance_from: int) -> tuple[Tensor, Tensor]:
    """Return mean (records,) and standard deviation (records,) or () of the known among `values` (models, records)."""
    mean, counts = _mean(values, known), _counts(known)
    squares = _sum(((value - mean).square_().mul_(own) for value, own in zip(values, known.double(), strict=True)), mean)
    if len(values) >= per_record_variance_from:
        variance = squares / (counts - 1).clamp(min=1)
    else:
        # One degree of freedom a record is spent on its mean.
        variance = squares.sum() / (counts - 1).clamp(min=0).sum().clamp(min=1)
    # Two models that agree to the last bit must not divide by zero; no real margin is known to a millionth.
    return mean, variance.sqrt().clamp(min=1e-6)


def _log_density(value: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    return -0.5 * ((value - mean) / sd) ** 2 - sd.log()


def _log_sum(log_values: Tensor, known: Tensor) -> Tensor:
    """Log of the sum over models of exp(log_values), (models, records, ...), of the known ones; anything where there are none."""
    # What is not known is far below all that is; at exponentials that are nearly 0 processors are slow, so these end at LEAST.
    kept = [value + away for value, away in zip(log_values, (~known).double() * -1e300, strict=True)]
    top = torch.full_like(log_values[0], -1e300)
    for value in kept:
        torch.maximum(top, value, out=top)
    return _sum((value.sub_(top).clamp_(min=signals.LEAST).exp_() for value in kept), top).log_().add_(top)


def _log_mean(log_values: Tensor, known: Tensor | None = None) -> Tensor:
    """Log of the mean over models of exp(log_values), (models, records, ...) -> (records, ...), of the known ones or of all.

    A record of which nothing is known takes the mean over the other records.
    """
    if known is None:
        return torch.logsumexp(log_values, dim=0) - math.log(len(log_values))
    counts = _counts(known)
    wide = (..., *[None] * (log_values.ndim - known.ndim))
    mean = _log_sum(log_values, known[wide]) - counts.clamp(min=1).log()[wide]
    if counts.all():
        return mean
    of_others = torch.logsumexp(mean[counts > 0], dim=0) - (counts > 0).sum().double().log()
    return torch.where((counts > 0)[wide], mean, of_others)
