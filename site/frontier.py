"""What attacks cost and find: on every target, as a table and a picture, and the largest figure of each attack."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import picture
from markupsafe import Markup

from taxonomy.catalog import Catalog
from taxonomy.figures import Evidence, OnTarget
from taxonomy.frontier import frontiers


def shown(catalog: Catalog, found: Iterable[Evidence], stale: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return what the page's template takes: targets on which at least two attacks were measured."""
    fronts = {target: attacks for target, attacks in frontiers(catalog, found, stale).items() if len(attacks) > 1}
    titles = {target: f"Models trained and AUC on {catalog.targets[target].title}" for target in fronts}
    return {"fronts": fronts, "drawn": {target: Markup(picture.price(fronts[target], titles[target])) for target in fronts}}


def strongest(measured: Mapping[str, Evidence], stale: Mapping[str, Collection[str]]) -> dict[str, OnTarget]:
    """Return of each attack the target on which its AUC was largest, controls and stale figures left out."""
    found = {}
    for name, evidence in measured.items():
        ranked = [
            (one.auc.mean, one) for one in evidence.targets if one.auc and one.role != "null" and one.target not in stale[name]
        ]
        if ranked:
            found[name] = max(ranked, key=lambda pair: pair[0])[1]
    return found
