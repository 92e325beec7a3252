"""Whole numbers that torch turns into float32 on their way to a score: quotients hold 7 digits only, and 1e-300 becomes 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

OPERATIONS = ("__truediv__", "__rtruediv__", "div", "__mul__", "__rmul__", "__add__", "__radd__", "log", "log2", "sqrt", "exp")


def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every operation fail that makes float32 of whole numbers alone."""

    def careful(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Tensor, *others: Any, **options: Any) -> Any:
            result = operation(self, *others, **options)
            if isinstance(result, Tensor) and result.dtype == torch.float32 and not self.is_floating_point():
                whole = [other for other in others if isinstance(other, Tensor) and other.is_floating_point()]
                assert whole, f"Tensor.{name} makes float32 of {self.dtype}"
            return result

        return call

    for name in OPERATIONS:
        monkeypatch.setattr(Tensor, name, careful(name, getattr(Tensor, name)))
