"""What every audit hands over, whatever its model is: candidates with truth, and what else the user has. Each part is a grant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit.rows import content_ids, take
from attacks.handles import SuspectSets
from attacks.seeds import derive_seed
from attacks.targets import dealt_sets
from attacks.targets.target import HandleMaker, Judge, Target
from taxonomy import entries
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from attacks.audit.checks import Check
    from attacks.audit.rows import Rows
    from attacks.audit.tables import Side
    from taxonomy.catalog import Catalog

RUN = "attacks.audit.parts:build"
Ids = NDArray[np.uint64]
Settings = Mapping[str, Mapping[str, str]]


@dataclass(kw_only=True)
class Parts(ABC):
    """What the audit file grants, read and checked; a family of models is a subclass.

    `rows` are the records as attacks see them, members first, then non-members, then the population: None where records are
    known by their numbers alone. `described` are their features, whether these tell records apart or not.
    """

    name: str
    members: Side
    others: Side
    population: Side | None = None
    rows: Rows | None
    described: Rows | None = None
    training_size: int | None = None
    records: str | None = None
    judges: dict[str, Judge] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    dealt: tuple[NDArray[np.int64], NDArray[np.int64]] | None = field(default=None, init=False)

    # What kind of model it is, and what it answers where its terms do not say so.
    model_type: ClassVar[entries.ModelType]
    answered: ClassVar[tuple[str, ...]] = ()

    @property
    def count(self) -> int:
        """How many candidates there are."""
        return len(self.members) + len(self.others)

    @property
    def identified(self) -> bool:
        """Whether the files name their records, which else have but the numbers of their rows."""
        return self.members.identified and self.others.identified

    @property
    def content(self) -> NDArray[np.uint64] | None:
        """A hash of each candidate as it stands in the files, uint64 (n,), where it has no other name than its row's number."""
        rows = self.described or self.rows
        if rows is None or self.identified:
            return None
        return content_ids(take(rows.known, np.arange(self.count)))

    @property
    def size(self) -> int:
        """How many records the model was trained on: as stated, else the members."""
        return self.training_size or len(self.members)

    @property
    def service(self) -> bool:
        """Whether each question is a call to a service."""
        return False

    @property
    def recorded(self) -> bool:
        """Whether answers were handed over in the place of what answers, so that no question can depend on an earlier one."""
        return False

    @property
    def differentiable(self) -> bool:
        """Whether gradients of the model can be had."""
        return False

    @property
    def published(self) -> int | None:
        """How many rows were published once and for everyone, where that is all there is of the model."""
        return None

    @property
    def restored(self) -> Callable[..., Any] | None:
        """What reads models of the user's own training function back from the store."""
        return None

    @property
    def beyond(self) -> frozenset[str]:
        """Terms for which the audit file of such a model has no part, so that nothing is unlocked by them."""
        return frozenset()

    def steps_of(self, catalog: Catalog) -> Catalog:
        """Return the catalog with those steps alone that can be carried out on such a model."""
        return catalog

    def settings(self, catalog: Catalog, given: Settings) -> Settings:
        """Return the parameters of attacks for this audit, in which those that the user has `given` stand as they are."""
        return given

    def deal(self, size: int, shares: Sequence[float], level: float, seed: int) -> None:
        """Deal the candidates into sets, as many as there can be (record.sets), and judge what is found of them.

        There are as many sets without any member as with each of the `shares`. Raises InputError where there is no population,
        of which with every set go as many records, or not even one set of each share.
        """
        if self.population is None:
            raise InputError("with every set go as many records that its owner kept back; hand over a `population` of them")
        wanted = np.array([0, *(max(1, round(share * size)) for share in shares)])
        there = len(self.members), len(self.others), len(self.population)
        each = int(wanted.sum()), int((size - wanted).sum()), len(wanted) * size
        many = min(have // need for have, need in zip(there, each, strict=True) if need)
        if many < 1:
            raise InputError(
                f"sets of {size:,} take at least {each[0]:,} members, {each[1]:,} non-members and {each[2]:,} records of the "
                f"population; there are {there[0]:,}, {there[1]:,} and {there[2]:,}"
            )
        member = self.order < len(self.members)
        drawn = np.random.default_rng(derive_seed(seed, "sets", self.name))
        self.dealt = dealt_sets.dealt(member, len(self.population), np.repeat(wanted, many), size, drawn)
        self.judges |= dealt_sets.judges(member[self.dealt[0]].mean(axis=1), level)

    def of_sets(self) -> dict[str, HandleMaker]:
        """Return what makes the handle of the sets, if the candidates were dealt into some."""
        if self.dealt is None:
            return {}
        rows, held_out = (torch.from_numpy(part) for part in self.dealt)
        return {"record.sets": lambda ledger: SuspectSets("suspect_sets", rows, held_out, ledger)}

    @abstractmethod
    def tried(self, seed: int) -> tuple[list[Check], float | None]:
        """Try the model, and training, on a few records; return what is to be said, and the seconds of training a record."""

    @abstractmethod
    def asked(self) -> list[Check]:
        """Ask the model about the candidates, whose answers every attack needs; return what is to be said of them."""

    @abstractmethod
    def candidates(self) -> tuple[Tensor, Tensor, Ids]:
        """Return the candidates as they stand in the files: x float32 (n, ...), label int64 (n,), ids uint64 (n,)."""

    @abstractmethod
    def keys(self) -> Ids:
        """Return a hash of what is known of each candidate, uint64 (n,), as they stand in the files."""

    @abstractmethod
    def makers(self) -> dict[str, HandleMaker]:
        """Return what makes a fresh handle for each term on offer."""

    @abstractmethod
    def identity(self) -> str:
        """Return a hash of all that the model's answers follow from; the model was asked about its candidates before."""

    @abstractmethod
    def identities(self) -> dict[str, str]:
        """Return hashes of what terms show that cost something to ask about."""

    def blind(self) -> Callable[[], NDArray[np.float64]] | None:
        """Return what makes the features of a classifier that never sees the model, where attacks see others or none."""
        return None

    @property
    def written(self) -> list[str] | None:
        """The candidates as texts, where they are some."""
        return None

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Which candidate of the files stands at each place of the target, int64 (n,).

        In files members stand first, which would tell every attack who they are. Here they stand by a hash of what they are,
        so that scores do not hang on the order of the files either; of equal ones chance decides.
        """
        return np.lexsort((np.random.default_rng(0).random(self.count), self.keys()))

    def as_in_files(self, found: NDArray[Any]) -> NDArray[Any]:
        """Return something of every candidate of the target, (n, ...), in the order of the files."""
        placed = np.empty_like(found)
        placed[self.order] = found
        return placed

    def entry(self) -> entries.Target:
        """Return the target as an entry that says what it offers: each part of the audit file is a grant."""
        labelled = self.members.label is not None
        return entries.Target(
            schema=1,
            id=self.name,
            title=self.name,
            summary="A model of one's own.",
            model=self.model_type,
            frame="stand-alone",
            data="handed over in an audit file",
            offers=[*self.makers(), *(["record.label"] if labelled else []), *(["D2.coins"] if "audit" in self.judges else [])],
            run=RUN,
            answers=list(self.answered),
            records=[self.records] if self.records else [],
            differentiable=self.differentiable,
            recorded=self.recorded,
        )

    def made(self) -> Target:
        """Return the target as what answers; the model was asked about its candidates before."""
        (x, label, ids), order, blind = self.candidates(), self.order, self.blind()
        return Target(
            id=self.name,
            x=x[order],
            label=label[order],
            ids=ids[order],
            member=torch.from_numpy(order < len(self.members)),
            makers=self.makers(),
            fingerprint=self.identity(),
            judges=self.judges,
            identities=self.identities(),
            featured=self.described is not None or blind is not None,
            blind=None if blind is None else lambda: blind()[order],
            texts=None if self.written is None else [self.written[place] for place in order],
        )


def build() -> Target:
    """Raise InputError: targets of audits are made of an audit file (`Parts.made`), and of nothing else."""
    raise InputError("the target of an audit is made of an audit file: mia audit FILE")
