"""What every handle offers to an attack: the argument's name, the types that it can be of, and what these offer.

Which types those are is read off the annotations of the functions that the catalog's entries name, as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.catalog import Catalog, installed_sources
from taxonomy.check import CANDIDATES, package
from taxonomy.offers import Place, Type, Types, first
from taxonomy.source import Package, function_node
from taxonomy.terms import MODEL_TYPES

FEDERATED = "federated"


@dataclass(frozen=True)
class Kind:
    """One type that a handle can be of, and the model types and the frame in which the catalog's code takes it for that.

    `models` are empty where they are not known, `federated` is whether that is only in federations.
    """

    type: Type
    models: tuple[str, ...]
    federated: bool


@dataclass(frozen=True)
class HandleOffers:
    """A handle: its name, which is that of the argument, the terms that it is the handle of, and the types that it can be of."""

    name: str
    terms: tuple[str, ...]
    kinds: tuple[Kind, ...]

    def where(self, kind: Kind) -> str:
        """Return in words where the handle is of this type, if there are several."""
        if len(self.kinds) < 2:
            return ""
        return (" and ".join(kind.models) or "other models") + (", in a federation" if kind.federated else "")

    def as_json(self) -> dict[str, Any]:
        """Return the handle as plain data."""
        return {
            "handle": self.name,
            "terms": list(self.terms),
            "types": [
                {
                    "type": kind.type.name,
                    "module": kind.type.place[0],
                    "models": list(kind.models),
                    "federated": kind.federated,
                    "what": kind.type.doc,
                    "offers": [
                        {"code": o.written(self.name, typed=True), "what": o.doc, "cost": o.cost} for o in kind.type.offers
                    ],
                }
                for kind in self.kinds
            ],
        }


@dataclass(frozen=True)
class _Use:
    """A function that takes a handle for a type: of an attack or a step, or a view between handles."""

    models: frozenset[str]
    federated: bool
    view: bool


def offered(catalog: Catalog, packages: Mapping[str, Package]) -> list[HandleOffers]:
    """Return every handle of a catalog in the order of its terms, the candidates before all others."""
    types = Types(packages)
    uses: dict[str, dict[Place, list[_Use]]] = {}
    for run, use in _functions(catalog):
        for name, kind in _arguments(types, packages, run):
            uses.setdefault(name, {}).setdefault(kind.place, []).append(use)
    terms: dict[str, list[str]] = {CANDIDATES: []}
    for term in catalog.terms.values():
        if term.handle:
            terms.setdefault(term.handle, []).append(term.id)
    return [
        HandleOffers(name, tuple(named), tuple(_kinds(catalog, types, named, uses.get(name, {}))))
        for name, named in terms.items()
    ]


def _functions(catalog: Catalog) -> Iterator[tuple[str, _Use]]:
    for entry in catalog.acts:
        if entry.run:
            yield entry.run, _Use(frozenset(MODEL_TYPES).intersection(entry.needs), FEDERATED in entry.needs, view=False)
    for implication in catalog.implications:
        if implication.view:
            yield implication.view, _Use(frozenset(), False, view=True)


def _arguments(types: Types, packages: Mapping[str, Package], run: str) -> Iterator[tuple[str, Type]]:
    """Yield the positional arguments of a function with the types that their annotations name."""
    module = run.partition(":")[0]
    package = packages.get(module.split(".")[0])
    node = function_node(package, run) if package else None
    for argument in [*node.args.posonlyargs, *node.args.args] if node else ():
        for kind in types.named(module, argument.annotation):
            yield argument.arg, kind


def _kinds(catalog: Catalog, types: Types, terms: Sequence[str], uses: Mapping[Place, list[_Use]]) -> Iterator[Kind]:
    """Yield the types of one handle, those of most functions first.

    A view that takes less than attacks do, a base of their type, tells nothing new. Of a type that only views name, the model
    types are those of the terms that no attack takes for another type.
    """
    acting = {place: real for place, found in uses.items() if (real := [use for use in found if not use.view])}
    taken = frozenset[str]().union(*(use.models for found in acting.values() for use in found))
    for place in sorted(uses, key=lambda one: (one not in acting, -len(uses[one]))):
        kind = types.find(*place)
        assert kind is not None, "it was found before"
        if place in acting:
            models = frozenset[str]().union(*(use.models for use in acting[place]))
            federated = all(use.federated for use in acting[place])
        elif any(types.descends(other, place) for other in acting):
            continue
        else:
            models = frozenset(name for term in terms for name in catalog.terms[term].models or ()) - taken
            federated = False
        yield Kind(kind, tuple(name for name in MODEL_TYPES if name in models), federated)


def packages(code: Sequence[Package] = ()) -> dict[str, Package]:
    """Return the packages of the installed catalogs, and `code` beside them, by name."""
    installed = {source.package: package(source.package) for source in installed_sources() if source.package}
    return {**{one.name: one for one in code}, **installed}


def block(found: Sequence[HandleOffers]) -> str:
    """Return the handles as a compact table in Markdown: a line for each type of each."""
    lines = ["| term | argument | what it is, and what it offers | cost |", "|---|---|---|---|"]
    for handle in found:
        for kind in handle.kinds:
            where = f" ({handle.where(kind)})" if handle.where(kind) else ""
            offers = ", ".join(_code(o.called if o.called.startswith(".") else o.written(handle.name)) for o in kind.type.offers)
            what = f"{first(kind.type.doc).replace('|', chr(92) + '|')} {offers}"
            costs = "; ".join(dict.fromkeys(offer.cost for offer in kind.type.offers if offer.cost)) or "free"
            terms = ", ".join(map(_code, handle.terms)) or "none: the candidates"
            lines.append(f"| {terms} | `{handle.name}: {kind.type.name}`{where} | {what} | {costs} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Return text as code in a cell of a table in Markdown."""
    return "`" + text.replace("|", "\\|") + "`"
