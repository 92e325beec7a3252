"""Attacks that learn from records of the adversary's own, in a candidate's place, how a model treats what it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, Records, ReferenceModels, ScoreOracle, ShadowData
from attacks.models import signals

PROXIES = ("global", "class", "instance")
# Two models that agree to the last bit must not divide by zero; no real margin is known to a millionth.
LEAST_SPREAD = 1e-6


def posterior_odds(
    records: Records,
    scores: ScoreOracle,
    reference_models: ReferenceModels,
    *,
    proxy: str = "class",
    per_record_variance_from: int = 64,
) -> Tensor:
    """Log-likelihood ratio of "in" against "out", where "in" is learnt from proxies, float64 (n,) (PMIA).

    Du et al. 2026. No model was trained on a candidate, so its margins with it are taken to be those of proxies, on models
    that were trained on these: of all the adversary's records (`global`), of those with the candidate's label (`class`), or of
    the nearest one (`instance`; in features, where the authors' code compares embeddings). Both sides are normal, about the
    median, as in the authors' code. Their 256 models give every record a spread of its own without it; with fewer than
    `per_record_variance_from` all share one, that of the adversary's records on models that were not trained on them.
    """
    if proxy not in PROXIES:
        raise AttackError(f"proxy is one of {', '.join(PROXIES)} (found {proxy})")
    x, label = records.x, records.label
    target = signals.margin(scores(x), label)
    without = reference_models.signal(signals.margin, x, label)
    out = without.median(dim=0).values
    own = reference_models.own
    margin, inside = own.signal(signals.margin), own.trained_on
    spread = _spread(without - out, dim=0) if len(without) >= per_record_variance_from else _spread_outside(margin, ~inside)
    within, spread_within = _of_proxies(margin, inside, own.records, x, label, proxy)
    return _log_density(target, within, spread_within) - _log_density(target, out, spread)


def _of_proxies(margin: Tensor, inside: Tensor, held: ShadowData, x: Tensor, label: Tensor, proxy: str) -> tuple[Tensor, Tensor]:
    """Return median and spread of the margins (models, m) of each record's proxies on models trained on them, float64 (n,)."""
    known = inside.any(dim=0)
    if not known.any():
        raise AttackError("no reference model was trained on any record of which that is known")
    everything = margin[inside]
    centre = everything.median().expand(len(x)).clone()
    spread = _spread(everything - everything.median()).expand(len(x)).clone()
    if proxy == "class":
        for c in label.unique():
            of_class = margin[inside & (held.label == c)]
            if len(of_class) > 1:  # a class that the adversary holds no record of is judged by all of them
                centre[label == c], spread[label == c] = of_class.median(), _spread(of_class - of_class.median())
    if proxy == "instance":
        candidates = known.nonzero().squeeze(1)
        near = candidates[_nearest(x, held.x[candidates])]
        medians = torch.stack([margin[inside[:, row], row].median() for row in range(len(known)) if known[row]])
        place = torch.cumsum(known.long(), 0) - 1
        rest = torch.where(inside[:, candidates], margin[:, candidates] - medians, 0.0)
        centre = medians[place[near]]
        # One proxy is in few models, so that all proxies share the spread that they have among those.
        spread = (rest.square().sum() / inside.sum()).sqrt().clamp(min=LEAST_SPREAD).expand(len(x))
    return centre, spread


def _nearest(x: Tensor, held: Tensor) -> Tensor:
    """Return the row of the nearest of the held records for each record, by the Euclidean distance, int64 (n,)."""
    flat = held.flatten(1).double()
    return torch.cat([torch.cdist(some.flatten(1).double(), flat).argmin(dim=1) for some in x.split(512)])


def _spread_outside(margin: Tensor, known: Tensor) -> Tensor:
    """Return the spread of the known margins (models, m) about each record's mean, one number."""
    counts = known.sum(dim=0).double()
    if not (counts > 1).any():
        raise AttackError(
            "no record of the adversary is outside two reference models, so nothing tells how far their margins spread"
        )
    mean = torch.where(known, margin, 0.0).sum(dim=0) / counts.clamp(min=1)
    squares = torch.where(known, margin - mean, 0.0).square().sum()
    # One degree of freedom a record is spent on its mean.
    return (squares / (counts - 1).clamp(min=0).sum()).sqrt().clamp(min=LEAST_SPREAD)


def _spread(rest: Tensor, dim: int | None = None) -> Tensor:
    """Return the root of the mean square, over one axis or all."""
    square = rest.square()
    return (square.mean() if dim is None else square.mean(dim=dim)).sqrt().clamp(min=LEAST_SPREAD)


def _log_density(value: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    return -0.5 * ((value - mean) / sd) ** 2 - sd.log()
