"""YAML files -> Catalog. Every error names file, line, column, what was expected and the nearest valid name."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from taxonomy import yamlfile
from taxonomy.entries import KINDS, Attack, Defense, Entry, ReadyThreatModel, Step, Target
from taxonomy.findings import CatalogError, Finding, InputError, nearest, relative, unknown
from taxonomy.terms import Implication, Reading, Taxonomy, Term
from taxonomy.yamlfile import Document, Place

ENTRY_POINTS = "mia_atlas.catalogs"
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Source:
    """A folder of entries, and the package whose functions their `run` paths may name (None: no code is trusted)."""

    folder: Path
    package: str | None = None


@dataclass
class Catalog:
    """All entries, cross-referenced. `documents` says where each entry stands."""

    terms: dict[str, Term] = field(default_factory=dict)
    implications: list[Implication] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    kinds: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    documents: dict[str, Document] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    @property
    def attacks(self) -> dict[str, Attack]:
        """Attacks by id."""
        return self.kinds["attacks"]

    @property
    def steps(self) -> dict[str, Step]:
        """Steps by id."""
        return self.kinds["steps"]

    @property
    def acts(self) -> list[Attack | Step]:
        """Attacks and steps: the entries that are rules."""
        return [*self.attacks.values(), *self.steps.values()]

    @property
    def defenses(self) -> dict[str, Defense]:
        """Defenses by id."""
        return self.kinds["defenses"]

    @property
    def targets(self) -> dict[str, Target]:
        """Targets by id."""
        return self.kinds["targets"]

    @property
    def threat_models(self) -> dict[str, ReadyThreatModel]:
        """Ready threat models by id."""
        return self.kinds["threat-models"]

    @property
    def entries(self) -> dict[str, Entry]:
        """All entries by id; ids are unique across kinds."""
        return {name: entry for entries in self.kinds.values() for name, entry in entries.items()}

    def entry(self, name: str) -> Entry | Term:
        """Return the entry or term of this name; raise InputError with the nearest valid name."""
        for entries in self.kinds.values():
            if name in entries:
                entry: Entry = entries[name]
                return entry
        if name in self.terms:
            return self.terms[name]
        raise unknown("entry", name, [*self.terms, *self.entries])

    def attack(self, name: str) -> Attack:
        """Return the attack of this name; raise InputError with the nearest valid name."""
        if name not in self.attacks:
            raise unknown("attack", name, self.attacks)
        return self.attacks[name]

    def target(self, name: str) -> Target:
        """Return the target of this name; raise InputError with the nearest valid name."""
        if name not in self.targets:
            raise unknown("target", name, self.targets)
        return self.targets[name]

    @functools.cached_property
    def grantable(self) -> list[str]:
        """Leaf capabilities and roles, sorted: what a threat model can grant beside the aspects."""
        return sorted(term.id for term in self.terms.values() if term.grantable)


@functools.cache
def installed_sources() -> tuple[Source, ...]:
    """Return the catalogs of installed packages, this project's first."""
    sources = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        spec = importlib.util.find_spec(point.value)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(f"the installed catalog {point.value!r} (package {point.name!r}) is not there; reinstall it")
        sources.append(Source(Path(next(iter(spec.submodule_search_locations))), point.name))
    if not sources:
        raise InputError("no catalog is installed; install this project with `pip install -e .`")
    return tuple(sorted(set(sources), key=lambda s: (s.package != "attacks", s.package or "")))


def load(extra: Sequence[Path] = (), *, trusted: Sequence[Path] = ()) -> Catalog:
    """Load the installed catalogs and the folders `extra`; raise CatalogError with everything that is wrong.

    The code that a folder of `extra` names is run only if it lies in one of the folders `trusted`.
    """
    sources = [*installed_sources(), *(Source(folder) for folder in extra)]
    catalog, findings = read(sources)
    if any(finding.severity == "error" for finding in findings):
        raise CatalogError(findings)
    return catalog


def read(sources: Iterable[Source]) -> tuple[Catalog, list[Finding]]:
    """Read every file of every source; return what could be read, and what is wrong with the rest."""
    catalog, findings = Catalog(), list[Finding]()
    for source in sources:
        _read_source(source, catalog, findings)
    for name in catalog.entries:
        findings.extend(_unknown_names(catalog, name))
    return catalog, findings


def _read_source(source: Source, catalog: Catalog, findings: list[Finding]) -> None:
    folder = source.folder
    if not folder.is_dir():
        findings.append(Finding("MIA011", "no such folder", relative(folder)))
        return
    kinds = [kind for kind in KINDS if (folder / kind).is_dir()]
    if not kinds and not (folder / "taxonomy.yaml").exists():
        hint = "a catalog has taxonomy.yaml or a folder " + ", ".join(KINDS)
        findings.append(Finding("MIA011", "the folder holds no catalog", relative(folder), hint=hint))
    if (folder / "taxonomy.yaml").exists():
        _read_taxonomy(folder / "taxonomy.yaml", catalog, findings)
    for kind in kinds:
        for path in sorted((folder / kind).glob("*.y*ml")):
            document = yamlfile.read(path)
            entry = validate(KINDS[kind], document)
            findings.extend(document.findings)
            if entry is None:
                continue
            if entry.id != path.stem:
                findings.append(document.finding("MIA009", f"the id is {entry.id!r}", ("id",), f"the file says {path.stem}"))
            elif entry.id in catalog.documents:
                other = relative(catalog.documents[entry.id].path)
                findings.append(document.finding("MIA010", f"the id {entry.id!r} is taken", ("id",), f"see {other}"))
            else:
                catalog.kinds[kind][entry.id] = entry
                catalog.documents[entry.id] = document
                catalog.sources[entry.id] = source


