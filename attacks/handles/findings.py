"""What an attack may return beside a plain tensor of scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Scored:
    """Scores with the paper's own decision point: `score` float64 (n,), member if that is at least `cut`."""

    score: Tensor
    cut: float


@dataclass(frozen=True)
class Guessed:
    """Scores with an auditor's guesses: `score` float64 (n,); `guess` int8 (n,), 1 for "in", -1 for "out", 0 for none."""

    score: Tensor
    guess: Tensor
