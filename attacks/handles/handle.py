"""Handles in general: small types through which an adversary touches what it has, and the ledger of what it used."""

from __future__ import annotations

from typing import Generic, TypeVar

from attacks.errors import AttackError as AttackError

# What answers: a function of what an oracle is asked, or a table.
A = TypeVar("A")


class NotGrantedError(AttackError):
    """Code reached for something that its entry does not need."""


class UnsuitableError(AttackError):
    """The target has too few records for the attack, or none of a kind that it works on; the message says what it takes."""


class QueryLimitError(AttackError):
    """The adversary has no queries left."""


class Ledger:
    """What one attack or step used: which handles it touched, how many records it queried, and what is to be known of answers."""

    def __init__(self, limit: int | None = None, spent: int = 0):
        self.limit = limit
        self.queries = spent
        self.touched: set[str] = set()
        self._notes: dict[str, tuple[int, int]] = {}

    def charge(self, queries: int) -> None:
        """Count queries; raise QueryLimitError before the limit is passed."""
        if self.limit is not None and self.queries + queries > self.limit:
            raise QueryLimitError(
                f"the query limit is {self.limit:,}: {self.queries:,} were spent and {queries:,} more were asked for"
            )
        self.queries += queries

    def note(self, sentence: str, concerned: int, answers: int) -> None:
        """Note what a reader must know of `concerned` of so many answers; the same sentence is said once, with all of them."""
        before = self._notes.get(sentence, (0, 0))
        self._notes[sentence] = (before[0] + concerned, before[1] + answers)

    @property
    def notes(self) -> list[str]:
        """What is to be known of answers, with how many of how many it concerns."""
        return [f"{sentence} ({some:,} of {every:,} answers)" for sentence, (some, every) in self._notes.items() if some]


class Handle:
    """What all handles have in common: a name, and the ledger of the code that holds it."""

    def __init__(self, name: str, ledger: Ledger):
        self._name = name
        self.ledger = ledger

    def _touch(self) -> None:
        self.ledger.touched.add(self._name)


class Oracle(Handle, Generic[A]):
    """What answers for a price. It is asked at home, without a count, where `counted` is false."""

    def __init__(self, name: str, answer: A, ledger: Ledger, *, counted: bool = True):
        super().__init__(name, ledger)
        self._answer = answer
        self._counted = counted

    def _ask(self, queries: int) -> None:
        """Note that so many queries are made; raise QueryLimitError before the limit is passed."""
        self._touch()
        if self._counted:
            self.ledger.charge(queries)
