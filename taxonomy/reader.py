"""YAML files -> entries. Every error names file, line, column, what was expected and the nearest valid name."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from taxonomy import yamlfile
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Defense, Entry, ReadyThreatModel, Step, Target, model_of
from taxonomy.factors import ATTACK, KNOWS, TARGET, Factor
from taxonomy.files import MAX_TOTAL, TAXONOMY, Listing
from taxonomy.findings import Finding, nearest, quoted, relative, some
from taxonomy.knowledge import Vocabulary
from taxonomy.orderings import Ordering, Pair
from taxonomy.statements import Statement
from taxonomy.terms import Taxonomy
from taxonomy.yamlfile import Document, Place

Model = TypeVar("Model", bound=BaseModel)


def read(folders: Sequence[Path]) -> tuple[Catalog, list[Finding]]:
    """Read every file of every folder; return what could be read, and what is wrong with the rest."""
    catalog, findings = Catalog(folders=list(folders)), list[Finding]()
    for folder in folders:
        findings.extend(some(_read_folder(Listing(folder), catalog)))
    entries = catalog.entries
    findings.extend(some(finding for name in entries for finding in _unknown_names(catalog, entries, name)))
    return catalog, findings


def left_out(catalog: Catalog, errors: Sequence[Finding], installed: Sequence[Path]) -> bool:
    """Take the entries that have errors out of a catalog, and those that name one of these; return whether that mends it.

    It does not where an error stands in an installed catalog, in a taxonomy, or in no file of an entry.
    """
    wrong = {finding.file for finding in errors}
    while wrong:
        bad = [name for name, document in catalog.documents.items() if relative(document.path) in wrong]
        taxonomies = [name for name in bad if name in catalog.terms or name.startswith("taxonomy:")]
        paths = [Path(name).resolve() for name in wrong]
        of_entries = all(path.suffix == ".yaml" and path.name != TAXONOMY for path in paths)
        if taxonomies or not of_entries or any(path.is_relative_to(folder.resolve()) for path in paths for folder in installed):
            return False
        for name in bad:
            del catalog.documents[name]
            for of_kind in catalog.kinds.values():
                of_kind.pop(name, None)
        entries = catalog.entries
        known = [name for name in entries if name in catalog.documents]
        wrong = {finding.file for finding in some(f for name in known for f in _unknown_names(catalog, entries, name))}
    return True


def _read_folder(listing: Listing, catalog: Catalog) -> Iterator[Finding]:
    """Put the entries of a folder into the catalog; yield what is wrong with them."""
    yield from listing.findings
    if listing.taxonomy:
        yield from _read_taxonomy(Path(listing.taxonomy), catalog)
    total = 0
    for kind, paths in listing.kinds.items():
        for path in map(Path, paths):
            document = yamlfile.read(path)
            total += document.size
            if total > MAX_TOTAL:
                yield Finding("MIA011", f"the folder holds more than {MAX_TOTAL:,} bytes", relative(listing.folder))
                return
            entry = validate(model_of(kind), document)
            yield from document.findings
            if entry is None:
                continue
            if entry.id != path.stem:
                yield document.finding("MIA009", f"the id is {entry.id!r}", ("id",), f"the file says {path.stem}")
            elif entry.id in catalog.documents:
                other = relative(catalog.documents[entry.id].path)
                yield document.finding("MIA010", f"the id {entry.id!r} is taken", ("id",), f"see {other}")
            else:
                catalog.kinds[kind][entry.id] = entry
                catalog.documents[entry.id] = document


def _read_taxonomy(path: Path, catalog: Catalog) -> Iterator[Finding]:
    document = yamlfile.read(path)
    taxonomy = validate(Taxonomy, document)
    yield from document.findings
    if taxonomy is None:
        return
    catalog.documents[f"taxonomy:{path}"] = document
    for i, term in enumerate(taxonomy.terms):
        if term.id in catalog.terms:
            yield document.finding("MIA010", f"the term {term.id!r} is taken", ("terms", i, "id"))
        else:
            catalog.terms[term.id] = term
            catalog.documents[term.id] = document
    for i, term in enumerate(taxonomy.terms):
        for key, kinds in (("answers", term.answers), ("about", term.about)):
            for j, name in enumerate(kinds or ()):
                if name not in catalog.terms:
                    yield _unknown_term(document, ("terms", i, key, j), name, catalog)
    for i, implication in enumerate(taxonomy.implications):
        names = [(("needs", j), name) for j, name in enumerate(implication.needs)]
        for place, name in [*names, (("yields",), implication.yields)]:
            if name not in catalog.terms:
                yield _unknown_term(document, ("implications", i, *place), name, catalog)
        catalog.implications.append(implication)
    for i, reading in enumerate(taxonomy.readings):
        for j, name in enumerate(reading.means):
            if name not in catalog.terms:
                yield _unknown_term(document, ("readings", i, "means", j), name, catalog)
        catalog.readings.append(reading)


def _unknown_term(document: Document, place: Place, name: str, catalog: Catalog) -> Finding:
    return document.finding("MIA012", f"unknown term {name!r}", place, nearest(name, catalog.terms))


def unknown_terms(catalog: Catalog, entry: Entry, document: Document) -> Iterable[Finding]:
    """Yield a finding for every term of an entry that the catalog does not have."""
    for place, name in _terms_in(entry):
        if name not in catalog.terms:
            yield _unknown_term(document, place, name, catalog)


def _unknown_names(catalog: Catalog, entries: Mapping[str, Entry], entry_id: str) -> Iterable[Finding]:
    """Yield a finding for every name in an entry that nothing bears; `entries` are the catalog's, put together once for all."""
    entry, document = entries[entry_id], catalog.documents[entry_id]
    yield from unknown_terms(catalog, entry, document)
    for kind, place, name in _entries_in(entry):
        known = catalog.kinds[kind] if kind else entries
        if name not in known:
            what = kind.removesuffix("s") if kind else "entry"
            yield document.finding("MIA013", f"unknown {what} {name!r}", place, nearest(name, known))
    if isinstance(entry, Attack | Defense):
        for framework, codes in entry.maps.codes.items():
            clauses = [clause.code for clause in catalog.kinds["clauses"].values() if clause.framework == framework]
            for i, code in enumerate(codes):
                if code not in clauses:
                    yield document.finding("MIA013", f"unknown clause {code!r}", ("maps", framework, i), nearest(code, clauses))
    if isinstance(entry, Ordering):
        yield from _unknown_settings(catalog, entry, document)
    if isinstance(entry, Factor) and entry.varies and entry.varies.sets_parameter:
        place = ("varies", "parameter")
        yield from _unknown_setting(catalog, document, entry.varies.parameter, place, catalog.defenses, key=False)
    if isinstance(entry, Attack) and entry.surveyed:
        settings = [setting.name for setting in entry.published]
        if entry.surveyed.setting not in settings:
            message = f"no published setting is named {entry.surveyed.setting!r}"
            yield document.finding("MIA013", message, ("surveyed", "setting"), nearest(entry.surveyed.setting, settings))


