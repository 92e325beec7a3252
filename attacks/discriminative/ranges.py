"""Attacks that ask whether any record of a range was trained on."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from attacks.handles import AttackError, PopulationStatistics, Records, ReferenceModels, ScoreOracle
from attacks.models import signals, symmetries


def turned(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    population_statistics: PopulationStatistics,
    *,
    kept: float = 0.25,
    temperature: float = 2.0,
    slope: float = 0.3,
) -> Tensor:
    """Mean of the highest RMIA scores among the pictures that a candidate may have been, float64 (n,) (RaMIA).

    Tao and Shokri 2024, in the authors' code (privacytrustlab/ml_privacy_meter): records of the range are scored by RMIA, one end
    of the scores is trimmed, and the mean of the rest is taken. The range is a picture turned and mirrored in all eight ways, so
    that it is scored whole and nothing is drawn; the authors draw from it, and rotate by up to 30 degrees. RMIA's score is the
    share of the population whose ratio of confidences, target to prior, a record reaches. The share `kept` are the highest
    scores; the authors find share and end on a model of their own. Temperature and `slope` are those of `rmia_offline`. Raises
    AttackError for records that are no square pictures.
    """
    if not 0 < kept <= 1:
        raise AttackError(f"kept is a share of the scores of a range, above 0 and at most 1 (found {kept:g})")
    x, label = records.x, records.label
    if not symmetries.is_square(x):
        raise AttackError(f"records of shape {tuple(x.shape[1:])} are no square pictures, and cannot be turned")
    confidence = functools.partial(signals.log_confidence, temperature=temperature)
    known, own = population_statistics.records, reference_models.own
    row = {identity: k for k, identity in enumerate(own.records.ids.tolist())}
    place = torch.tensor([row.get(identity, -1) for identity in known.ids.tolist()])
    # What a reference model was trained on says nothing about what it would have answered without it.
    without = ~torch.where(place >= 0, own.trained_on[:, place.clamp(min=0)], False)
    prior = _prior(reference_models.signal(confidence, known.x, known.label), without, slope)
    ratios = (population_statistics.signal(confidence) - prior)[without.any(dim=0)].sort().values
    if not len(ratios):
        raise AttackError("each record of the population was trained on by every reference model, so none can be compared with")
    found = []
    for way in range(symmetries.COUNT):
        picture = symmetries.turned(x, way)
        others = reference_models.signal(confidence, picture, label)
        ratio = confidence(scores(picture), label) - _prior(others, torch.ones_like(others, dtype=torch.bool), slope)
        found.append(torch.searchsorted(ratios, ratio, right=True).double() / len(ratios))
    share = torch.stack(found).sort(dim=0, descending=True).values
    return share[: max(1, round(kept * symmetries.COUNT))].mean(dim=0)


def _prior(log_confidence: Tensor, known: Tensor, slope: float) -> Tensor:
    """Return log p, float64 (n,), from the models (models, n) whose answers are known to be those without a record.

    Zarifzadeh et al. 2024, Appendix B.2.2: p = ((1 + a) p_out + (1 - a)) / 2, where a is the `slope`.
    """
    mean = torch.where(known, log_confidence.exp(), 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return (((1 + slope) * mean + (1 - slope)) / 2).log()
