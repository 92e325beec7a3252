"""The answers of the fixture's target, changed on their way to whoever asks."""

from __future__ import annotations

import fixture
import torch
from torch import Tensor

from attacks.handles import Ledger, ScoreOracle

N, CLASSES = fixture.RECORDS, fixture.CLASSES
X = torch.arange(N, dtype=torch.float32)[:, None]
TARGET = fixture.Answers(fixture.answers(fixture.member(), 100))


def oracle(change, ledger=None, **options):
    """The fixture's target, whose log-probabilities are handed over as `change` leaves them."""
    return ScoreOracle("scores", lambda x: change(TARGET.log_probs(x)), ledger or Ledger(), **options)


def to_decimals(log_probs: Tensor, digits: int) -> Tensor:
    """Log-probabilities of scores that are rounded to so many decimals, as a target hands them over."""
    return ((log_probs.exp() * 10**digits).round() / 10**digits).log()


def one_hot(log_probs: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(log_probs.argmax(-1), log_probs.shape[-1]).double().log()
