"""What every audit hands over, whatever its model is: candidates with truth, and what else the user has. Each part is a grant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attacks.targets.target import Judge, Target
from taxonomy import entries
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from attacks.audit.checks import Check
    from attacks.audit.rows import Rows
    from attacks.audit.tables import Side
    from taxonomy.catalog import Catalog

RUN = "attacks.audit.parts:build"
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

    @property
    def count(self) -> int:
        """How many candidates there are."""
        return len(self.members) + len(self.others)

    @property
    def size(self) -> int:
        """How many records the model was trained on: as stated, else the members."""
        return self.training_size or len(self.members)

    @property
    def service(self) -> bool:
        """Whether each question is a call to a service."""
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

    def settings(self, catalog: Catalog, given: Settings) -> Settings:
        """Return the parameters of attacks for this audit, in which those that the user has `given` stand as they are."""
        return given

    @abstractmethod
    def tried(self, seed: int) -> tuple[list[Check], float | None]:
        """Try the model, and training, on a few records; return what is to be said, and the seconds of training a record."""

    @abstractmethod
    def asked(self) -> list[Check]:
        """Ask the model about the candidates, whose answers every attack needs; return what is to be said of them."""

    @abstractmethod
    def entry(self) -> entries.Target:
        """Return the target as an entry that says what it offers."""

    @abstractmethod
    def made(self) -> Target:
        """Return the target as what answers; the model was asked about its candidates before."""


def build() -> Target:
    """Raise InputError: targets of audits are made of an audit file (`Parts.made`), and of nothing else."""
    raise InputError("the target of an audit is made of an audit file: mia audit FILE")