def _unknown_settings(catalog: Catalog, ordering: Ordering, document: Document) -> Iterable[Finding]:
    """Yield a finding for every setting of an ordering that names no attack or step, or none of its parameters."""
    for side, settings in (("better", ordering.settings.better), ("worse", ordering.settings.worse)):
        for path in settings:
            yield from _unknown_setting(catalog, document, path, ("settings", side, path), key=True)


def _unknown_setting(
    catalog: Catalog, document: Document, path: str, place: Place, defenses: Mapping[str, Defense] | None = None, *, key: bool
) -> Iterable[Finding]:
    """Yield a finding for a setting NAME.PARAM that names no attack, step or one of the `defenses`, or none of its parameters."""
    owners: dict[str, Attack | Step | Defense] = {**catalog.attacks, **catalog.steps, **(defenses or {})}
    name, _, parameter = path.rpartition(".")
    if name not in owners:
        what = "attack, step or defense" if defenses else "attack or step"
        message = f"unknown {what} {name!r}; expected NAME.PARAM"
        yield document.finding("MIA013", message, place, nearest(name, owners), key=key)
    elif parameter not in owners[name].params:
        message = f"{name} has no parameter {parameter!r}"
        yield document.finding("MIA013", message, place, nearest(parameter, owners[name].params), key=key)


