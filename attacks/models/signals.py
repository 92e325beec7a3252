"""What attacks read off a model's answers, in float64.

All take log-probabilities of shape (..., classes) and labels of shape (n,), and return float64 of shape (..., n).
A float32 softmax rounds a confident answer to exactly 1, and such ties destroy the low-FPR end of a ROC curve. Log-probabilities
of the *other* classes keep what is lost there, so every signal of the true class is computed through the margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from attacks.errors import AttackError

# What is read off answers (..., n, classes) with labels (n,): float64 (..., n).
Signal = Callable[[Tensor, Tensor], Tensor]

# Up to so many classes a sum of rounded terms is as good as one of the terms themselves.
FEW = 16
# The exponential of anything less than this is nothing beside 1; processors are slow where it becomes a denormal number.
LEAST = -700.0


def log_sum(values: Tensor) -> Tensor:
    """Logarithm of the sum of exp(values) over the last axis, to the last bit the same whichever class is which.

    A sum depends on its order by a rounding error, which would tell apart records whose answers are ties (`_log_sum`).
    """
    return _log_sum(_by_class(values))


def _by_class(values: Tensor) -> Tensor:
    """Return a copy of values (..., classes) as (classes, ...), over whose first axis all that follows is quick."""
    found = values.new_empty(values.shape[-1], *values.shape[:-1])
    if values.device.type == "cpu":
        # Numpy copies a column in half the time.
        rows, columns = found.numpy(), values.detach().numpy()
        for number in range(len(rows)):
            rows[number] = columns[..., number]
        return found
    return found.copy_(values.movedim(-1, 0))


def _log_sum(values: Tensor) -> Tensor:
    """Logarithm of the sum of exp(values) over the first axis; `values` are overwritten.

    Terms are at most 1, and are rounded to multiples of one number which is so large that every sum of them is exact: such a sum
    does not depend on its order (Demmel & Nguyen 2015). Of many classes what was rounded off is added likewise.
    """
    exact = torch.finfo(values.dtype)
    top = values.amax(dim=0).clamp(exact.min, exact.max)
    term = values.sub_(top).clamp_(min=LEAST).exp_()
    bits = math.ceil(math.log2(len(term))) if len(term) > 1 else 1
    grid = 1.5 * 2.0**bits
    if len(term) <= FEW:
        return term.add_(grid).sub_(grid).sum(dim=0).log_().add_(top)
    rounded = (term + grid).sub_(grid)
    finer = grid * exact.eps * 2.0**bits
    rest = term.sub_(rounded).add_(finer).sub_(finer)
    return rounded.sum(dim=0).add_(rest.sum(dim=0)).log_().add_(top)


def margin(log_probs: Tensor, label: Tensor) -> Tensor:
    """Log-odds of the true class, log p_y - log(1 - p_y) (Carlini et al. 2022, Section IV-C).

    Raises AttackError for a label that has no column: whoever answered does not know of that class.
    """
    if label.numel() and int(label.max()) >= log_probs.shape[-1]:
        raise AttackError(
            f"a record has the label {int(label.max())}, but the answers have columns for {log_probs.shape[-1]} classes"
        )
    values, index = _by_class(log_probs), label.expand(log_probs.shape[:-1]).unsqueeze(0)
    of_label = values.gather(0, index).squeeze(0)
    return of_label.sub_(_log_sum(values.scatter_(0, index, float("-inf"))))


def log_confidence(log_probs: Tensor, label: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability of the true class with logits divided by `temperature`, distinct also where the probability rounds to 1."""
    # A margin does not change with what normalises all scores of an answer, so tempered ones are not normalised first.
    return torch.nn.functional.logsigmoid(margin(log_probs if temperature == 1.0 else log_probs / temperature, label))


def loss(log_probs: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of the true class, in nats."""
    return -log_confidence(log_probs, label)


def log_modified_entropy(log_probs: Tensor, label: Tensor) -> Tensor:
    """Log of -(1 - p_y) log p_y - sum over the other classes of p_c log(1 - p_c) (Song and Mittal 2021).

    With the log-odds of every class, sign turned for the label, each term is sigmoid(s) softplus(s). Its logarithm keeps apart
    what the entropy itself would round to 0.
    """
    odds = _odds_of_every_class(log_probs, label)
    index = label.expand(odds.shape[:-1]).unsqueeze(-1)
    odds = odds.scatter(-1, index, -odds.gather(-1, index))
    return log_sum(torch.nn.functional.logsigmoid(odds) + _log_softplus(odds))


def log_entropy(log_probs: Tensor, label: Tensor) -> Tensor:
    """Log of the entropy of the scores, - sum p_c log p_c, in nats; the label changes nothing (Song and Mittal 2021).

    With the log-odds s of a class its term is sigmoid(s) softplus(-s); its logarithm is distinct where the entropy rounds to 0.
    """
    odds = _odds_of_every_class(log_probs, label)
    return log_sum(torch.nn.functional.logsigmoid(odds) + _log_softplus(-odds))


def _odds_of_every_class(log_probs: Tensor, label: Tensor) -> Tensor:
    """Return the log-odds of every class, (..., n, classes)."""
    return torch.stack([margin(log_probs, torch.full_like(label, c)) for c in range(log_probs.shape[-1])], dim=-1)


def _log_softplus(value: Tensor) -> Tensor:
    # Far below zero softplus(s) is exp(s) to the last bit, and then underflows.
    return torch.where(value < -40, value, (-torch.nn.functional.logsigmoid(-value)).log())


def tempered(log_probs: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the same model with its logits divided by `temperature`."""
    if temperature == 1.0:
        return log_probs
    logits = log_probs / temperature
    return logits - log_sum(logits).unsqueeze(-1)


def predicted(log_probs: Tensor) -> Tensor:
    """The predicted class, int64."""
    return log_probs.argmax(dim=-1)


def accuracy(log_probs: Tensor, label: Tensor) -> float:
    """The share of records whose predicted class is their label (n,), a number from 0 to 1."""
    return float((predicted(log_probs) == label).double().mean())
