"""Masks on trial: what one shows of made-up answers, or of the statistics that it masks, before any attack sees it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from attacks.defenses.answers import Mask
from attacks.errors import AttackError
from taxonomy.defended import LABELS

# What may hide scores of classes, of all that a mask may leave.
HIDING = ("Q.top-k", LABELS)
# How far made-up answers lie from even ones, in nats, and how far what a mask shows may be off by rounding.
STEEPNESS = (0.0, 1.0, -3.0, 10.0, -100.0)
ROUNDING = 1e-6


def tried(of: Mask, term: str | None, classes: int, shape: Sequence[int]) -> float:
    """Return the step between two probabilities that a mask shows of so many classes, for records of a shape; 0 if there is none.

    It is tried on made-up answers, so that what it does wrong is an AttackError before anything is trained: it shows no
    log-probabilities, hides some where `term`, which its entry says it leaves, has one for every class, or shows something else
    when it is asked the same again.
    """
    slope = torch.linspace(0, 1, classes, dtype=torch.float64)
    made_up = torch.stack([steepness * slope for steepness in STEEPNESS]).log_softmax(dim=-1)
    with _returning(of.function.__name__):
        step = of.resolution(classes, shape)
    ask(of, term, made_up, torch.zeros(len(made_up), *shape), step)
    return step


def ask(of: Mask, term: str | None, log_probs: Tensor, x: Tensor, step: float) -> None:
    """Ask a mask twice about records x (n, ...), and raise AttackError for what is wrong with what it shows.

    One that computes answers in another way is asked once, since an encryption's noise is another each time.
    """
    name, asked = of.function.__name__, torch.zeros(len(x), dtype=torch.int64)
    with _returning(name):
        shown, *again = (of(log_probs.clone(), x.clone(), asked).log_probs for _ in range(1 if of.computes else 2))
    shown = shown.detach()
    hidden = shown.isnan()
    if term not in HIDING and bool(hidden.any()):
        raise AttackError(
            f"{name} hides some classes (it shows not-a-number), and by its entry {term} are left, which tell all of them; say "
            f"under `replaces` that {' or '.join(HIDING)} is left"
        )
    highest, sums = float(shown.nan_to_num(-math.inf).max()), shown.masked_fill(hidden, -math.inf).exp().sum(dim=-1)
    # What is rounded may be rounded up in every class.
    if highest > ROUNDING:
        found = "infinite numbers" if bool(shown.isposinf().any()) else f"numbers up to {highest:.3g}"
        raise AttackError(f"{name} shows {found}; it must show log-probabilities, of which none is above 0")
    if (most := float(sums.max())) > 1 + ROUNDING + shown.shape[-1] * step / 2:
        raise AttackError(
            f"{name} shows log-probabilities whose probabilities sum to {most:.6g}, and that must be 1 at most; one that rounds "
            "them returns Stepped(shown, resolution)"
        )
    # What is rounded may be rounded down to 0 in every class, where there are many.
    if not step and bool(((sums == 0) & ~hidden.any(dim=-1)).any()):
        raise AttackError(f"{name} shows log-probabilities whose probabilities sum to 0; one that hides a class shows NaN of it")
    for other in again:
        _same(name, shown, other)


def published(
    function: Callable[..., Any], means: Tensor, people: int, params: Mapping[str, object], kind: torch.dtype
) -> Tensor:
    """Return what a mask of statistics shows of the means of a group, of any shape, as numbers of this `kind`.

    It is asked twice; AttackError says what is wrong with what it shows.
    """
    shown, again = (function(means.clone(), people, **params) for _ in range(2))
    name, wanted = function.__name__, f"{kind} {tuple(means.shape)}"
    if not isinstance(shown, Tensor):
        raise AttackError(f"{name} returned {type(shown).__name__}, where statistics are expected, {wanted}")
    if shown.shape != means.shape or shown.dtype != kind:
        raise AttackError(f"{name} must show {wanted}, NaN where nothing is shown, not {shown.dtype} {tuple(shown.shape)}")
    if bool(shown.isinf().any()):
        raise AttackError(f"{name} shows infinite numbers")
    if not bool(shown.isfinite().any()):
        raise AttackError(f"{name} shows no statistic at all")
    _same(name, shown, again)
    return shown


def _same(name: str, shown: Tensor, again: Tensor) -> None:
    """Raise AttackError if a defense shows something else when it is asked the same again."""
    if not torch.equal(shown.nan_to_num(1.0), again.nan_to_num(1.0)):
        raise AttackError(
            f"{name} shows something else when it is asked the same again; it must follow from what it is given, so whatever it "
            "draws from its parameter `seed`"
        )


@contextlib.contextmanager
def _returning(name: str) -> Iterator[None]:
    """Raise AttackError where what a mask returned, which is first asked for its shape, is no tensor."""
    try:
        yield
    except AttributeError as error:
        if error.name != "shape" or isinstance(error.obj, Tensor):
            raise
        raise AttackError(f"{name} returned {type(error.obj).__name__}, where log-probabilities are expected") from error
