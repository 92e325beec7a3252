"""A target: a really trained model, its candidates, and the handles for what it can offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.blind_baseline import features_of
from attacks.handles import Handle, Ledger, NotGrantedError, Records
from attacks.metrics import Metric
from attacks.seeds import record_ids

HandleMaker = Callable[[Ledger], Handle]
Judge = Callable[[Any], Metric]


@dataclass
class Target:
    """A trained model under attack. Only metrics may read `member`; attacks get handles.

    `x` float32 (n, ...), `label` int64 (n,) and `ids` uint64 (n,) are the candidate records in an order that tells nothing;
    `member` bool (n,) says which of them the model was trained on. `makers` makes a fresh handle for each term on offer.
    `hidden_feature` is the column that `record.partial` leaves out: the sensitive feature of an attack on attributes. `judges`
    compares what an attack with another goal than membership found, by goal, with what only the target knows; the judge of
    `audit`, which only a target has whose members were chosen by coins, takes guesses at them. `blind` returns what a classifier
    that never sees the model reads of the candidates, float64 (n, d), where features and label as they are would not do.
    """

    id: str
    x: Tensor
    label: Tensor
    ids: NDArray[np.uint64]
    member: Tensor
    makers: dict[str, HandleMaker]
    fingerprint: str
    facts: dict[str, Any] = field(default_factory=dict)
    judges: dict[str, Judge] = field(default_factory=dict)
    hidden_feature: int | None = None
    blind: Callable[[], NDArray[np.float64]] | None = None

    def records(self, ledger: Ledger, *, with_label: bool, partial: bool = False) -> Records:
        """Return the candidates as an attack may see them; of partial ones the hidden feature is NaN, and the ids follow it."""
        x, ids = self.x.clone(), self.ids.copy()
        if partial:
            if self.hidden_feature is None:
                raise NotGrantedError(f"{self.id} has no sensitive feature, so there are no partial records")
            x[:, self.hidden_feature] = float("nan")
            ids = record_ids(x.numpy())
        return Records(x, self.label.clone() if with_label else None, ids, ledger)

    def blind_features(self) -> NDArray[np.float64]:
        """Return what a classifier that never sees the model reads of the candidates, float64 (n, d)."""
        return self.blind() if self.blind else features_of(self.x.numpy(), self.label.numpy())

    def grant(self, terms: Iterable[str]) -> Grant:
        """Return what makes handles of these terms and of no others."""
        return Grant({term: self.makers[term] for term in terms if term in self.makers})


class Grant:
    """Makes handles of granted terms. What was not granted cannot be had through it."""

    def __init__(self, makers: dict[str, HandleMaker]):
        self._makers = makers

    def handle(self, term: str, ledger: Ledger) -> Handle:
        """Return a fresh handle of a term; raise NotGrantedError if it was not granted."""
        if term not in self._makers:
            raise NotGrantedError(f"{term} was not granted")
        return self._makers[term](ledger)
