"""How strong attacks were measured to be, for lists that begin with the strongest.

The figures are kept beside the parsed catalogs, since telling stale ones from fresh reads all the code behind them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxonomy import cache
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.findings import InputError
from taxonomy.priors import precision

if TYPE_CHECKING:
    from taxonomy.figures import Average, Evidence
    from taxonomy.fingerprints import Fingerprints

PART = "strengths"
FPR = "0.01"


@dataclass(frozen=True)
class Strength:
    """One attack on one target: mean AUC and mean TPR at 1 % FPR over seeds (None: not resolved), and whether that is stale."""

    target: str
    auc: float | None
    tpr: float | None
    stale: bool

    def precision(self, prior: float) -> float | None:
        """Return the share of accusations at 1 % FPR that are right where so many candidates are members; None if unknown."""
        return precision(self.tpr, float(FPR), prior) if self.tpr is not None else None

    def as_json(self, prior: float) -> dict[str, Any]:
        """Return the figures as plain data, with what they make of accusations at a prior."""
        rates = {"tpr_at_fpr": {FPR: self.tpr}, "precision_at_fpr": {FPR: self.precision(prior)}}
        return {"target": self.target, "auc": self.auc, **rates, "stale": self.stale}


def measured(catalog: Catalog) -> dict[str, list[Strength]]:
    """Return what was measured of each attack on the targets where it is claimed to work, or without a claim."""
    key = _key(catalog)
    parts = cache.find(key) if key else None
    if parts is not None:
        try:
            return {name: [Strength(*one) for one in found] for name, found in parts(PART).items()}
        except cache.DAMAGED:
            cache.drop(key or "")
    found = _read(catalog)
    if key:
        plain = {name: [[s.target, s.auc, s.tpr, s.stale] for s in strengths] for name, strengths in found.items()}
        cache.keep(key, {PART: plain})
    return found


def _read(catalog: Catalog) -> dict[str, list[Strength]]:
    from taxonomy.current import fingerprints

    with fingerprints(catalog) as prints:
        return _strengths(catalog, prints)


def _strengths(catalog: Catalog, fingerprints: Fingerprints) -> dict[str, list[Strength]]:
    from taxonomy import evidence
    from taxonomy.figures import Evidence

    result: dict[str, list[Strength]] = {}
    for path in evidence.files(catalog):
        try:
            found = evidence.read(path)
            if not isinstance(found, Evidence) or found.attack not in catalog.attacks:
                continue
            old = evidence.stale(fingerprints, found)
        except InputError:
            continue  # `mia check` says what is wrong with the file
        result[found.attack] = of(found, old)
    return result


def of(found: Evidence, old: Collection[str]) -> list[Strength]:
    """Return what was measured of one attack; `old` are the targets on which that is stale, and controls are left out."""
    return [
        Strength(m.target, _mean(m.auc), _mean(m.tpr_at_fpr.get(FPR)), m.target in old) for m in found.targets if m.role != "null"
    ]


def _mean(value: Average | None) -> float | None:
    return value.mean if value else None


def ranked(attacks: Iterable[str], strengths: dict[str, list[Strength]]) -> tuple[list[str], dict[str, Strength]]:
    """Return attacks with the strongest measured first, and of each the figure that placed it.

    Figures of different targets do not compare, so the target on which most of the attacks were measured decides; then the one
    on which most of the others were, and so on. What was never measured comes last, by name.
    """
    left, order, shown = sorted(set(attacks)), list[str](), dict[str, Strength]()
    while left:
        here = Counter(s.target for name in left for s in strengths.get(name, []) if _figure(s) is not None)
        if not here:
            return [*order, *left], shown
        target = min(here, key=lambda name: (-here[name], name))
        found = {name: s for name in left for s in strengths.get(name, []) if s.target == target and _figure(s) is not None}
        order += sorted(found, key=lambda name: (_rank(found[name]), name))
        shown |= found
        left = [name for name in left if name not in found]
    return order, shown


def _figure(strength: Strength) -> float | None:
    return strength.tpr if strength.tpr is not None else strength.auc


def _rank(strength: Strength) -> tuple[float, float]:
    return -(strength.tpr if strength.tpr is not None else -1.0), -(strength.auc or 0.0)


def _key(catalog: Catalog) -> str | None:
    """Return a hash of the time and size of every file that the figures or their staleness rest on."""
    found = hashlib.sha256(b"strengths")
    try:
        for stamp in sorted(_stamps([*_code(), *map(str, catalog.folders)])):
            found.update(stamp.encode(errors="surrogateescape"))
    except OSError:
        return None
    return found.hexdigest()


def _code() -> Iterable[str]:
    """Yield the folders of the packages behind the installed catalogs, and of this one."""
    for name in {"taxonomy", *(source.package for source in installed_sources() if source.package)}:
        spec = importlib.util.find_spec(name)
        yield from (spec.submodule_search_locations or ()) if spec else ()


def _stamps(folders: Sequence[str]) -> Iterable[str]:
    for folder in folders:
        for here, _, names in os.walk(folder):
            for name in names:
                if name.endswith((".py", ".json", ".yaml")):
                    status = Path(here, name).stat()
                    yield f"\0{here}/{name}\0{status.st_mtime_ns}\0{status.st_size}"
