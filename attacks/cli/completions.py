"""What the shell offers while a user types: ids and terms of the catalog. Quiet when the catalog cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from taxonomy.catalog import Catalog
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.terms import FRAMES, MODEL_TYPES, OBSERVATIONS

# A candidate, and what the shell shows beside it.
Candidate = tuple[str, str]
Completion = Callable[[typer.Context, str], list[Candidate]]


def _of(candidates: Callable[[Catalog], Iterable[Candidate]]) -> Completion:
    """Return a completion that reads its candidates from the catalog, with the folders that were already typed."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Candidate]:
        try:
            catalog = load([Path(folder) for folder in ctx.params.get("catalog") or ()])
            return sorted(one for one in candidates(catalog) if one[0].startswith(incomplete))
        except (InputError, OSError):
            return []

    return complete


def _titles(kind: str) -> Completion:
    return _of(lambda catalog: ((name, entry.title) for name, entry in catalog.kinds[kind].items()))


def _terms(catalog: Catalog) -> Iterable[Candidate]:
    return ((term.id, term.title) for term in catalog.terms.values())


def _grantable(catalog: Catalog) -> Iterable[Candidate]:
    return ((term.id, term.title) for term in catalog.terms.values() if term.grantable or term.reading)


def _changes(catalog: Catalog) -> Iterable[Candidate]:
    return ((f"{sign}{name}", catalog.terms[name].title) for sign in "+-" for name in catalog.grantable)


def _entries(catalog: Catalog) -> Iterable[Candidate]:
    return [*_terms(catalog), *((name, entry.title) for name, entry in catalog.entries.items())]


def _fixed(*values: str) -> Completion:
    return lambda ctx, incomplete: [(value, "") for value in values if value.startswith(incomplete)]


def _listed(complete: Completion) -> Completion:
    """Return a completion of the last of several names that are separated by commas."""

    def complete_last(ctx: typer.Context, incomplete: str) -> list[Candidate]:
        before, comma, last = incomplete.rpartition(",")
        return [(f"{before}{comma}{name}", title) for name, title in complete(ctx, last)]

    return complete_last


attacks = _titles("attacks")
targets = _titles("targets")
defenses = _titles("defenses")
factors = _titles("factors")
threat_models = _titles("threat-models")
terms = _of(_terms)
listed_terms = _listed(terms)
artifacts = _of(lambda catalog: ((t.id, t.title) for t in catalog.terms.values() if t.aspect == "artifact"))
grantable = _of(_grantable)
changes = _of(_changes)
entries = _of(_entries)
goals = _of(lambda catalog: ((goal, "") for goal in {attack.goal for attack in catalog.attacks.values()}))
aspects = _of(lambda catalog: ((aspect, "") for aspect in {term.aspect for term in catalog.terms.values()}))
answered = _of(lambda catalog: ((t.id, t.title) for t in catalog.terms.values() if t.aspect == "answers"))
records = _of(lambda catalog: ((t.id, t.title) for t in catalog.terms.values() if t.aspect == "records"))
stages = _of(lambda catalog: ((t.id, t.title) for t in catalog.terms.values() if t.aspect == "stage"))
granularities = _of(lambda catalog: ((t.id, t.title) for t in catalog.terms.values() if t.aspect == "granularity"))
kinds = _of(lambda catalog: ((kind, "") for kind in catalog.kinds))
observations = _fixed(*OBSERVATIONS)
model_types = _fixed(*MODEL_TYPES)
frames = _fixed(*FRAMES)
