"""What was measured of factors: a file each in `evidence/factors` of a catalog's folder. No torch.

A point is stale when its fingerprint is no longer the one that the catalog and the code give today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from taxonomy import evidence, source
from taxonomy.catalog import Catalog
from taxonomy.entries import EntryId
from taxonomy.factors import Factor, Point, curves
from taxonomy.figures import Average, Interval
from taxonomy.files import UnreadableError, content
from taxonomy.findings import Finding, InputError, nearest, relative
from taxonomy.fingerprints import Fingerprints, hashed
from taxonomy.kept_digests import kept_digests
from taxonomy.terms import Strict, Text

FOLDER = f"{evidence.FOLDER}/factors"


class PointSeed(Strict):
    """What one seed found at one value. A rate is at 1 % false positives, None where that cannot be resolved."""

    seed: int
    target: dict[str, Any]
    auc: float
    auc_ci: Interval
    tpr: float | None = None
    tpr_ci: Interval | None = None
    warnings: list[str] = Field(default_factory=list)


class MeasuredPoint(Strict):
    """What was found at one value, over seeds; a `change` is the difference to the first value.

    It is paired if the candidates are the same records; else the candidates differ too, and its interval is wider.
    """

    value: Text
    fingerprint: str
    auc: Average
    tpr: Average | None = None
    paired: bool = True
    auc_change: Average | None = None
    tpr_change: Average | None = None
    seeds: list[PointSeed] = Field(min_length=1)


class MeasuredCurve(Strict):
    """What was found of one attack against one target; what was varied itself is None."""

    attack: EntryId | None = None
    target: EntryId | None = None
    points: list[MeasuredPoint] = Field(min_length=2)

    @property
    def name(self) -> str:
        """How the curve is called beside others."""
        return " on ".join(part for part in (self.attack, self.target) if part)


class FactorEvidence(Strict):
    """What was measured of a factor, with which versions, and at which commit of the code (None outside a checkout)."""

    schema_: Literal[1] = Field(alias="schema")
    factor: EntryId
    axis: Text
    versions: dict[str, str]
    commit: str | None = None
    curves: list[MeasuredCurve] = Field(min_length=1)


def fingerprint(prints: Fingerprints, point: Point) -> str | None:
    """Return what names all that the figures of a point rest on; None where its attack cannot run."""
    found = prints.of(point.attack, point.target)
    return None if found is None else hashed([found, *point.settings])


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the files of what was measured of factors, in every folder of the catalog."""
    for folder in catalog.folders:
        yield from sorted((folder / FOLDER).glob("*.json"))


def read(path: Path) -> FactorEvidence:
    """Return what a file says was measured of a factor; raise InputError with one sentence if it says nothing."""
    try:
        return FactorEvidence.model_validate_json(content(path))
    except UnreadableError as error:
        raise InputError(f"the file cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place or 'the file'}: {first['msg'][0].lower()}{first['msg'][1:]}") from error


def find(catalog: Catalog, factor: str) -> FactorEvidence | None:
    """Return what was measured of a factor, or None; raise InputError if its file is damaged."""
    for path in files(catalog):
        if path.stem == factor:
            try:
                return read(path)
            except InputError as error:
                raise InputError(f"{relative(path)}: {error}") from error
    return None


def stale(prints: Fingerprints, found: FactorEvidence) -> list[str]:
    """Return what of a factor's evidence the catalog and the code of today would measure anew: curves, or values of them."""
    factor: Factor = prints.catalog.kinds["factors"][found.factor]
    if factor.varies is None:
        return [curve.name for curve in found.curves]
    today = {(c.attack, c.target): {p.value: fingerprint(prints, p) for p in c.points} for c in curves(prints.catalog, factor)}
    measured = {(c.attack, c.target): {p.value: p.fingerprint for p in c.points} for c in found.curves}
    names = {(c.attack, c.target): c.name for c in found.curves}
    lacking = [" on ".join(filter(None, key)) for key in today if key not in measured]
    return lacking + [names[key] for key, points in measured.items() if points != today.get(key)]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with the evidence on factors: MIA029 where it is of none that exists, MIA028 where it is stale."""
    paths = list(files(catalog))
    if not paths:
        return
    with kept_digests(packages) as digest:
        prints = Fingerprints(catalog, digest)
        for path in paths:
            place = relative(path)
            try:
                found = read(path)
            except InputError as error:
                yield Finding("MIA029", str(error), place)
                continue
            if found.factor != path.stem:
                yield Finding("MIA029", f"the file is named after {path.stem}, but is about {found.factor}", place)
            elif found.factor not in catalog.kinds["factors"]:
                message = f"unknown factor {found.factor!r}"
                yield Finding("MIA029", message, place, hint=nearest(found.factor, catalog.kinds["factors"]))
            elif old := stale(prints, found):
                hint = f"measure again with `mia factors {found.factor} --save`"
                yield Finding(
                    "MIA028", f"what was measured has changed since, or is not all there is: {', '.join(old)}", place, hint=hint
                )
