"""What `mia check` says of factors and of statements: what they vary can be varied, and what measures them can measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from taxonomy.catalog import Catalog
from taxonomy.defended import faced
from taxonomy.factors import KNOWS, OF_TARGET, Factor, Varies, curves
from taxonomy.findings import CatalogError, Finding, InputError, nearest
from taxonomy.fingerprints import Fingerprints
from taxonomy.named_code import named
from taxonomy.parameters import check_range, value_of
from taxonomy.yamlfile import Document, Place, read

# Yields what is wrong with the function behind a path, by what it must take: positional arguments, parameters; None is anything.
FunctionCheck = Callable[[Document, str, list[str] | None, set[str] | None, Place], Iterator[Finding]]


def factors(catalog: Catalog, function: FunctionCheck) -> Iterator[Finding]:
    """A factor varies something that can be varied and measured, or says what is missing."""
    entries: dict[str, Factor] = catalog.kinds["factors"]
    prints = Fingerprints(catalog, lambda run: "")
    for entry in entries.values():
        yield from _factor(catalog, function, prints, catalog.documents[entry.id], entry)


def refuse(catalog: Catalog, entry: Factor) -> None:
    """Raise InputError with what is wrong with a factor that is to be measured; what its code takes, running it tells."""
    prints = Fingerprints(catalog, lambda run: "")
    files = (folder / "factors" / f"{entry.id}.yaml" for folder in catalog.folders)
    document = read(next(path for path in files if path.is_file()))
    if wrong := list(_factor(catalog, lambda *_: iter(()), prints, document, entry)):
        raise CatalogError(dict.fromkeys(wrong))


def _factor(
    catalog: Catalog, function: FunctionCheck, prints: Fingerprints, document: Document, entry: Factor
) -> Iterator[Finding]:
    if (entry.varies is None) == (entry.missing is None):
        message = "a factor says in `varies` what is varied, or in `missing` why nothing here can"
        yield document.finding("MIA034", message, ("missing",) if entry.missing else (), key=entry.missing is not None)
    elif entry.varies is not None:
        wrong = list(_varies(catalog, entry.varies))
        yield from (document.finding("MIA034", message, ("varies", *place)) for place, message in wrong)
        if not wrong:
            yield from _curves(catalog, function, prints, document, entry)


def _varies(catalog: Catalog, varies: Varies) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with the form of what a factor varies, with its place."""
    if varies.labels and len(varies.labels) != len(varies.values):
        yield ("labels",), f"{len(varies.labels)} labels for {len(varies.values)} values"
    elif len(set(varies.shown())) < len(varies.values):
        yield ("values",), "two values are shown alike"
    for key in ("targets", "attacks"):
        itself = varies.parameter == key.removesuffix("s")
        if itself and getattr(varies, key):
            yield (key,), f"the {varies.parameter} varies itself, so that none is named beside the values"
        elif not itself and not getattr(varies, key):
            yield (), f"`{key}` names none"
    for i, value in enumerate(varies.values):
        if varies.parameter == KNOWS:
            if not isinstance(value, list):
                yield ("values", i), "expected a list of terms that are granted"
                continue
            for target in varies.targets:
                if more := sorted({str(term) for term in value} - {*catalog.targets[target].offers}):
                    yield ("values", i), f"{target} does not offer {', '.join(more)}"
        elif isinstance(value, list) and not varies.parameter.startswith(OF_TARGET):
            yield ("values", i), "a list cannot be set"


def _curves(
    catalog: Catalog,
    function: FunctionCheck,
    prints: Fingerprints,
    document: Document,
    entry: Factor,
) -> Iterator[Finding]:
    """Every point of a factor can be run, takes what is set, and is about membership."""
    assert entry.varies is not None
    setting, _, name = entry.varies.parameter.rpartition(".")
    parameter = ("varies", "parameter")
    seen = set[str]()
    if (defense := catalog.defenses.get(setting)) and defense.run is None:
        yield document.finding("MIA034", f"the defense {setting} has no code", parameter)
        return
    for curve in curves(catalog, entry):
        for i, point in enumerate(curve.points):
            place = ("varies", "values", i)
            target = point.target
            if point.defense is not None:
                value, like = point.defense.params[name], point.defense.defense.params[name]
                try:
                    value_of(entry.varies.parameter, str(value), like)
                    check_range(point.defense.defense, name, value)
                    target = faced(catalog, target, point.defense)[0]
                except InputError as error:
                    yield document.finding("MIA034", str(error), place)
                    return
            rules = {rule.id for rule in prints.proof(point.attack, target)}
            if point.attack.goal != "membership":
                yield document.finding("MIA034", f"{point.attack.id} is not about membership, and has no AUC", place)
            elif point.attack.run is None or point.target.run is None or not rules:
                yield document.finding("MIA034", f"{point.attack.id} cannot run on {point.target.id}", place)
            elif point.settings and setting not in rules:
                message = f"{point.attack.id} does not use {setting} on {point.target.id}"
                yield document.finding("MIA034", message, parameter, nearest(setting, rules))
                break
            elif entry.varies.parameter.startswith(OF_TARGET) and point.target.run and point.target.id not in seen:
                seen.add(point.target.id)
                yield from function(document, point.target.run, None, set(point.target.params), parameter)
                for path in named(point.target.params).values():
                    yield from function(document, path, None, None, place)


def statements(catalog: Catalog) -> Iterator[Finding]:
    """A statement says what measures it, or why nothing here can."""
    for name, entry in catalog.kinds["statements"].items():
        document = catalog.documents[name]
        nothing = entry.measured_by is None or not any(part for _, part in entry.measured_by)
        if nothing == (entry.untestable is None):
            message = "a statement says in `measured_by` what measures it, or in `untestable` why nothing here can"
            where = ("measured_by",) if entry.measured_by else None
            yield document.finding("MIA035", message, where or (), key=where is not None)
        if entry.measured_by:
            for i, ordering in enumerate(entry.measured_by.orderings):
                if ordering in entry.measured_by.orderings[:i]:
                    yield document.finding("MIA035", f"{ordering} stands twice", ("measured_by", "orderings", i))
            for factor in entry.measured_by.factors:
                if catalog.kinds["factors"][factor].varies is None:
                    place = ("measured_by", "factors", factor)
                    yield document.finding("MIA035", f"{factor} varies nothing, so that it measures nothing", place)
