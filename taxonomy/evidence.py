"""Files of evidence: one an attack in a catalog's folder `evidence`, and one of how its orderings did. No torch.

A file is stale when its fingerprint is no longer the one that the catalog and the code give today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from taxonomy import evidence_files, source
from taxonomy.catalog import Catalog
from taxonomy.figures import Evidence, Ordered, Orderings
from taxonomy.findings import Finding, nearest
from taxonomy.fingerprints import Fingerprints
from taxonomy.orderings import Ordering

ORDERINGS = "orderings"


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the evidence files on attacks and orderings of every folder of the catalog."""
    return evidence_files.files(catalog)


def read(path: Path) -> Evidence | Orderings:
    """Return the evidence in a file, or how orderings did if it is named so; raise InputError if it holds none."""
    return evidence_files.read(Orderings, path) if path.stem == ORDERINGS else evidence_files.read(Evidence, path)


def find(catalog: Catalog, attack: str) -> Evidence | None:
    """Return what was measured of an attack, or None; raise InputError if its file is damaged."""
    for path in files(catalog):
        if path.stem == attack:
            return evidence_files.read_named(Evidence, path)
    return None


def find_orderings(catalog: Catalog) -> list[Ordered]:
    """Return how the orderings did; a later folder goes before an earlier one. Raises InputError if a file is damaged."""
    found: dict[tuple[str, str, str | None], Ordered] = {}
    for path in files(catalog):
        if path.stem == ORDERINGS:
            measured = evidence_files.read_named(Orderings, path).orderings
            found |= {(one.ordering, one.target, one.against): one for one in measured}
    return list(found.values())


def orderings_of(catalog: Catalog, attack: str) -> list[Ordered]:
    """Return what was measured of the orderings that compare this attack with another."""
    entries: dict[str, Ordering] = catalog.kinds[ORDERINGS]
    mine = {name for name, entry in entries.items() if attack in (entry.better, entry.worse)}
    return [one for one in find_orderings(catalog) if one.ordering in mine]


def stale(fingerprints: Fingerprints, evidence: Evidence) -> list[str]:
    """Return the targets on which the attack, the target or what lies between has changed since it was measured."""
    catalog = fingerprints.catalog
    attack = catalog.attack(evidence.attack)
    return [m.target for m in evidence.targets if fingerprints.of(attack, catalog.target(m.target)) != m.fingerprint]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with the evidence of a catalog: MIA029 where it is of nothing that exists, MIA028 where it is stale."""
    yield from evidence_files.check(catalog, packages, files(catalog), read, _unknown, _old, ORDERINGS)


def _old(fingerprints: Fingerprints, found: Evidence | Orderings, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what of a file is stale, and what was not measured, each with a hint."""
    catalog = fingerprints.catalog
    if isinstance(found, Evidence):
        command = f"mia bench {path.stem}"
        old, lacking = stale(fingerprints, found), unmeasured(catalog, found)
        message = f"the attack or {', '.join(old)} has changed since it was measured"
    else:
        command = "mia bench --only orderings"
        old, lacking = stale_orderings(fingerprints, found), unmeasured_orderings(catalog, found, path)
        message = f"what was compared has changed since in {', '.join(old)}"
    again = f"measure again with `{command}`"
    if old:
        yield message, f"{again}, or see with `{command} --confirm` whether the figures changed"
    if lacking:
        yield f"not measured yet: {', '.join(lacking)}", again


def stale_orderings(fingerprints: Fingerprints, found: Orderings) -> list[str]:
    """Return the orderings whose attacks or targets have changed since they were measured."""
    orderings: dict[str, Ordering] = fingerprints.catalog.kinds[ORDERINGS]
    today = {fingerprints.ordering(entry, sides) for entry in orderings.values() for sides in entry.sides()}
    return list(dict.fromkeys(o.ordering for o in found.orderings if o.fingerprint not in today))


def unmeasured(catalog: Catalog, found: Evidence) -> list[str]:
    """Return the targets that the attack's entry names and its evidence lacks."""
    targets = catalog.attack(found.attack).targets
    named = [*targets.power, *targets.others, *([targets.null] if targets.null else [])]
    measured = {m.target for m in found.targets}
    return [name for name in named if name not in measured]


def unmeasured_orderings(catalog: Catalog, found: Orderings, path: Path) -> list[str]:
    """Return the orderings beside a file of evidence (in the same catalog's folder) of which it lacks a target."""
    measured = {(o.ordering, o.target, o.against or o.target) for o in found.orderings}
    entries: dict[str, Ordering] = catalog.kinds[ORDERINGS]
    lacking = [
        name
        for name, entry in entries.items()
        if catalog.documents[name].path.parents[1] == path.parents[1]
        for better, worse in entry.sides()
        if (name, better.target, worse.target) not in measured
    ]
    return list(dict.fromkeys(lacking))


def _unknown(catalog: Catalog, found: Evidence | Orderings, stem: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for every name in evidence that nothing bears."""
    if isinstance(found, Evidence):
        if found.attack != stem:
            yield f"the file is named after {stem}, but is about {found.attack}", ""
        if found.attack not in catalog.attacks:
            yield f"unknown attack {found.attack!r}", nearest(found.attack, catalog.attacks)
        targets = [m.target for m in found.targets]
    else:
        for o in found.orderings:
            if o.ordering not in catalog.kinds[ORDERINGS]:
                yield f"unknown ordering {o.ordering!r}", nearest(o.ordering, catalog.kinds[ORDERINGS])
        targets = [name for o in found.orderings for name in (o.target, o.against) if name]
    for name in dict.fromkeys(targets):
        if name not in catalog.targets:
            yield f"unknown target {name!r}", nearest(name, catalog.targets)
