"""Terms, works and definitions in words, from the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taxonomy.catalog import Catalog
from taxonomy.references import citation, works

# Words of the field that the page uses, by the id of their glossary entry.
GLOSSARY = (
    "auc",
    "balanced-accuracy",
    "confidence-interval",
    "false-positive-rate",
    "member",
    "membership-inference-attack",
    "non-member",
    "roc-curve",
    "threat-model",
    "tpr-at-low-fpr",
    "true-positive-rate",
)
# Aspects of terms that say what is attacked and from where, rather than what the adversary has.
FRAMING = ("observation", "model-type", "frame", "answers", "records", "differentiable")


@dataclass(frozen=True)
class Term:
    """A term as a reader sees it: its title, with its code in small print, and its definition."""

    code: str
    title: str
    definition: str = ""


def term(catalog: Catalog, code: str) -> Term:
    """Return a term of the catalog in words; a code that the catalog lacks stands for itself."""
    found = catalog.terms.get(code)
    return Term(code, found.title, found.definition) if found else Term(code, code)


def terms(catalog: Catalog, codes: Iterable[str]) -> list[Term]:
    """Return terms in words, in the order given."""
    return [term(catalog, code) for code in codes]


def stated(catalog: Catalog, codes: Iterable[str]) -> list[str]:
    """Return the terms, sorted, without those that follow from the others: who has samples knows how large they are, too."""
    kept = sorted(set(codes))
    for code in [*kept]:
        rest = set(kept) - {code}
        if code in _closure(catalog, rest):
            kept.remove(code)
    return kept


def _closure(catalog: Catalog, codes: set[str]) -> set[str]:
    known = set(codes)
    grown = True
    while grown:
        new = {rule.yields for rule in catalog.implications if known.issuperset(rule.needs)} - known
        known |= new
        grown = bool(new)
    return known


def frames(catalog: Catalog, code: str) -> bool:
    """Return whether a term says what is attacked and from where, rather than what the adversary has."""
    return code in catalog.terms and catalog.terms[code].aspect in FRAMING


def glossary(catalog: Catalog) -> list[Term]:
    """Return the words of the field that the page uses, with what they mean, sorted by title."""
    entries = catalog.kinds["glossary"]
    found = [entries[f"glossary-{name}"] for name in GLOSSARY if f"glossary-{name}" in entries]
    return sorted((Term(entry.id, entry.title, entry.summary) for entry in found), key=lambda one: one.title)


class References:
    """The works that a page cites, numbered from 1 in the order in which they are first cited."""

    def __init__(self, catalog: Catalog):
        self._works = works(catalog)
        self._numbers = dict[str, int]()

    def number(self, key: str) -> int:
        """Return the number of a work, a new one if it was not cited before."""
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    @property
    def listed(self) -> list[tuple[int, str]]:
        """The works cited so far: number and citation."""
        return [(number, citation(self._works[key]) if key in self._works else key) for key, number in self._numbers.items()]
