"""A target: a really trained model, its candidates, and the handles for what it can offer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import Handle, HeldRecords, Ledger, NotGrantedError, Records, TextRecords
from attacks.metrics import Metric
from attacks.metrics.blind_baseline import features_of
from attacks.seeds import record_ids
from attacks.targets.data.records import check_finite, listed
from taxonomy.findings import InputError

HandleMaker = Callable[[Ledger], Handle]
Judge = Callable[[Any], Metric]

# Records that the adversary holds beside the candidates, of which it may take that none is a candidate.
HELD = ("D1.samples", "D2.members")


@dataclass
class Target:
    """A trained model under attack. Only metrics may read `member`; attacks get handles.

    `x` float32 (n, ...), `label` int64 (n,) and `ids` uint64 (n,) are the candidate records in an order that tells nothing;
    `member` bool (n,) says which of them the model was trained on. `makers` makes a fresh handle for each term on offer.
    `hidden_feature` is the column that `record.partial` leaves out: the sensitive feature of an attack on attributes. `judges`
    compares what an attack with another goal than membership found, by goal, with what only the target knows; the judge of
    `audit`, which only a target has whose members were chosen by coins, takes guesses at them. `blind` returns what a classifier
    that never sees the model reads of the candidates, float64 (n, d), where features and label as they are would not do.
    `warnings` say what a reader of any result must know of the candidates. `identities` are hashes of what terms show, of those
    that cost something to ask about. `featured` is false where candidates are known by their answers alone. `texts` are
    those behind candidates that are codes of symbols other than single characters.
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
    warnings: list[str] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    featured: bool = True
    texts: Sequence[str] | None = None

    def records(self, ledger: Ledger, *, with_label: bool, partial: bool = False) -> Records:
        """Return the candidates as an attack may see them; of partial ones the hidden feature is NaN, and the ids follow it."""
        x, ids = self.x.clone(), self.ids.copy()
        if partial:
            if self.hidden_feature is None:
                raise NotGrantedError(f"{self.id} has no sensitive feature, so there are no partial records")
            x[:, self.hidden_feature] = float("nan")
            ids = record_ids(x.numpy())
        label = self.label.clone() if with_label else None
        return Records(x, label, ids, ledger) if self.texts is None else TextRecords(x, label, ids, ledger, self.texts)

    def blind_features(self) -> NDArray[np.float64] | None:
        """Return what a classifier that never sees the model reads of the candidates, float64 (n, d); None of no features."""
        if not self.featured:
            return None
        return self.blind() if self.blind else features_of(self.x.numpy(), self.label.numpy())

    def check(self) -> list[str]:
        """Return in sentences, with counts, what is odd about the candidates: records that stand twice, and classes without any.

        A candidate that stands on both sides is a member and called none; one whose copy the adversary holds was given away.
        Raises InputError unless the candidates are records of finite float32, each with a label, an id and a side.
        """
        count = len(self.x)
        if not isinstance(self.x, Tensor) or self.x.dtype != torch.float32 or self.x.ndim < 2 or not count:
            found = f"{type(self.x).__name__} of {self.x.dtype} {tuple(self.x.shape)}"
            raise InputError(f"{self.id}: candidates are a tensor of float32 (n, ...), not {found}")
        check_finite(f"{self.id}, candidates", self.x.numpy())
        of_classes = self.label.dtype == torch.int64 and self.label.ndim in (1, 3)
        of_numbers = self.label.dtype == torch.float64 and self.label.ndim == 1
        if len(self.label) != count or not (of_classes or of_numbers):
            raise InputError(
                f"{self.id}: labels are int64 ({count},), a map of them a record, or float64 ({count},) of a regression, not "
                f"{self.label.dtype} {tuple(self.label.shape)}"
            )
        if not bool(self.label.isfinite().all()) or (of_classes and int(self.label.min()) < 0):
            raise InputError(f"{self.id}: a label is no finite number, or no class, which are numbered from 0")
        if self.member.dtype != torch.bool or self.member.shape != (count,) or self.ids.shape != (count,):
            raise InputError(f"{self.id}: each of the {count:,} candidates takes a bool that says if it is a member, and an id")
        return [*self._copies(), *(self._empty_classes() if "Q.scores" in self.makers and of_classes else [])]

    def _copies(self) -> list[str]:
        member, seen = self.member.numpy(), record_ids(self.x.numpy())
        parts = {"candidates that are members": seen[member], "candidates that are none": seen[~member]}
        held = {term: self.makers[term](Ledger()) for term in HELD if term in self.makers}
        for term, records in held.items():
            if isinstance(records, HeldRecords):
                parts[f"records that the adversary holds ({term})"] = record_ids(records.x.numpy())
        names = list(parts)
        found = {f"{name} are copies of others of them": len(parts[name]) - len(np.unique(parts[name])) for name in names[:2]}
        for one, other in itertools.combinations(names, 2):
            found[f"{one} stand among the {other} too"] = int(np.isin(parts[one], parts[other]).sum())
        return [f"{what}: {number:,}" for what, number in found.items() if number]

    def _empty_classes(self) -> list[str]:
        counts = torch.bincount(self.label.flatten())
        missing = (counts == 0).nonzero().flatten().tolist()
        if not missing:
            return []
        return [f"no candidate has {len(missing):,} of the labels from 0 to {len(counts) - 1:,} ({listed(missing)})"]

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
