"""Handles of diffusion models: the noise that the model finds in a noisy record, by query or with the network at home."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attacks.handles import answers
from attacks.handles.handle import AttackError, Handle, Ledger
from attacks.models.generators import noising

Predict = Callable[[Tensor, int], Tensor]


class _OnSchedule(Handle):
    """What knows how much noise there is at each step; steps count from 0, where there is hardly any."""

    def __init__(self, name: str, kept: Sequence[float], ledger: Ledger):
        super().__init__(name, ledger)
        self._kept = tuple(kept)

    @property
    def kept(self) -> tuple[float, ...]:
        """The share of a record's variance that is left at each step."""
        self._touch()
        return self._kept

    def noised(self, x: Tensor, noise: Tensor, step: int) -> Tensor:
        """Return records x (n, ...) with noise (n, ...) mixed in as there is at this step."""
        return noising.mixed(x, noise, self.kept[self._checked(step)])

    def moved(self, x: Tensor, noise: Tensor, step: int, there: int) -> Tensor:
        """Return records x (n, ...) of one step as they are at another, if `noise` (n, ...) is the noise in them."""
        return noising.moved(x, noise, self.kept[self._checked(step)], self.kept[self._checked(there)])

    def _checked(self, step: int) -> int:
        if not 0 <= step < len(self._kept):
            raise AttackError(f"the model has steps 0 to {len(self._kept) - 1:,}; {step:,} is none of them")
        return step


class NoisePredictor(_OnSchedule):
    """Answers with the noise that the model finds in a record at a step of one's choice. Each record is one query."""

    def __init__(self, name: str, kept: Sequence[float], predict: Predict, ledger: Ledger, *, counted: bool = True):
        super().__init__(name, kept, ledger)
        self._predict = predict
        self._counted = counted

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """Return the noise in records x (n, ...) that are at this step, float64 (n, ...)."""
        self._touch()
        self._checked(step)
        if self._counted:
            self.ledger.charge(len(x))
        with torch.no_grad():
            return answers.finite(self._predict(x.detach().clone().float(), step).double(), len(x))


class DenoiserAccess(_OnSchedule):
    """The network itself: it can be called and differentiated at home, without a limit. `shape` is that of one record."""

    def __init__(self, name: str, kept: Sequence[float], shape: tuple[int, ...], predict: Predict, ledger: Ledger):
        super().__init__(name, kept, ledger)
        self.shape = shape
        self._predict = predict

    @property
    def size(self) -> int:
        """How many values a record has."""
        return math.prod(self.shape)

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """Return the noise in records x (n, *shape) that are at this step, float32 (n, *shape), with its gradient."""
        self._touch()
        return answers.finite(self._predict(x, self._checked(step)), len(x))
