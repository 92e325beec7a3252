"""Attacks that compare one signal of the target's answer with one threshold."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks import signals
from attacks.handles import LabelOracle, Number, Records, Scored, ScoreOracle, TopScoreOracle


def loss_below_mean(records: Records, scores: ScoreOracle, mean_loss: Number) -> Scored:
    """Minus the loss of each record, float64 (n,); member if the loss is at most the mean training loss.

    Yeom et al. 2018, Section III (adversary 2): the known average training loss is the threshold.
    """
    loss = signals.loss(scores(records.x), records.label)
    return Scored(-loss, cut=-mean_loss.value)


def predicted_correctly(records: Records, labels: LabelOracle) -> Scored:
    """1 for each record whose label the target predicts, else 0, float64 (n,); member if predicted.

    Yeom et al. 2018, Section III, with the 0-1 loss: accuracy is one half plus half of the generalisation gap.
    """
    correct = labels(records.x) == records.label
    return Scored(correct.double(), cut=1.0)


def maximum_posterior(records: Records, top_k: TopScoreOracle) -> Tensor:
    """Log-odds of the highest score of each record, float64 (n,). No label is needed.

    Salem et al. 2019, Section V (adversary 3): the highest posterior p. Its log-odds rank alike. Where p rounds to 1, the rest
    of the probability is taken from the other top scores, which keep what p has lost.
    """
    values, _ = top_k(records.x)
    highest, others = values[:, 0], values[:, 1:].logsumexp(dim=-1)
    rest = torch.where(highest > -1e-9, others, (-highest.expm1()).log())
    return highest - rest
