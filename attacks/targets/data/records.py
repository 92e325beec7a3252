"""What every data set is: records and labels, no record twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Data:
    """Records x float32 (n, ...), labels y int64 (n,), without duplicates."""

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1


def deduplicated(name: str, x: NDArray[Any], y: NDArray[Any]) -> Data:
    """Return the data without repeated records: a duplicate on both sides of a split makes "non-member" false."""
    first: dict[bytes, int] = {}
    for row, record in enumerate(x):
        first.setdefault(record.tobytes(), row)
    kept = list(first.values())
    return Data(name, np.ascontiguousarray(x[kept], dtype=np.float32), y[kept].astype(np.int64))


def standardised(data: Data) -> Data:
    """Return the data with every feature of mean 0 and, unless it is constant, standard deviation 1."""
    spread = data.x.std(axis=0)
    x = (data.x - data.x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return Data(data.name, x.astype(np.float32), data.y)
