"""Handle of attacks on sets: which candidates come together, and which records their owner kept back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles.handle import Handle, Ledger
from attacks.handles.records import HeldRecords, Records


class SuspectSets(Handle):
    """The candidates in sets of one size, each beside as many records of the population that its owner kept back.

    No record is in two sets, and none was kept back twice, so that what is found of one set says nothing of another.
    """

    def __init__(self, name: str, rows: Tensor, held_out: Tensor, ledger: Ledger):
        super().__init__(name, ledger)
        self._rows, self._held_out = rows, held_out

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Tensor:
        """Rows of the candidates that are in each set, int64 (sets, size)."""
        self._touch()
        return self._rows.clone()

    @property
    def held_out(self) -> Tensor:
        """Rows of the population that were kept back with each set, int64 (sets, size)."""
        self._touch()
        return self._held_out.clone()

    def joined(self, records: HeldRecords, population: HeldRecords, *, labelled: bool = False) -> Records:
        """Return the records of all sets and behind them those kept back, 2 * sets * size; `labelled` with their labels."""
        suspect, kept = self.rows.flatten(), self.held_out.flatten()
        label = torch.cat([records.label[suspect], population.label[kept]]) if labelled else None
        ids = np.concatenate([records.ids[suspect.numpy()], population.ids[kept.numpy()]])
        return Records(torch.cat([records.x[suspect], population.x[kept]]), label, ids, self.ledger)
