"""Fingerprints by the code that is installed now, and so which evidence is older than it. Code is read as text; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from taxonomy import evidence, source
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.check import package
from taxonomy.figures import Evidence
from taxonomy.fingerprints import Fingerprints
from taxonomy.kept_digests import kept_digests


@contextmanager
def fingerprints(catalog: Catalog, others: Iterable[source.Package] = ()) -> Iterator[Fingerprints]:
    """Give the fingerprints of a catalog by the code of all installed catalogs, and of `others` that the user trusts."""
    homes = [package(found.package) for found in installed_sources() if found.package]
    with kept_digests([*others, *homes, package("taxonomy")]) as digest:
        yield Fingerprints(catalog, digest)


def measured(catalog: Catalog) -> tuple[list[Evidence], Mapping[str, frozenset[str]]]:
    """Return the evidence on a catalog's attacks, and by attack the targets on which it is stale.

    Raises InputError for a damaged file.
    """
    found = [one for name in sorted(catalog.attacks) if (one := evidence.find(catalog, name))]
    with fingerprints(catalog) as prints:
        return found, {one.attack: frozenset(evidence.stale(prints, one)) for one in found}
