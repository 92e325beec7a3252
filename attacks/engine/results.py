"""What an attack may return, checked once, as arrays and plain data for the store."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.engine import artifacts
from attacks.engine.store import Arrays
from attacks.handles import AttackError, Guessed, Scored
from taxonomy.entries import Attack


class FormError(AttackError):
    """An attack, or a step, returned what has not the form that is asked of it."""


def packed(result: Any, attack: Attack, count: int) -> tuple[Arrays, dict[str, Any]]:
    """Return what an attack found as arrays and plain data: scores and cut, or what its other goal asks for."""
    if attack.goal == "membership":
        score, cut = _scores(result, count, attack.id)
        return {"score": score, **_guess(result, count, attack.id)}, {"cut": cut}
    try:
        meta, arrays = artifacts.pack_found(result)
    except TypeError as error:
        raise FormError(f"{attack.id}: {error}") from error
    return arrays, meta


def _guess(result: Any, count: int, attack: str) -> Arrays:
    """Return an auditor's guesses, if the attack made some; raise AttackError unless they are one int8 of -1, 0 or 1 a record."""
    if not isinstance(result, Guessed):
        return {}
    guess = result.guess
    if guess.dtype != torch.int8 or tuple(guess.shape) != (count,) or bool((guess.abs() > 1).any()):
        raise FormError(f"{attack} must guess with int8 of -1, 0 or 1 for each of {count} records")
    return {"guess": guess.numpy().copy()}


def _scores(result: Any, count: int, attack: str) -> tuple[NDArray[np.float64], float | None]:
    """Return an attack's scores and cut; raise AttackError unless they are one finite float64 a record."""
    score, cut = (result.score, float(result.cut)) if isinstance(result, Scored) else (result, None)
    score = result.score if isinstance(result, Guessed) else score
    if not isinstance(score, torch.Tensor) or score.dtype != torch.float64 or tuple(score.shape) != (count,):
        found = f"{score.dtype} {tuple(score.shape)}" if isinstance(score, torch.Tensor) else type(score).__name__
        raise FormError(f"{attack} must return a float64 tensor of shape ({count},), or Scored (found {found})")
    if score.isnan().any():
        raise FormError(f"{attack} returned NaN for {int(score.isnan().sum())} of {count} records")
    return score.detach().numpy().copy(), cut
