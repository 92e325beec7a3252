"""What every handle offers to an attack: the argument's name, the types that it can be of, and what these offer.

Which types those are is read off the annotations of the functions that the catalog's entries name, as text: of what they take,
and of what steps return. `mia new` writes the same types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.catalog import Catalog, installed_sources
from taxonomy.check import CANDIDATES, package
from taxonomy.entries import Step
from taxonomy.findings import InputError
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

    def best(self, model: str, frame: str) -> Kind | None:
        """Return the type that fits a model type and a frame best; of those that fit as well, that of most functions."""
        federated = frame == FEDERATED
        return max(self.kinds, key=lambda k: (model in k.models, not k.models, k.federated == federated), default=None)

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
    """A function that takes a handle for a type, or makes it: of an attack or a step, or a view between handles."""

    models: frozenset[str]
    federated: bool
    view: bool


def offered(catalog: Catalog, packages: Mapping[str, Package], *, strict: bool = True) -> list[HandleOffers]:
    """Return every handle of a catalog in the order of its terms, the candidates before all others.

    Raises InputError for code that is no Python; unless `strict`, the functions that need it tell nothing.
    """
    types = Types(packages)
    uses: dict[str, dict[Type, list[_Use]]] = {}
    for run, made, use in _functions(catalog):
        try:
            told = list(_told(types, packages, run, made))
        except InputError:
            if strict:
                raise
            continue
        for name, kind in told:
            uses.setdefault(name, {}).setdefault(kind, []).append(use)
    terms: dict[str, list[str]] = {CANDIDATES: []}
    for term in catalog.terms.values():
        if term.handle:
            terms.setdefault(term.handle, []).append(term.id)
    return [
        HandleOffers(name, tuple(named), tuple(_kinds(catalog, types, named, uses.get(name, {}))))
        for name, named in terms.items()
    ]


def imports(catalog: Catalog, packages: Mapping[str, Package], model: str, frame: str) -> dict[str, Place]:
    """Return where code that is new imports the type of each handle from: for an attack on a model type in a frame."""
    types = Types(packages)
    best = {one.name: one.best(model, frame) for one in offered(catalog, packages, strict=False)}
    return {name: types.public(kind.type.place) for name, kind in best.items() if kind}


def _functions(catalog: Catalog) -> Iterator[tuple[str, str | None, _Use]]:
    """Yield the functions that entries name, each with the handle that it makes, if it is that of a step."""
    for entry in catalog.acts:
        if entry.run:
            made = catalog.terms[entry.yields].handle if isinstance(entry, Step) else None
            yield entry.run, made, _Use(frozenset(MODEL_TYPES).intersection(entry.needs), FEDERATED in entry.needs, view=False)
    for implication in catalog.implications:
        if implication.view:
            yield implication.view, None, _Use(frozenset(), False, view=True)


def _told(types: Types, packages: Mapping[str, Package], run: str, made: str | None) -> Iterator[tuple[str, Type]]:
    """Yield the positional arguments of a function, and the handle that it makes, with the types that annotations name."""
    module = run.partition(":")[0]
    package = packages.get(module.split(".")[0])
    node = function_node(package, run) if package else None
    if node is None:
        return
    for argument in [*node.args.posonlyargs, *node.args.args]:
        for kind in types.named(module, argument.annotation):
            yield argument.arg, kind
    for kind in types.named(module, node.returns) if made else ():
        yield made or "", kind


def _kinds(catalog: Catalog, types: Types, terms: Sequence[str], uses: Mapping[Type, list[_Use]]) -> Iterator[Kind]:
    """Yield the types of one handle, those of most functions first.

    A view that takes less than attacks do, a base of their type, tells nothing new. Of a type that only views name, the model
    types are those of the terms that no attack takes for another type.
    """
    acting = {kind: real for kind, found in uses.items() if (real := [use for use in found if not use.view])}
    taken = frozenset[str]().union(*(use.models for found in acting.values() for use in found))
    for kind in sorted(uses, key=lambda one: (one not in acting, -len(uses[one]))):
        if kind in acting:
            models = frozenset[str]().union(*(use.models for use in acting[kind]))
            federated = all(use.federated for use in acting[kind])
        elif any(types.descends(other.place, kind.place) for other in acting):
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
