"""What an attack may return beside a plain tensor of scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Scored:
    """Scores with the paper's own decision point: member if score >= cut."""

    score: Tensor
    cut: float


@dataclass(frozen=True)
class Guessed:
    """Scores with an auditor's guesses, int8 (n,): 1 for "in", -1 for "out", 0 where it makes none."""

    score: Tensor
    guess: Tensor
