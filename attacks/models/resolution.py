"""Where the resolution of answers ends: probabilities that move in steps say 0 and 1 of records that their logits tell apart.

Five neighbours say fifths, a hundred trees and scores that are rounded to two decimals say hundredths. A probability of 1 has a
margin of infinity, with which nothing can be computed. Half a step is as near to 0 and 1 as such answers can tell.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks.models.signals import log_sum

# Answers that are normalised to within this stay as they are, to the last bit.
EXACT = 1e-12


def bounded(log_probs: Tensor, resolution: float) -> Tensor:
    """Return log-probabilities (..., classes) normalised, with those of probability 0 raised to where the resolution ends.

    `resolution` is the step between two probabilities. All classes of probability 0 but one share half of it, so that an answer
    of 1 has a margin of log(2 / resolution). What lies between 0 and 1 keeps its ratios. Each answer is changed by itself.
    """
    ends = torch.isneginf(log_probs)
    floor = math.log(resolution / 2 / (log_probs.shape[-1] - 1))
    raised = torch.where(ends, floor, log_probs)
    total = log_sum(raised).unsqueeze(-1)
    return torch.where(total.abs() <= EXACT, raised, raised - total)


def certain(log_probs: Tensor, resolution: float) -> Tensor:
    """Return which of the bounded answers (..., classes) gave one class a probability of 1, bool (...): they are ties."""
    return log_probs.amax(dim=-1) >= -math.log1p(resolution / 2) - EXACT
