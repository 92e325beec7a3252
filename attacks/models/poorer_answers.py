"""Scores that are shown in part, with few digits or with noise, and what can still be computed from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.models.signals import log_sum
from attacks.seeds import record_ids, streams

# What is left for classes that are not shown is known no better than this, the rounding of sums in float64.
LEAST = 1e-12


def completed(shown: Tensor, most: Tensor) -> Tensor:
    """Return log-probabilities of every class, float64 (n, classes), that agree with those that are shown.

    `shown` float64 (n, classes) is NaN where a class is not shown. All classes that are not share what the others leave of the
    probability alike, and none of them gets more than `most`, a log-probability float64 (n,). A class that is shown keeps its
    score, so that records whose own class is not shown differ by the rest alone.
    """
    hidden = shown.isnan()
    seen = log_sum(shown.masked_fill(hidden, float("-inf")))
    rest = (-seen.expm1()).clamp(min=LEAST).log()
    share = (rest - hidden.sum(dim=-1).clamp(min=1).log()).minimum(most)
    filled = torch.where(hidden, share.unsqueeze(-1), shown)
    return filled - log_sum(filled).unsqueeze(-1)


def rounded(log_probs: Tensor, digits: int) -> Tensor:
    """Return log-probabilities (n, classes) whose probabilities have so many decimal places; those that are 0 are -inf."""
    return log_probs.exp().round(decimals=digits).log()


def noisy(log_probs: Tensor, x: Tensor, spread: float, seed: int) -> Tensor:
    """Return log-probabilities (n, classes) with normal noise of this spread on each, normalised again.

    The noise follows from seed and record x (n, ...) alone: who repeats a question learns nothing that an average would tell.
    """
    classes = log_probs.shape[-1]
    drawn = [stream.normal(scale=spread, size=classes) for stream in streams(seed, record_ids(x.numpy()))]
    return torch.log_softmax(log_probs + torch.from_numpy(np.array(drawn).reshape(len(x), classes)), dim=-1)
