"""What every data set is: records and labels, no record twice. They are checked here, where they enter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taxonomy.findings import InputError


@dataclass(frozen=True)
class Data:
    """Records x float32 (n, ...), labels y int64 (n,), without duplicates.

    Raises InputError for anything else than finite numbers, and for labels that are not one whole number from 0 on a record.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]

    def __post_init__(self) -> None:
        for what, part in (("x", self.x), ("y", self.y)):
            if not isinstance(part, np.ndarray):
                raise InputError(f"the data set {self.name}: {what} is a {type(part).__name__}, and not a numpy array")
        if self.x.ndim < 2 or 0 in self.x.shape[1:]:
            raise InputError(f"the data set {self.name}: x has the shape {self.x.shape}; it takes (records, ...), with features")
        check_finite(f"the data set {self.name}", self.x)
        if self.y.shape != (len(self.x),) or self.y.dtype.kind not in "iu" or (len(self.y) and self.y.min() < 0):
            raise InputError(
                f"the data set {self.name} has {len(self.x):,} records, and as labels {self.y.dtype} {self.y.shape}"
                f"{f' from {self.y.min()}' if self.y.size else ''}; it takes one whole number a record, from 0 on"
            )

    @property
    def classes(self) -> int:
        """Number of classes; raises InputError unless there are two or more, and every one up to the highest has records.

        A class without a record is one that no model learns, though it answers with a column for it.
        """
        counts = np.bincount(self.y)
        if (counts > 0).sum() < 2:
            raise InputError(f"the data set {self.name} has {len(self.y):,} records of one class; a classifier takes two")
        if missing := np.flatnonzero(counts == 0).tolist():
            raise InputError(
                f"the data set {self.name} has labels from 0 to {len(counts) - 1:,}, but no record of {len(missing):,} of them "
                f"({listed(missing)}); number its {len(counts) - len(missing):,} classes without gaps"
            )
        return len(counts)

    def some(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return the records of these rows as tensors: x float32 (rows, ...) and labels int64 (rows,)."""
        return torch.from_numpy(self.x[rows]), torch.from_numpy(self.y[rows])


def listed(numbers: Sequence[int]) -> str:
    """Return the first five of some numbers as text, and how many more there are."""
    return ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else "")


def check_finite(what: str, x: NDArray[Any]) -> None:
    """Raise InputError if a record of x (n, ...) holds something that is no finite number, saying how many do and where."""
    wrong = ~np.isfinite(x)
    if wrong.any():
        place = tuple(int(k) for k in np.argwhere(wrong)[0][1:])
        rows = wrong.reshape(len(x), -1).any(axis=1).sum()
        column = place[0] if len(place) == 1 else place
        raise InputError(f"{what}: {rows:,} of {len(x):,} records hold no finite number, the first of them in column {column}")


def deduplicated(name: str, x: NDArray[Any], y: NDArray[Any]) -> Data:
    """Return the data without repeated records: a duplicate on both sides of a split makes "non-member" false.

    Records are compared as models see them: in float32, where -0.0 is 0.0. Of several the first is kept, with its label.
    """
    # Adding 0 turns -0.0 into 0.0, so that equal records are equal bytes.
    seen = np.ascontiguousarray(x, dtype=np.float32) + np.float32(0)
    first: dict[bytes, int] = {}
    for row, record in enumerate(seen):
        first.setdefault(record.tobytes(), row)
    kept = list(first.values())
    return Data(name, seen[kept], y[kept].astype(np.int64))


def standardised(data: Data) -> Data:
    """Return the data with every feature of mean 0 and, unless it is constant, standard deviation 1."""
    spread = data.x.std(axis=0)
    x = (data.x - data.x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return Data(data.name, x.astype(np.float32), data.y)