def _read_taxonomy(path: Path, catalog: Catalog, findings: list[Finding]) -> None:
    document = yamlfile.read(path)
    taxonomy = validate(Taxonomy, document)
    findings.extend(document.findings)
    if taxonomy is None:
        return
    catalog.documents[f"taxonomy:{path}"] = document
    for i, term in enumerate(taxonomy.terms):
        if term.id in catalog.terms:
            findings.append(document.finding("MIA010", f"the term {term.id!r} is taken", ("terms", i, "id")))
        else:
            catalog.terms[term.id] = term
            catalog.documents[term.id] = document
    for i, implication in enumerate(taxonomy.implications):
        names = [(("needs", j), name) for j, name in enumerate(implication.needs)]
        for place, name in [*names, (("yields",), implication.yields)]:
            if name not in catalog.terms:
                findings.append(_unknown_term(document, ("implications", i, *place), name, catalog))
        catalog.implications.append(implication)
    for i, reading in enumerate(taxonomy.readings):
        for j, name in enumerate(reading.means):
            if name not in catalog.terms:
                findings.append(_unknown_term(document, ("readings", i, "means", j), name, catalog))
        catalog.readings.append(reading)


def _unknown_term(document: Document, place: Place, name: str, catalog: Catalog) -> Finding:
    return document.finding("MIA012", f"unknown term {name!r}", place, nearest(name, catalog.terms))


def _unknown_names(catalog: Catalog, entry_id: str) -> Iterable[Finding]:
    """Yield a finding for every name in an entry that nothing bears."""
    entry, document = catalog.entries[entry_id], catalog.documents[entry_id]
    for place, name in _terms_in(entry):
        if name not in catalog.terms:
            yield _unknown_term(document, place, name, catalog)
    for kind, place, name in _entries_in(entry):
        known = catalog.kinds[kind] if kind else catalog.entries
        if name not in known:
            what = kind.removesuffix("s") if kind else "entry"
            yield document.finding("MIA013", f"unknown {what} {name!r}", place, nearest(name, known))
    if isinstance(entry, Attack) and entry.surveyed:
        settings = [setting.name for setting in entry.published]
        if entry.surveyed.setting not in settings:
            message = f"no published setting is named {entry.surveyed.setting!r}"
            yield document.finding("MIA013", message, ("surveyed", "setting"), nearest(entry.surveyed.setting, settings))


def _terms_in(entry: Entry) -> Iterable[tuple[Place, str]]:
    """Yield every term that an entry names, with its place."""
    for key in ("needs", "offers", "knows", "withdraws", "terms"):
        for i, name in enumerate(getattr(entry, key, ())):
            yield (key, i), name
    if isinstance(entry, Step):
        yield ("yields",), entry.yields
    if isinstance(entry, Attack):
        for name in entry.uses:
            yield ("uses", name), name
        for i, setting in enumerate(entry.published):
            for j, name in enumerate(setting.knows):
                yield ("published", i, "knows", j), name


def _entries_in(entry: Entry) -> Iterable[tuple[str, Place, str]]:
    """Yield every other entry that an entry names, with its kind ("" for any) and its place."""
    for key, kind in (("attacks", "attacks"), ("entries", "")):
        for i, name in enumerate(getattr(entry, key, ())):
            yield kind, (key, i), name
    if isinstance(entry, Attack):
        for i, name in enumerate(entry.targets.power):
            yield "targets", ("targets", "power", i), name
        if entry.targets.null:
            yield "targets", ("targets", "null"), entry.targets.null
    if isinstance(entry, Defense):
        for key in ("mitigates", "fails_against"):
            for i, effect in enumerate(getattr(entry, key)):
                if effect.attack:
                    yield "attacks", (key, i, "attack"), effect.attack


def validate(model: type[Model], document: Document) -> Model | None:
    """Return the document as a `model`, or None with the findings added to the document."""
    if document.findings or document.data is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        document.findings.extend(_explain(model, document, problem) for problem in error.errors())
        return None


def _explain(model: type[BaseModel], document: Document, problem: Any) -> Finding:
    """Translate one of pydantic's errors into a finding at its place."""
    place = tuple(part for part in problem["loc"] if isinstance(part, str | int))
    kind, name = problem["type"], str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        hint = nearest(name, _keys(model, place[:-1]))
        return document.finding("MIA006", f"unknown key {name!r}", place, hint, key=True)
    if kind == "missing":
        return document.finding("MIA007", f"the key {name!r} is missing", place[:-1])
    given, hint = problem.get("input"), ""
    expected = problem.get("ctx", {}).get("expected")
    if kind == "literal_error" and isinstance(given, str):
        hint = nearest(given, [word.strip(" '") for word in expected.replace(" or ", ",").split(",")])
    shown = f" (found {given!r})" if isinstance(given, str | int | float | bool) else ""
    return document.finding("MIA008", problem["msg"][0].lower() + problem["msg"][1:] + shown, place, hint)


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """Return the keys that are valid in the mapping at `place` of a `model`."""
    for part in place:
        if isinstance(part, str):
            names = {f.alias or n: f.annotation for n, f in model.model_fields.items()}
            inner = _inner_model(names.get(part))
            if inner is None:
                return []
            model = inner
    return [f.alias or n for n, f in model.model_fields.items()]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_inner_model, typing.get_args(annotation))), None)
