"""What the page of prices shows: on every target what attacks cost and find, as a table and a picture."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import picture
from markupsafe import Markup

from taxonomy.catalog import Catalog
from taxonomy.figures import Evidence
from taxonomy.frontier import frontiers


def shown(catalog: Catalog, found: Iterable[Evidence], stale: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return what the page's template takes: targets on which at least two attacks were measured."""
    fronts = {target: attacks for target, attacks in frontiers(catalog, found, stale).items() if len(attacks) > 1}
    titles = {target: f"Models trained and AUC on {catalog.targets[target].title}" for target in fronts}
    return {"fronts": fronts, "drawn": {target: Markup(picture.price(fronts[target], titles[target])) for target in fronts}}
