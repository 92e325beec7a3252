"""Attacks that weigh the bits which the target gives a record more than other models do against those it gives others more."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from attacks.handles import PopulationStatistics, Records, ReferenceModels, ScoreOracle
from attacks.models import signals


def over_population(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    population_statistics: PopulationStatistics,
    *,
    temperature: float = 2.0,
    slope: float = 0.3,
) -> Tensor:
    """Bits gained on each record over the reference, more than on a population, float64 (n,) (InfoRMIA).

    Tao and Shokri 2025: log p(x|target) / p(x), plus the divergence of p(z|target) from p(z) over records z that are no members.
    That is the mean over z, weighted by p(z), of the log of the ratio which RMIA compares with a threshold for each z. Over the
    same z the divergence is the same for every record: for one target the score ranks as RMIA's ratio does, and places its zero.
    Temperature, and `slope` by which p(x) is estimated from models without the record, are those of `rmia_offline`; a z that a
    reference model was trained on has no part in p(z).
    """
    confidence = functools.partial(signals.log_confidence, temperature=temperature)
    x, label = records.x, records.label
    gained = confidence(scores(x), label) - _estimate(reference_models.signal(confidence, x, label), slope)
    known = population_statistics.records
    own = reference_models.own
    row = {identity: k for k, identity in enumerate(own.records.ids.tolist())}
    place = torch.tensor([row.get(identity, -1) for identity in known.ids.tolist()])
    trained_on = torch.where(place >= 0, own.trained_on[:, place.clamp(min=0)], False)
    others = reference_models.signal(confidence, known.x, known.label)
    kept = ~trained_on.all(dim=0)
    log_prior = _estimate(others.masked_fill(trained_on, float("-inf"))[:, kept], slope, (~trained_on).sum(dim=0)[kept])
    weight = torch.softmax(log_prior, dim=0)
    divergence = (weight * (log_prior - population_statistics.signal(confidence)[kept])).sum()
    return (gained + divergence) / math.log(2)


def over_classes(records: Records, scores: ScoreOracle, reference_models: ReferenceModels, *, temperature: float = 2.0) -> Tensor:
    """Bits gained on each record's label over the reference, more than on its other classes, float64 (n,) (InfoRMIA by token).

    Tao and Shokri 2025, the form for tokens, taken to a classifier, whose answer is one token and whose classes are the
    vocabulary: log p(y|x, target) / p(y|x), plus the divergence of the target's answer from the reference's on this very
    record, so that a record on which the target has changed its mind about every class stands out. p is the mean answer of the
    reference models.
    """
    x, label = records.x, records.label
    target = signals.tempered(scores(x), temperature)
    answers = torch.stack([signals.tempered(one, temperature) for one in reference_models.answers(x)])
    prior = torch.logsumexp(answers, dim=0) - math.log(len(answers))
    # Where a class has the probability 0 in the reference, its term is 0 by continuity.
    term = torch.where(prior == float("-inf"), 0.0, prior.exp() * (prior - target.clamp(min=signals.LEAST)))
    gained = signals.log_confidence(target, label) - signals.log_confidence(prior, label)
    return (gained + term.sum(dim=-1)) / math.log(2)


def _estimate(log_without: Tensor, slope: float, counts: Tensor | None = None) -> Tensor:
    """Return log p, float64 (n,), from log-confidences of models (models, n), of which `counts` were not trained on a record.

    Zarifzadeh et al. 2024, Appendix B.2.2: p = ((1 + a) p_out + (1 - a)) / 2, where a is the `slope`.
    """
    total = counts.double() if counts is not None else torch.tensor(float(len(log_without)), dtype=torch.float64)
    without = torch.logsumexp(log_without, dim=0).exp() / total
    return (((1 + slope) * without + (1 - slope)) / 2).log()
