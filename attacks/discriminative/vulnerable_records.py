"""Attacks that pick the records worth accusing, test each against models that never saw it, and abstain on all others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor

from attacks.handles import AttackError, Population, Records, ReferenceModels, Scored, ScoreOracle, ShadowModels
from attacks.models import signals

# The score of a record on which the attack abstains: minus the logarithm of a p-value is never negative.
ABSTAINED = -1.0
CHUNK = 512


def direct(
    records: Records,
    scores: ScoreOracle,
    population: Population,
    reference_models: ReferenceModels,
    *,
    neighbour_distance: float = 0.05,
    expected_neighbours: float = 0.1,
    p_value: float = 0.01,
) -> Scored:
    """Minus the log of the p-value of the target's loss on each selected record, float64 (n,); member from `p_value` down.

    Long et al. 2018, Sections 4.3 and 4.4. A record is selected if fewer than `expected_neighbours` of its neighbours are to be
    expected in a training set. Neighbours lie nearer than `neighbour_distance` in the cosine distance of what all reference
    models answer before the softmax; that is known from probabilities up to a constant for each model and record, so every
    model's log-probabilities are centred. They are counted among the adversary's own records, whose number is what the size of
    a training set is compared with: the reference models' own. The paper sets its distance for each data set, from 0.05 to 0.4
    (Table 2); here it is the least.

    A selected record's p-value is the share of reference models with a smaller loss, by a smooth distribution function. On all
    other records the attack abstains: they share the score -1, which lies below that of every selected record.
    """
    if not 0 < p_value < 1:
        raise AttackError(f"p_value lies between 0 and 1 (found {p_value:g})")
    answers = scores(records.x)
    near = _neighbours(records, population, reference_models, neighbour_distance)
    expected = near * reference_models.training_size / max(len(population), 1)
    losses = reference_models.signal(signals.loss, records.x, records.label)
    target = signals.loss(answers, records.label)
    score = torch.full((len(records),), ABSTAINED, dtype=torch.float64)
    chosen = expected < expected_neighbours
    score[chosen] = -_log(smooth_share_below(losses[:, chosen], target[chosen]))
    return Scored(score, cut=-math.log(p_value))


def indirect(
    records: Records,
    scores: ScoreOracle,
    population: Population,
    shadow_models: ShadowModels,
    *,
    influence: float = 0.8,
    enhancing: int = 50,
    queries: int = 1000,
    p_value: float = 0.01,
) -> Scored:
    """Minus the log of the p-value that other records' answers give together, float64 (n,); member from `p_value` down.

    Long et al. 2018, Section 4.5. The candidate is never put to the target. Shadow models come in pairs, of which one was trained
    on the record; a record of the adversary's own enhances it if in more than a share `influence` of the pairs that one gives
    the candidate's class a higher probability (equation 1). The paper makes such records up by noise and gradient descent; here
    the adversary's own are searched, at most `queries` of them, and the `enhancing` ones whose probability rises most are asked
    about; the paper has at most 50, and takes 0.8 to 0.95 for the share. Each gives a p-value as in `direct`, for the loss of
    the candidate's class; the method of Kost and McDermott 2002 combines them, with the correlation of what the models without
    the record answer. A candidate without enhancing records is abstained on: its score is -1.
    """
    if not 0 < p_value < 1 or enhancing < 1 or queries < 1:
        raise AttackError(f"p_value lies between 0 and 1 (found {p_value:g}); enhancing and queries are at least 1")
    if len(shadow_models) < 2 or len(shadow_models) % 2:
        raise AttackError(f"pairs of shadow models are compared, and {len(shadow_models)} make none")
    known, inside = shadow_models.records, shadow_models.trained_on
    x, ids, own_ids = population.x[:queries], population.ids[:queries], records.ids
    answers = torch.stack([model.kept_log_probs(x) for model in shadow_models.models])
    probabilities = answers.exp()
    pairs = probabilities.unflatten(0, (-1, 2))
    # How much higher the first model of each pair makes the probability of each class, (classes, pairs, n).
    higher = (pairs[:, 0] - pairs[:, 1]).movedim(-1, 0).contiguous()
    halves = inside.unflatten(0, (-1, 2))
    # For each candidate: its enhancing records, best first, as rows of x.
    found: dict[int, Tensor] = {}
    for i in range(len(records)):
        told = halves[:, 0, i] != halves[:, 1, i]  # the pairs of which one model, and not the other, was trained on it
        if not told.any():
            continue
        rise = higher[known.label[i], told] * torch.where(halves[told, 0, i], 1.0, -1.0)[:, None]
        other = torch.from_numpy(ids != own_ids[i])
        rows = (((rise > 0).double().mean(dim=0) > influence) & other).nonzero().flatten()
        if len(rows):
            found[i] = rows[rise.mean(dim=0)[rows].argsort(descending=True, stable=True)[:enhancing]]
    score = torch.full((len(records),), ABSTAINED, dtype=torch.float64)
    if not found:
        return Scored(score, cut=-math.log(p_value))
    needed = torch.cat(list(found.values())).unique()
    target = torch.zeros(len(x), answers.shape[-1], dtype=torch.float64)
    target[needed] = scores(x[needed])
    losses, of_target = (_losses_by_class(each, known.label) for each in (answers, target))
    enhanced = list(found)
    for start in range(0, len(enhanced), CHUNK):
        chunk, columns = enhanced[start : start + CHUNK], []
        for i in chunk:
            label, without = int(known.label[i]), (~inside[:, i]).nonzero()
            columns.append((losses[label][without, found[i]], of_target[label][found[i]]))
        for i, shares in zip(chunk, _shares(columns), strict=True):
            features = probabilities[(~inside[:, i]).nonzero(), found[i]].transpose(0, 1).flatten(1)
            score[i] = -_kost(_log(shares), features)
    return Scored(score, cut=-math.log(p_value))


def _shares(columns: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return `smooth_share_below` of each of many values (k, n) and points (n,): those of the same k are worked out together."""
    found: dict[int, Tensor] = {}
    for height in {len(values) for values, _ in columns}:
        alike = [number for number, (values, _) in enumerate(columns) if len(values) == height]
        values, at = zip(*(columns[number] for number in alike), strict=True)
        together = smooth_share_below(torch.cat(values, dim=1), torch.cat(at))
        found |= zip(alike, together.split([len(one) for one in at]), strict=True)
    return [found[number] for number in range(len(columns))]


