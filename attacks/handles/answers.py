"""Answers of a target are checked once, where they enter, so that a broken answer is never read as privacy."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from attacks.errors import AttackError, DivergedError
from attacks.handles.handle import Ledger
from attacks.models.resolution import bounded, certain

Answer = Callable[[Tensor], Tensor]

# Answers in float64 that are normalised no better than this were worked out in float32.
DOUBLE = 1e-9


def log_probs(answer: Answer, x: Tensor, axes: int, ledger: Ledger, resolution: float | None = None) -> Tensor:
    """Return a target's scores on records x (n, ...) as log-probabilities, float64 (n, ..., classes) with `axes` axes.

    The probabilities of an answer add up to 1, within the root of what its type resolves. With a `resolution`, the step between
    two probabilities, they add up within half a step a class; probabilities of 0 are raised to where the resolution ends, and
    ties are noted. With 0, logits tell all records apart, so that nothing has a probability of 0; with None, that is an answer
    as any other. Answers of less precision than float64 are cast, and that is noted. For an empty batch the target is asked about
    one record of zeros, which is not counted, so that the answer has all classes whatever the target makes of no record. Raises
    AttackError for all that is no log-probability, saying what it looks like.
    """
    count = max(len(x), 1)
    found = answer(x.detach().clone() if len(x) else x.new_zeros(1, *x.shape[1:]))
    exact = _floats(found, count, axes)
    if exact.shape[-1] < 2:
        raise AttackError("the target answers with one column; it must have one for each class, two where there are two classes")
    apart = float((exact.exp().sum(dim=-1) - 1).abs().max())
    slack = exact.shape[-1] * (resolution or 0.0) / 2
    # Written so that not-a-number is refused.
    if not apart <= slack + _tolerance(found.dtype):
        raise _refused(exact)
    if resolution == 0 and float(exact.min()) == -math.inf:
        raise _without_resolution(exact)
    exact = exact[: len(x)]
    _note_precision(found.dtype, len(x), ledger)
    if resolution:
        exact = bounded(exact, resolution)
        ties = certain(exact, resolution)
        ledger.note(
            "where the target gives one class a probability of 1, nothing tells records apart: such answers are ties",
            int(ties.sum()),
            ties.numel(),
        )
    elif found.dtype == torch.float64 and apart > DOUBLE:
        ledger.note("the target answers in float64, but adds up as float32 does, in which it was worked out", len(x), len(x))
    return exact


def likelihoods(answer: Answer, x: Tensor, ledger: Ledger) -> Tensor:
    """Return a target's log-probability of each part of records x (n, parts), float64 (n, parts), at most 0.

    Raises AttackError for all that is no log-probability, saying what it looks like.
    """
    if not len(x):
        return torch.empty(x.shape, dtype=torch.float64)
    found = answer(x.detach().clone())
    exact = _floats(found, len(x), 2)
    high = float(exact.max())
    if not high <= _tolerance(found.dtype):
        _refuse_nan(exact)
        looks = "probabilities; hand over their logarithms" if high <= 1 and float(exact.min()) >= 0 else "logits or losses"
        raise AttackError(f"the target's log-probabilities go up to {high:.4g}: they look like {looks}")
    _note_precision(found.dtype, len(x), ledger)
    return exact


def values(answer: Answer, x: Tensor, ledger: Ledger) -> Tensor:
    """Return the number that a target answers on each of the records x (n, ...), float64 (n,); raise AttackError for NaN."""
    if not len(x):
        return torch.empty(0, dtype=torch.float64)
    found = answer(x.detach().clone())
    exact = finite(_floats(found, len(x), 1), len(x))
    _note_precision(found.dtype, len(x), ledger)
    return exact


def labels(answer: Answer, x: Tensor) -> Tensor:
    """Return the class that a target answers on each of the records x (n, ...), int64 (n,), from 0 on; raise AttackError."""
    if not len(x):
        return torch.empty(0, dtype=torch.int64)
    found = answer(x.detach().clone())
    if not isinstance(found, Tensor) or found.is_floating_point() or found.dtype == torch.bool or found.shape != (len(x),):
        raise AttackError(f"the target must answer with one class a record, int64 ({len(x)},), not {_kind(found)}")
    if int(found.min()) < 0:
        raise AttackError(f"the target answers with the class {int(found.min())}; classes are numbered from 0")
    return found.long()


def finite(found: Tensor, count: int, who: str = "the target") -> Tensor:
    """Return `count` answers (count, ...) as they are; raise AttackError if they are not as many, or one is no finite number."""
    if len(found) != count:
        raise AttackError(f"{who} answers {len(found):,} times, where {count:,} answers were asked for")
    if not bool(found.isfinite().all()):
        _refuse_nan(found, who)
        raise AttackError(f"{who} answers with infinity {_among(found.isinf())}")
    return found


def _floats(found: Tensor, count: int, axes: int) -> Tensor:
    """Return answers in float64; raise AttackError unless they are floats with these axes and one row a record."""
    if not isinstance(found, Tensor) or not found.is_floating_point() or found.ndim != axes or len(found) != count:
        shape = ("(n,)", "(n, columns)", "(n, length, columns)", "(n, height, width, columns)")[axes - 1]
        raise AttackError(f"the target must answer {count:,} records with float64 {shape}, not with {_kind(found)}")
    return found.detach().double()


def _note_precision(dtype: torch.dtype, count: int, ledger: Ledger) -> None:
    if dtype != torch.float64:
        digits = math.floor(-math.log10(torch.finfo(dtype).eps))
        ledger.note(f"the target answers in {_name(dtype)}, cast to float64: it holds {digits} digits", count, count)


def _tolerance(dtype: torch.dtype) -> float:
    """Return how far from 1 a sum of probabilities may lie: the root of the type's precision.

    Float64 is given what float32 is, since many a model works in float32 and hands over float64.
    """
    return math.sqrt(max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps))


def _refuse_nan(exact: Tensor, who: str = "the target") -> None:
    if bool(exact.isnan().any()):
        raise DivergedError(f"{who} answers not-a-number {_among(exact.isnan())}; its training may have diverged")


def _refused(exact: Tensor) -> AttackError:
    """Return what is wrong with answers that are no log-probabilities."""
    _refuse_nan(exact)
    low, high = float(exact.min()), float(exact.max())
    if high == math.inf:
        return AttackError(f"the target answers with infinity {_among(exact == math.inf)}")
    if low >= 0 and high <= 1:
        return AttackError("the target's answers look like probabilities; hand over their logarithms: log-softmax of the logits")
    if high > 0:
        return AttackError(f"the target's answers look like logits, from {low:.4g} to {high:.4g}; hand over their log-softmax")
    sums = exact.exp().sum(dim=-1)
    return AttackError(
        f"the probabilities of an answer add up to between {float(sums.min()):.4g} and {float(sums.max()):.4g} in place of 1; "
        "if the target rounds them, give its oracle the step between two of them as `resolution`"
    )


def _without_resolution(exact: Tensor) -> AttackError:
    """Return what is wrong with probabilities of 0 where no resolution was stated."""
    zero = exact.isneginf()
    least = float(exact[~zero].min().exp())
    return AttackError(
        f"the target gives some class a probability of 0 {_among(zero)}, where nothing tells records apart; hand over log-softmax"
        " of its logits, or, if it rounds or has none, give its oracle the step between two probabilities as `resolution` (the "
        f"least one above 0 is {least:.4g})"
    )


def _among(bad: Tensor) -> str:
    return f"for {int(bad.reshape(len(bad), -1).any(dim=1).sum()):,} of {len(bad):,} records"


def _kind(found: object) -> str:
    return f"{_name(found.dtype)} {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
