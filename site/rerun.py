"""What is claimed, re-run: curves of factors, and the verdicts on what the survey states and on orderings that papers report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import picture
from markupsafe import Markup

from attacks.evidence import factor_picture
from taxonomy import factor_evidence, judgements
from taxonomy.catalog import Catalog
from taxonomy.figures import Ordered
from taxonomy.fingerprints import Fingerprints


def curves(catalog: Catalog, prints: Fingerprints) -> dict[str, dict[str, Any]]:
    """Return what was measured of each factor, with its picture, and whether it is stale."""
    found = {}
    for name, entry in catalog.kinds["factors"].items():
        measured = factor_evidence.find(catalog, name)
        if measured is not None:
            drawn = Markup(factor_picture.svg(measured, entry.title))  # noqa: S704  (it escapes what it shows)
            found[name] = {"evidence": measured, "drawn": drawn, "stale": bool(factor_evidence.stale(prints, measured))}
    return found


def statements(catalog: Catalog) -> dict[str, Any]:
    """Return each statement with its verdict, and how many there are of each verdict."""
    judged = judgements.judged(catalog)
    counts = [(name, sum(one.judgement == name for one in judged)) for name in judgements.JUDGEMENTS]
    return {"judged": judged, "counts": counts}


def orderings(catalog: Catalog, measured: Mapping[str, Sequence[Ordered]]) -> list[tuple[str, int, Markup]]:
    """Return for each verdict how often it was found, and the differences as a picture, the largest first."""
    found = []
    for verdict in ("holds", "does not hold", "undecided"):
        ones = [one for name in sorted(measured) for one in measured[name] if one.verdict == verdict]
        rows = [
            (f"{one.ordering.removeprefix('ordering-')}, {one.target}", one.difference.mean, one.difference.ci)
            for one in ones
            # What a judge finds has units of its own.
            if one.difference and catalog.kinds["orderings"][one.ordering].metric != "judged"
        ]
        rows.sort(key=lambda row: -row[1])
        title = f"Differences of orderings: {verdict}"
        drawn = picture.intervals(rows, title, chance=0.0, figure="difference") if rows else ""
        found.append((verdict, len(ones), Markup(drawn)))  # noqa: S704  (it escapes what it shows)
    return found
