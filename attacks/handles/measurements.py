"""What steps make: answers and statistics with known membership, from which attacks learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.handles.records import ShadowData


class PopulationStatistics:
    """Labelled records that are known not to be members, with the scores that the target gives them."""

    def __init__(self, records: ShadowData, log_probs: Tensor):
        if log_probs.dtype != torch.float64 or log_probs.ndim != 2 or len(log_probs) != len(records):
            raise ValueError(f"log_probs is {log_probs.dtype} {tuple(log_probs.shape)}, not float64 ({len(records)}, classes)")
        self._records = records
        self._log_probs = log_probs

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> ShadowData:
        """Copies of the records: x float32 (n, ...), label int64 (n,), ids uint64 (n,)."""
        return ShadowData(self._records.x.clone(), self._records.label.clone(), self._records.ids.copy())

    @property
    def log_probs(self) -> Tensor:
        """The target's log-probabilities, float64 of shape (n, classes)."""
        return self._log_probs.clone()

    def signal(self, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return a signal of the target on every record, float64 of shape (n,): of(log_probs, label)."""
        return of(self.log_probs, self._records.label)


class ShadowAggregates:
    """Statistics of made-up groups of one size, for every candidate record with and without it.

    `others` float64 (groups, ...) are sums over other records; `waiting` bool (groups,) says which groups lack one record,
    whose place the candidate takes. `x` float32 (n, ...) are the candidates; `size` is the number of records in a group.
    """

    def __init__(self, others: Tensor, waiting: Tensor, x: Tensor, size: int):
        if others.dtype != torch.float64 or waiting.shape != (len(others),) or others.shape[1:] != x.shape[1:]:
            raise ValueError(f"groups {tuple(others.shape)}, waiting {tuple(waiting.shape)} and records {tuple(x.shape)} differ")
        self._others, self._waiting, self._x, self.size = others, waiting, x, size

    def __len__(self) -> int:
        return len(self._others)

    @property
    def inside(self) -> Tensor:
        """Which groups have the candidate, whoever it is, bool of shape (groups,)."""
        return self._waiting.clone()

    def of(self, record: int) -> Tensor:
        """Return what would be published of each group for one candidate, float64 of shape (groups, ...)."""
        places = self._waiting.double().reshape(-1, *[1] * (self._others.ndim - 1))
        return (self._others + places * self._x[record].double()) / self.size

    def packed(self) -> dict[str, Tensor]:
        """Return what the groups are made of, for the store: others float64, waiting bool, x float32, size int64."""
        return {"others": self._others, "waiting": self._waiting, "x": self._x, "size": torch.tensor(self.size)}

    def first(self, count: int) -> ShadowAggregates:
        """Return a view of the first `count` groups."""
        return ShadowAggregates(self._others[:count], self._waiting[:count], self._x, self.size)


@dataclass(frozen=True)
class AttackData:
    """Answers of some model on labelled records, each marked as trained on by that model or not: what attack models learn from.

    `log_probs` is float64 (n, classes); `label` is int64 (n,); `member` is bool (n,).
    """

    log_probs: Tensor
    label: Tensor
    member: Tensor

    def __post_init__(self) -> None:
        if self.log_probs.dtype != torch.float64 or self.log_probs.ndim != 2 or self.member.dtype != torch.bool:
            raise ValueError(
                f"attack data are float64 (n, classes) and bool (n,), not {self.log_probs.dtype}, {self.member.dtype}"
            )
        if not len(self.log_probs) == len(self.label) == len(self.member):
            raise ValueError(f"{len(self.log_probs)} answers, {len(self.label)} labels, {len(self.member)} marks")

    def __len__(self) -> int:
        return len(self.log_probs)


@dataclass(frozen=True)
class ShadowUpdates:
    """How single-record updates of the adversary's own model change its answers on a probing set.

    `change` float64 (updates, probes * classes) are differences of probabilities, those of the first probing record first;
    `label` int64 (updates,) are the labels of the records that caused them; `probes` float32 (probes, ...) are the probing set.
    """

    change: Tensor
    label: Tensor
    probes: Tensor

    def __post_init__(self) -> None:
        if self.change.dtype != torch.float64 or self.change.ndim != 2 or self.label.dtype != torch.int64:
            raise ValueError(f"changes and labels are float64 and int64, not {self.change.dtype} and {self.label.dtype}")
        if len(self.change) != len(self.label) or not len(self.probes) or self.change.shape[1] % len(self.probes):
            raise ValueError(f"changes {tuple(self.change.shape)}, {len(self.label)} labels and {len(self.probes)} probes differ")

    def __len__(self) -> int:
        return len(self.change)

    @property
    def classes(self) -> int:
        """The number of classes that the shadow model answers with."""
        return self.change.shape[1] // len(self.probes)
