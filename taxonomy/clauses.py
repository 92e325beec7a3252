"""What other knowledge bases, standards and authorities say of membership inference, clause by clause, and what answers it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Defense, Entry, Known
from taxonomy.terms import Strict, Text

Framework = Literal["atlas", "owasp", "nist", "edpb"]
FRAMEWORKS = {
    "atlas": "MITRE ATLAS",
    "owasp": "OWASP",
    "nist": "NIST AI 100-2",
    "edpb": "European Data Protection Board, Opinion 28/2024",
}
# How ATLAS names a tactic in a kill chain, of the techniques that are mapped here.
Tactic = Literal["ai-attack-staging", "ai-model-access", "exfiltration"]


class Answered(Strict):
    """A command of ours, and what its answer is worth to who has to meet the clause."""

    command: Text
    gives: Text


class Clause(Entry):
    """One technique, mitigation, risk or requirement of somebody else: what it says in our words, and what answers it.

    `version` is the edition that was read, and `short` says what no command of ours answers.
    """

    framework: Framework
    code: Text = Field(description="its own name there")
    kind: Literal["technique", "mitigation", "risk", "requirement", "attack"]
    version: Text
    url: Text
    where: Text
    source: Known
    tactic: Tactic | None = None
    answered: list[Answered] = Field(default_factory=list)
    short: Text | None = None


def by_code(catalog: Catalog) -> dict[tuple[str, str], Clause]:
    """Return the clauses by framework and code."""
    return {(clause.framework, clause.code): clause for clause in catalog.kinds["clauses"].values()}


def of(catalog: Catalog, entry: Attack | Defense) -> list[Clause]:
    """Return the clauses that an entry is mapped to, in the order in which it names them."""
    known = by_code(catalog)
    return [known[framework, code] for framework, codes in entry.maps.codes.items() for code in codes]
