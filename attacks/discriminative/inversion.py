"""Attacks that make up an input which the target takes for a typical one of a class."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks.handles import AttackError, Records, ScoreOracle


def invert(
    records: Records, scores: ScoreOracle, *, queries: int = 50000, step: float = 0.25, confidence: float = 0.99
) -> Tensor:
    """One input for each class, float32 (classes, ...), found by climbing the target's score.

    Fredrikson et al. 2015, Section 5: from an empty input (all zeros, the mean of standardised features) gradient steps raise the
    score of the class, until it reaches `confidence`. In the black-box form the gradient is numeric: one query a feature and
    one for the place itself, for each class in each step, until `queries` are spent. Steps have the length `step` and follow the
    gradient of the log-score, which does not vanish where the score does; both are our choice. Of the candidates only the
    format of a record is read.
    """
    if queries < 1 or step <= 0:
        raise AttackError(f"queries and step are positive (found {queries} and {step:g})")
    shape = records.x.shape[1:]
    width = math.prod(shape)
    classes = scores(torch.zeros(0, *shape)).shape[-1]
    rounds = queries // (classes * (width + 1))
    if not rounds:
        raise AttackError(f"one step for {classes} classes takes {classes * (width + 1):,} queries; {queries:,} are allowed")
    every = torch.arange(classes)
    place = torch.zeros(classes, width)
    best, best_score = place.clone(), torch.full((classes,), -torch.inf, dtype=torch.float64)
    nearby = torch.cat([torch.zeros(1, width), 0.01 * torch.eye(width)])
    for _ in range(rounds):
        climbing = every[best_score < math.log(confidence)]
        if not len(climbing):
            break
        asked = (place[climbing, None, :] + nearby).reshape(-1, *shape)
        answer = scores(asked).reshape(len(climbing), width + 1, classes)
        answer = answer[torch.arange(len(climbing)), :, climbing]
        better = answer[:, 0] > best_score[climbing]
        best[climbing[better]] = place[climbing[better]]
        best_score[climbing[better]] = answer[better, 0]
        slope = answer[:, 1:] - answer[:, :1]
        length = slope.norm(dim=1, keepdim=True).clamp(min=1e-30)
        place[climbing] += (step * slope / length).float()
    return best.reshape(classes, *shape)
