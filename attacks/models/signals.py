"""What attacks read off a model's answers, in float64.

All take log-probabilities of shape (..., classes) and labels of shape (n,), and return float64 of shape (..., n).
A float32 softmax rounds a confident answer to exactly 1, and such ties destroy the low-FPR end of a ROC curve. Log-probabilities
of the *other* classes keep what is lost there, so every signal of the true class is computed through the margin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.errors import AttackError


def log_sum(values: Tensor) -> Tensor:
    """Logarithm of the sum of exp(values) over the last axis, to the last bit the same whichever class is which.

    A sum depends on its order by a rounding error, which would tell apart records whose answers are ties.
    """
    return torch.logsumexp(values.sort(dim=-1).values, dim=-1)


def margin(log_probs: Tensor, label: Tensor) -> Tensor:
    """Log-odds of the true class, log p_y - log(1 - p_y) (Carlini et al. 2022, Section IV-C).

    Raises AttackError for a label that has no column: whoever answered does not know of that class.
    """
    if label.numel() and int(label.max()) >= log_probs.shape[-1]:
        raise AttackError(
            f"a record has the label {int(label.max())}, but the answers have columns for {log_probs.shape[-1]} classes"
        )
    index = label.expand(log_probs.shape[:-1]).unsqueeze(-1)
    of_label = log_probs.gather(-1, index).squeeze(-1)
    others = log_probs.scatter(-1, index, float("-inf"))
    return of_label - log_sum(others)


def log_confidence(log_probs: Tensor, label: Tensor) -> Tensor:
    """Log-probability of the true class, distinct also where the probability rounds to 1."""
    return torch.nn.functional.logsigmoid(margin(log_probs, label))


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
