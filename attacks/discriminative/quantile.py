"""Attacks that regress how confident the target may be expected to be on a record, from records that are no members."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, PopulationStatistics, Records, Scored, ScoreOracle
from attacks.models import signals
from attacks.models.one_hidden_layer import OneHiddenLayer


def above_quantile(
    records: Records,
    scores: ScoreOracle,
    population_statistics: PopulationStatistics,
    *,
    alpha: float = 0.01,
    hidden: int = 64,
    epochs: int = 30,
    seed: int = 0,
) -> Scored:
    """How far the margin of each record lies above what its features let expect, in standard deviations, float64 (n,).

    Bertran et al. 2023: from the target's answers on non-members a regressor learns the distribution of the score, given the
    features without the label; member if the score is above the predicted (1 - `alpha`)-quantile. Of the two forms this is that
    of the authors' tabular experiments: the score is the log-odds of the true class, and the regressor predicts mean and
    log-deviation of a normal distribution, by maximum likelihood (the other form has one output for each quantile, by pinball
    loss). A record's predicted quantile level is the normal distribution function of this score, so both rank alike; levels
    would round to ties. The cut is the normal quantile of 1 - `alpha`.

    The authors' network for images, two layers of 512 units, overfits a thousand records by far. Here one hidden layer of
    `hidden` units is trained by AdamW (rate 0.001, batches of 64, gradients clipped to norm 1). As in their search for tabular
    settings, a fifth of the records is held out, and the likelihood on it chooses: here among the states after each of `epochs`
    epochs. Raises AttackError with fewer than ten records.
    """
    if not 0 < alpha < 1:
        raise AttackError(f"alpha is a false-positive rate, between 0 and 1 (found {alpha:g})")
    if hidden < 1 or epochs < 0:
        raise AttackError(f"hidden must be at least 1 and epochs at least 0 (found {hidden} and {epochs})")
    if len(population_statistics) < 10:
        raise AttackError(f"a regression needs at least ten records that are no members (found {len(population_statistics)})")
    known = population_statistics.signal(signals.margin)
    target = signals.margin(scores(records.x), records.label)
    features, candidates = (x.flatten(1).double() for x in (population_statistics.records.x, records.x))
    mean, spread = features.mean(dim=0), features.std(dim=0)
    features, candidates = ((x - mean) / torch.where(spread > 0, spread, 1.0) for x in (features, candidates))
    # A score that never varies must not divide by zero; no real margin is known to a millionth.
    centre, unit = known.mean(), known.std().clamp(min=1e-6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        expected, log_deviation = _regressor(features, (known - centre) / unit, hidden, epochs)(candidates).unbind(-1)
    residual = ((target - centre) / unit - expected) * (-log_deviation).exp()
    cut = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - alpha, dtype=torch.float64))
    return Scored(residual, cut=float(cut))


def _regressor(x: Tensor, score: Tensor, hidden: int, epochs: int) -> OneHiddenLayer:
    """Return a network from features (n, d) to mean and log-deviation (n, 2) of the score (n,), standardised.

    The last layer starts at 0, so that before training every record is given the distribution of all: Attack-P.
    """
    last = nn.Linear(hidden, 2)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    model = OneHiddenLayer(nn.Linear(x.shape[1], hidden), last, learning_rate=0.001, decay=0.01, clip=1.0)
    drawn = torch.randperm(len(x))
    held_out, used = drawn[: len(x) // 5], drawn[len(x) // 5 :]

    def loss(rows: Tensor) -> float:
        mean, log_deviation = model(x[rows]).unbind(-1)
        return float((log_deviation + 0.5 * ((score[rows] - mean) * (-log_deviation).exp()) ** 2).mean())

    def slope(outputs: Tensor, rows: Tensor) -> Tensor:
        mean, log_deviation = outputs.unbind(-1)
        unit = (-log_deviation).exp()
        residual = (score[rows] - mean) * unit
        return torch.stack([-residual * unit, 1 - residual**2], dim=1).div_(len(rows))

    best, weights = float("inf"), model.weights.clone()
    for epoch in range(epochs + 1):
        found = loss(held_out)
        if found < best:
            best, weights = found, model.weights.clone()
        if epoch == epochs:
            break
        for part in torch.randperm(len(used)).split(64):
            rows = used[part]
            model.learn(x[rows], partial(slope, rows=rows))
    model.weights.copy_(weights)
    return model
