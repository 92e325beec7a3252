"""Guesses at coins: what an auditor makes of a target whose members were chosen by coins of the auditor's own."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, Guessed, Records, ScoreOracle
from attacks.models import signals


def surest_guesses(records: Records, scores: ScoreOracle, *, share_in: float = 0.1, share_out: float = 0.1) -> Guessed:
    """Minus the loss of each record, float64 (n,), with the guess "in" for the highest scores and "out" for the lowest.

    Steinke et al. 2023, Algorithm 1 with the black-box score: the k+ highest of n scores are guessed to be in, the k- lowest out,
    and the rest is left open. How many right guesses bound epsilon from below only if k+ and k- are fixed before any coin is
    looked at. So they are shares of all records, rounded down, and their default, a tenth on each side, is a plain choice: the
    paper states none for all targets, and the best of several choices would be no bound. Which of equal scores are guessed, their
    ids decide, which tell nothing.
    """
    if min(share_in, share_out) < 0 or share_in + share_out > 1:
        raise AttackError(
            f"share_in and share_out are shares of all records, together at most 1 (found {share_in:g}, {share_out:g})"
        )
    score = -signals.loss(scores(records.x), records.label)
    order = torch.from_numpy(np.lexsort((records.ids, score.numpy())))
    guess = torch.zeros(len(score), dtype=torch.int8)
    guess[order[: int(share_out * len(score))]] = -1
    guess[order[len(score) - int(share_in * len(score)) :]] = 1
    return Guessed(score, guess)
