"""Masks of scores: fewer of them, fewer digits, a higher temperature, noise, or none at all."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.defenses.answers import Stepped
from attacks.errors import AttackError
from attacks.models.poorer_answers import noisy, rounded
from attacks.models.signals import tempered
from attacks.seeds import derive_seed


def top_k(log_probs: Tensor, *, k: int) -> Tensor:
    """Show the k highest scores, float64 (n, classes), NaN elsewhere. Shokri et al. 2017, Table III (k of 3 and of 1).

    Raises AttackError if there are fewer classes.
    """
    classes = log_probs.shape[-1]
    if k > classes:
        raise AttackError(f"{k} scores cannot be shown: the target tells {classes} classes apart")
    highest = log_probs.topk(k, dim=-1).indices
    hidden = torch.ones_like(log_probs, dtype=torch.bool).scatter(-1, highest, False)
    return log_probs.masked_fill(hidden, float("nan"))


def round_scores(log_probs: Tensor, *, digits: int) -> Stepped:
    """Show probabilities with so many decimal places. Shokri et al. 2017, Table III (3 and 1)."""
    return Stepped(rounded(log_probs, digits), 10.0**-digits)


def temper(log_probs: Tensor, *, temperature: float) -> Tensor:
    """Show the softmax of the logits divided by a temperature. Shokri et al. 2017, Table III (5 and 20)."""
    return tempered(log_probs, temperature)


def hide_scores(log_probs: Tensor) -> Tensor:
    """Show no score, NaN float64 (n, classes): what is left is the label. Shokri et al. 2017, Table III."""
    return torch.full_like(log_probs, float("nan"))


def add_noise(log_probs: Tensor, x: Tensor, asked: Tensor, *, spread: float, repeats: bool, seed: int) -> Tensor:
    """Show log-probabilities with normal noise of this spread on each, in nats, normalised again.

    If it `repeats`, the noise follows from the record alone, and the same question has the same answer. Else it is drawn anew
    each time a record is asked about, and whoever averages the answers is rid of it. After Salem et al. 2020, who
    draw uniform noise; on log-probabilities small scores keep their order of magnitude.
    """
    if repeats:
        return noisy(log_probs, x, spread, seed)
    shown = torch.empty_like(log_probs)
    for times in asked.unique().tolist():
        rows = asked == times
        shown[rows] = noisy(log_probs[rows], x[rows], spread, derive_seed(seed, "asked", times))
    return shown