def smooth_share_below(values: Tensor, at: Tensor) -> Tensor:
    """Return the distribution function of each column of `values` (k, n), at `at` (n,), float64 (n,).

    Long et al. 2018, Section 4.4: the empirical distribution, k-th of k values at 1, through which goes a cubic that keeps its
    shape (Fritsch and Carlson 1980, in the form of Fritsch and Butland 1984, as scipy's pchip). Losses are never negative, so
    the curve starts with 0 at 0: a loss below all values has a share between 0 and 1 / k, which shrinks with it.
    """
    knots = torch.cat([torch.zeros(1, values.shape[1], dtype=torch.float64), values.sort(dim=0).values])
    # Equal losses are pushed apart by less than anything that counts, and by so much that no product of two steps is 0.
    knots = (knots + torch.arange(len(knots), dtype=torch.float64)[:, None] * 1e-150).cummax(dim=0).values
    count = len(values)
    step = knots.diff(dim=0).clamp(min=1e-150)
    slope = 1 / (count * step)
    inner = (2 * step[1:] + step[:-1]) / slope[:-1] + (step[1:] + 2 * step[:-1]) / slope[1:]
    tangent = torch.zeros_like(knots)
    tangent[1:-1] = 3 * (step[1:] + step[:-1]) / inner
    if count == 1:
        tangent[:] = slope
    else:
        tangent[0] = (((2 * step[0] + step[1]) * slope[0] - step[0] * slope[1]) / (step[0] + step[1])).clamp(min=0)
        tangent[0] = torch.minimum(tangent[0], 3 * slope[0])
        tangent[-1] = (((2 * step[-1] + step[-2]) * slope[-1] - step[-1] * slope[-2]) / (step[-1] + step[-2])).clamp(min=0)
        tangent[-1] = torch.minimum(tangent[-1], 3 * slope[-1])
    place = ((knots <= at).sum(dim=0) - 1).clamp(min=0, max=count - 1)[None]
    left, width = knots.gather(0, place)[0], step.gather(0, place)[0]
    t = ((at - left) / width).clamp(min=0, max=1)
    from_left, from_right = tangent.gather(0, place)[0] * width, tangent.gather(0, place + 1)[0] * width
    cubic = place[0].double() / count + t * (
        from_left + t * (3 / count - 2 * from_left - from_right + t * (from_left + from_right - 2 / count))
    )
    return cubic.clamp(min=0, max=1)


def _log(share: Tensor) -> Tensor:
    return share.clamp(min=1e-300).log()


def _losses_by_class(log_probs: Tensor, label: Tensor) -> dict[int, Tensor]:
    """Return the losses (..., n) of answers (..., n, classes), were each of the classes in `label` that of every record."""
    return {c: signals.loss(log_probs, torch.full(log_probs.shape[-2:-1], c)) for c in label.unique().tolist()}


def _centred(log_probs: Tensor) -> Tensor:
    return log_probs - log_probs.mean(dim=-1, keepdim=True)


def _neighbours(records: Records, population: Population, reference_models: ReferenceModels, distance: float) -> Tensor:
    """Return how many neighbours each candidate has in the population, float64 (n,)."""
    candidates, others = (_centred(reference_models.answers(x)) for x in (records.x, population.x))
    length = (others**2).sum(dim=(0, 2)).sqrt()
    counts, ids, population_ids = [], records.ids, population.ids
    for rows in torch.arange(candidates.shape[1]).split(CHUNK):
        dot = torch.einsum("knc,kmc->nm", candidates[:, rows], others)
        norm = (candidates[:, rows] ** 2).sum(dim=(0, 2)).sqrt()[:, None] * length
        itself = torch.from_numpy(ids[rows.numpy(), None] == population_ids[None])
        counts.append(((1 - dot / norm.clamp(min=1e-300) < distance) & ~itself).sum(dim=1))
    return torch.cat(counts).double()


def _kost(log_p: Tensor, features: Tensor) -> float:
    """Return the log of the combined p-value of dependent tests (m,), correlated as the rows of `features` (m, ...) are.

    Kost and McDermott 2002: -2 sum log p is a scaled chi-squared variable, whose covariances are a cubic of the correlations.
    """
    statistic, count = float(-2 * log_p.sum()), len(log_p)
    variance = 4.0 * count
    if count > 1:
        rho = torch.corrcoef(features).nan_to_num(nan=1.0)
        covariance = 3.263 * rho + 0.710 * rho**2 + 0.027 * rho**3
        variance += float(covariance.sum() - covariance.diagonal().sum())
    mean = 2.0 * count
    scale, degrees = variance / (2 * mean), 2 * mean**2 / variance
    with np.errstate(divide="ignore"):  # a probability that is 0 has the logarithm of minus infinity
        return float(np.log(special.chdtrc(degrees, statistic / scale)))
