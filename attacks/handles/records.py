"""Handles of records that the adversary holds: the candidates, and others whose membership it may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles.handle import Handle, Ledger, NotGrantedError

CANDIDATES = "records"


class HeldRecords(Handle):
    """Records that the adversary holds: features and identities."""

    def __init__(self, name: str, x: Tensor, label: Tensor | None, ids: NDArray[np.uint64], ledger: Ledger):
        super().__init__(name, ledger)
        self._x, self._label, self._ids = x, label, ids

    def __len__(self) -> int:
        return len(self._x)

    @property
    def x(self) -> Tensor:
        """Features, float32 of shape (n, ...)."""
        self._touch()
        return self._x.clone()

    @property
    def ids(self) -> NDArray[np.uint64]:
        """Identity of every record, uint64 of shape (n,)."""
        self._touch()
        return self._ids.copy()

    @property
    def label(self) -> Tensor:
        """True labels, int64 of shape (n,), or (n, height, width) of pixels, or float64 (n,) of a regression.

        Raises NotGrantedError where they are not known.
        """
        if self._label is None:
            raise NotGrantedError(f"{self._name}.label was read, but the entry does not need record.label")
        self.ledger.touched.add("record.label" if self._name == CANDIDATES else self._name)
        return self._label.clone()


class Records(HeldRecords):
    """Candidate records; their labels can be read if `record.label` is granted."""

    def __init__(self, x: Tensor, label: Tensor | None, ids: NDArray[np.uint64], ledger: Ledger):
        super().__init__(CANDIDATES, x, label, ids, ledger)


class TextRecords(Records):
    """Candidate records that are codes of symbols other than single characters, with the texts behind them."""

    def __init__(self, x: Tensor, label: Tensor | None, ids: NDArray[np.uint64], ledger: Ledger, texts: Sequence[str]):
        super().__init__(x, label, ids, ledger)
        self._texts = tuple(texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, as many as there are records."""
        self._touch()
        return self._texts


@dataclass(frozen=True)
class ShadowData:
    """Labelled records for shadow models.

    `x` is float32 (n, ...); `label` is int64 (n,) or (n, height, width); `ids` is uint64 (n,).
    """

    x: Tensor
    label: Tensor
    ids: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.x)


class Population(HeldRecords):
    """Labelled records that the adversary holds beside the candidates; none of them is a candidate or a member."""


class KnownMembers(HeldRecords):
    """Labelled records that the adversary knows to be members, and some that it knows to be none; none is a candidate."""

    def __init__(
        self,
        name: str,
        x: Tensor,
        label: Tensor | None,
        ids: NDArray[np.uint64],
        ledger: Ledger,
        non_members: ShadowData | None = None,
    ):
        super().__init__(name, x, label, ids, ledger)
        self._non_members = non_members

    @property
    def non_members(self) -> ShadowData:
        """Labelled records that are known not to be members, as `x`, `label` and `ids`; raises NotGrantedError where none are."""
        if self._non_members is None:
            raise NotGrantedError(f"{self._name} holds no known non-members")
        self._touch()
        return ShadowData(self._non_members.x.clone(), self._non_members.label.clone(), self._non_members.ids.copy())


class Poison(HeldRecords):
    """Labelled records of the adversary's choice, which the target was trained on too; their labels need not be true."""


class Superset(HeldRecords):
    """Labelled records among which all members are, without a mark."""


class OwnTrainingSet(HeldRecords):
    """Labelled records that are exactly the training set, in the order in which it was trained on: what only its owner has."""

    def __init__(self, name: str, x: Tensor, label: Tensor, ids: NDArray[np.uint64], seed: int, ledger: Ledger):
        super().__init__(name, x, label, ids, ledger)
        self._seed = seed

    @property
    def seed(self) -> int:
        """The seed of initial weights and order with which the owner trained the target."""
        self._touch()
        return self._seed
