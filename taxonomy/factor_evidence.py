"""What was measured of factors: a file each in `evidence/factors` of a catalog's folder. No torch.

A point is stale when its fingerprint is no longer the one that the catalog and the code give today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from taxonomy import evidence_files, source
from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import DefenseFingerprints
from taxonomy.entries import EntryId
from taxonomy.factors import Factor, Point, curves
from taxonomy.figures import Average, Interval
from taxonomy.findings import Finding, nearest
from taxonomy.fingerprints import Fingerprints, hashed
from taxonomy.terms import Strict, Text

KIND = "factors"
FOLDER = f"{evidence_files.FOLDER}/{KIND}"


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
    if point.defense is not None:
        own = DefenseFingerprints(prints)
        return own.of(point.attack, own.entries(point.target.id, point.defense), point.defense)
    found = prints.of(point.attack, point.target)
    return None if found is None else hashed([found, *point.settings])


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the files of what was measured of factors, in every folder of the catalog."""
    return evidence_files.files(catalog, KIND)


def read(path: Path) -> FactorEvidence:
    """Return what a file says was measured of a factor; raise InputError with one sentence if it says nothing."""
    return evidence_files.read(FactorEvidence, path)


def find(catalog: Catalog, factor: str) -> FactorEvidence | None:
    """Return what was measured of a factor, or None; raise InputError if its file is damaged."""
    found = (path for path in files(catalog) if path.stem == factor)
    return next((evidence_files.read_named(FactorEvidence, path) for path in found), None)


def stale(prints: Fingerprints, found: FactorEvidence) -> list[str]:
    """Return what of a factor's evidence the catalog and the code of today would measure anew: curves, or values of them."""
    factor: Factor = prints.catalog.kinds["factors"][found.factor]
    if factor.varies is None:
        return [curve.name for curve in found.curves]
    try:
        today = {
            (c.attack, c.target): {p.value: fingerprint(prints, p) for p in c.points} for c in curves(prints.catalog, factor)
        }
    except ValueError:  # MIA034 says what is wrong with the factor
        return [curve.name for curve in found.curves]
    measured = {(c.attack, c.target): {p.value: p.fingerprint for p in c.points} for c in found.curves}
    names = {(c.attack, c.target): c.name for c in found.curves}
    lacking = [" on ".join(filter(None, key)) for key in today if key not in measured]
    return lacking + [names[key] for key, points in measured.items() if points != today.get(key)]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with the evidence on factors: MIA029 where it is of none that exists, MIA028 where it is stale."""
    yield from evidence_files.check(catalog, packages, files(catalog), read, _unknown, _old)


def _unknown(catalog: Catalog, found: FactorEvidence, stem: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint where the file is about no factor, or about another than its name says."""
    if found.factor != stem:
        yield f"the file is named after {stem}, but is about {found.factor}", ""
    elif found.factor not in catalog.kinds[KIND]:
        yield f"unknown factor {found.factor!r}", nearest(found.factor, catalog.kinds[KIND])


def _old(prints: Fingerprints, found: FactorEvidence, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what of a file is stale or lacking, with a hint."""
    if old := stale(prints, found):
        message = f"what was measured has changed since, or is not all there is: {', '.join(old)}"
        yield message, f"measure again with `mia factors {found.factor} --save`"
