"""Every kind of evidence that a catalog's folder can hold, checked. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from taxonomy import defense_evidence, evidence, factor_evidence, record_evidence, source
from taxonomy.catalog import Catalog
from taxonomy.findings import Finding

KINDS = (evidence, factor_evidence, defense_evidence, record_evidence)


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with evidence: MIA029 where it is of nothing that exists, MIA028 where it is stale or lacking."""
    for kind in KINDS:
        yield from kind.check(catalog, packages)