def _terms_in(entry: Entry) -> Iterable[tuple[Place, str]]:
    """Yield every term that an entry names, with its place."""
    for key in ("needs", "offers", "knows", "withdraws", "terms"):
        for i, name in enumerate(getattr(entry, key, ())):
            yield (key, i), name
    if isinstance(entry, Target | ReadyThreatModel):
        for key in ("answers", "records", "stage", "granularity"):
            for i, name in enumerate(getattr(entry, key, ())):
                yield (key, i), name
    if isinstance(entry, Defense):
        for i, name in enumerate(entry.fits):
            yield ("fits", i), name
        for name, left in entry.replaces.items():
            yield from ((("replaces", name), name), (("replaces", name), left))
    if isinstance(entry, Factor) and entry.varies and entry.varies.parameter == KNOWS:
        for i, value in enumerate(entry.varies.values):
            for j, name in enumerate(value if isinstance(value, list) else [value]):
                yield ("varies", "values", i, j) if isinstance(value, list) else ("varies", "values", i), str(name)
    if isinstance(entry, Vocabulary):
        for i, told in enumerate(entry.distinguishes):
            for j, name in enumerate(told.terms):
                yield ("distinguishes", i, "terms", j), name
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
    if isinstance(entry, Ordering):
        yield "attacks", ("better",), entry.better
        yield "attacks", ("worse",), entry.worse
        for i, target in enumerate(entry.targets):
            if isinstance(target, Pair):
                yield "targets", ("targets", i, "better"), target.better
                yield "targets", ("targets", i, "worse"), target.worse
            else:
                yield "targets", ("targets", i), target
    if isinstance(entry, Factor) and entry.varies:
        for key, kind in (("targets", "targets"), ("attacks", "attacks")):
            for i, name in enumerate(getattr(entry.varies, key)):
                yield kind, ("varies", key, i), name
        if entry.varies.parameter in (TARGET, ATTACK):
            for i, value in enumerate(entry.varies.values):
                yield f"{entry.varies.parameter}s", ("varies", "values", i), str(value)
    if isinstance(entry, Statement) and entry.measured_by:
        measure = entry.measured_by
        kinds = {"factors": "factors", "succeeds": "attacks", "defenses": "defenses", "to_chance": "defenses"}
        for key, kind in kinds.items():
            for name in getattr(measure, key):
                yield kind, ("measured_by", key, name), name
        for i, name in enumerate(measure.orderings):
            yield "orderings", ("measured_by", "orderings", i), name
        for key, kind in (("succeeds", "targets"), ("to_chance", "attacks")):
            for of, others in getattr(measure, key).items():
                for i, name in enumerate(others):
                    yield kind, ("measured_by", key, of, i), name
    if isinstance(entry, Attack):
        for i, name in enumerate(entry.targets.power):
            yield "targets", ("targets", "power", i), name
        for i, name in enumerate(entry.targets.others):
            yield "targets", ("targets", "others", i), name
        if entry.targets.null:
            yield "targets", ("targets", "null"), entry.targets.null
    if isinstance(entry, Defense):
        for i, name in enumerate(entry.targets):
            yield "targets", ("targets", i), name
        for key in ("mitigates", "fails_against"):
            for i, effect in enumerate(getattr(entry, key)):
                if effect.attack:
                    yield "attacks", (key, i, "attack"), effect.attack
        for i, weaker in enumerate(entry.weaker_if_known):
            for j, name in enumerate(weaker.attacks):
                yield "attacks", ("weaker_if_known", i, "attacks", j), name


def validate(model: type[Model], document: Document) -> Model | None:
    """Return the document as a `model`, or None with the findings added to the document."""
    if document.findings or document.data is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        document.findings.extend(some(_explain(model, document, problem) for problem in error.errors(include_url=False)))
        return None


def _explain(model: type[BaseModel], document: Document, problem: Any) -> Finding:
    """Translate one of pydantic's errors into a finding at its place."""
    place = tuple(part for part in problem["loc"] if isinstance(part, str | int))
    kind, name = problem["type"], str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        keys = _keys(model, place[:-1])
        holder = next((key for key in keys if name in _keys(model, (*place[:-1], key)) and key != "schema"), None)
        hint = f"it stands in {holder}: {{{name}: …}}" if holder else nearest(name, keys)
        return document.finding("MIA006", f"unknown key {quoted(name)}", place, hint, key=True)
    if kind == "missing":
        return document.finding("MIA007", f"the key {name!r} is missing", place[:-1])
    if kind in ("model_type", "model_attributes_type") and (keys := _keys(model, place)):
        return document.finding("MIA008", f"expected a mapping with the keys {', '.join(keys)}", place)
    given, hint = problem.get("input"), ""
    expected = problem.get("ctx", {}).get("expected")
    if kind == "literal_error" and isinstance(given, str):
        hint = nearest(given, [word.strip(" '") for word in expected.replace(" or ", ",").split(",")])
    shown = (
        f" (found {quoted(given) if isinstance(given, str) else given})" if isinstance(given, str | int | float | bool) else ""
    )
    return document.finding("MIA008", wanted(problem) + shown, place, hint)


# What text of a form looks like, for people who read no regular expressions.
EXAMPLES = ("my-model", "Q.scores", "train.py:train", "my_package.my_module:function", "2026-11-30")


def wanted(problem: Any) -> str:
    """Return what one of pydantic's errors asks for, in words; of text that has another form than it must, an example."""
    if problem["type"] == "string_pattern_mismatch":
        fits = re.compile(problem["ctx"]["pattern"]).match
        if example := next(filter(fits, EXAMPLES), None):
            return f"text is expected that looks like {example!r}"
    said: str = problem["msg"].removeprefix("Value error, ")
    return said[0].lower() + said[1:]


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
