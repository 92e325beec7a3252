"""Records marked with a property, and the updates that the adversary computed from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles.handle import Ledger
from attacks.handles.records import HeldRecords


class MarkedRecords(HeldRecords):
    """Labelled records of the adversary, none used for training, each marked with whether it has the property in question."""

    def __init__(self, name: str, x: Tensor, label: Tensor, marked: Tensor, ids: NDArray[np.uint64], ledger: Ledger):
        super().__init__(name, x, label, ids, ledger)
        self._marked = marked

    @property
    def marked(self) -> Tensor:
        """Which records have the property, bool (n,)."""
        self._touch()
        return self._marked.clone()


@dataclass(frozen=True)
class PropertyUpdates:
    """What updates look like with and without the property.

    `x` float64 (n, d) are features; `marked` bool (n,) says which of them had it.
    """

    x: Tensor
    marked: Tensor
