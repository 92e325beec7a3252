"""What the site says of and to other knowledge bases: clauses and what is mapped to them, a draft for ATLAS; and what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from taxonomy import clauses, figures
from taxonomy.catalog import Catalog
from taxonomy.edition import Edition
from taxonomy.exports import atlas

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def of_clauses(catalog: Catalog) -> dict[str, Any]:
    """Return the clauses in order of their frameworks, and the entries that are mapped to each."""
    order = list(clauses.FRAMEWORKS)
    entries = sorted(catalog.kinds["clauses"].values(), key=lambda e: (order.index(e.framework), e.code))
    named = [*sorted(catalog.attacks.values(), key=lambda a: a.id), *sorted(catalog.defenses.values(), key=lambda d: d.id)]
    return {"entries": entries, "mapped": {one.id: [e for e in named if one in clauses.of(catalog, e)] for one in entries}}


def draft(catalog: Catalog, works: Mapping[str, Any], edition: Edition, stale: Mapping[str, set[str]]) -> str:
    """Return the draft of a contribution to MITRE ATLAS as it is shown."""
    old = {name: frozenset(targets) for name, targets in stale.items()}
    return json.dumps(atlas.contribution(catalog, works, edition, old), indent=1, ensure_ascii=False)


def changes(measured: Mapping[str, figures.Evidence], stale: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return the changelog as it stands, and where the evidence on each attack is from."""
    text = Markup(CHANGELOG.read_text(encoding="utf-8").replace("# Changelog", "# What changed", 1))
    return {"text": text, "rows": [(name, figures.provenance(found), stale[name]) for name, found in measured.items()]}
