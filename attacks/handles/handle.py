"""Handles in general: small types through which an adversary touches what it has, and the ledger of what it used."""

from __future__ import annotations


class AttackError(Exception):
    """The attack cannot go on; the message says why."""


class NotGrantedError(AttackError):
    """Code reached for something that its entry does not need."""


class UnsuitableError(AttackError):
    """Records of this kind are nothing for the attack; the message says what it takes."""


class QueryLimitError(AttackError):
    """The adversary has no queries left."""


class Ledger:
    """What one attack or step used: which handles it touched and how many records it queried."""

    def __init__(self, limit: int | None = None, spent: int = 0):
        self.limit = limit
        self.queries = spent
        self.touched: set[str] = set()

    def charge(self, queries: int) -> None:
        """Count queries; raise QueryLimitError before the limit is passed."""
        if self.limit is not None and self.queries + queries > self.limit:
            raise QueryLimitError(
                f"the query limit is {self.limit:,}: {self.queries:,} were spent and {queries:,} more were asked for"
            )
        self.queries += queries


class Handle:
    """What all handles have in common: a name, and the ledger of the code that holds it."""

    def __init__(self, name: str, ledger: Ledger):
        self._name = name
        self.ledger = ledger

    def _touch(self) -> None:
        self.ledger.touched.add(self._name)
