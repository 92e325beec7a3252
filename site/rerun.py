"""The survey, re-run: curves of factors that were measured, and the verdicts on what the survey states."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from attacks.evidence import factor_picture
from taxonomy import factor_evidence, judgements
from taxonomy.catalog import Catalog
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
