"""What surveys tell apart, side by side, with the terms that say it here and how many attacks are about each."""

from __future__ import annotations

import typing
from typing import Any

from taxonomy.answers import facets
from taxonomy.catalog import Catalog
from taxonomy.knowledge import Distinguished

TITLES = {
    "observation": "what is seen of the model",
    "knowledge": "what the adversary knows",
    "model-type": "kind of model",
    "frame": "where the data lie",
    "records": "what a record is",
    "stage": "stage of the pipeline",
    "granularity": "what a candidate is",
    "adaptivity": "whether questions follow from answers",
    "prior": "how rare members are",
    "split": "how members and others were chosen",
    "insight": "why attacks succeed",
}
# Aspects of ours that stand for what is told apart; the others have no term of their own, or too many to list.
ASPECTS = {
    "observation": "observation",
    "model-type": "model-type",
    "frame": "frame",
    "records": "records",
    "stage": "stage",
    "granularity": "granularity",
    "adaptivity": "asking",
}
COUNTED = ("stage", "granularity")


def shown(catalog: Catalog) -> dict[str, Any]:
    """Return the surveys by year, a row for each thing that is told apart, and the attacks that are about each term of ours."""
    surveys = sorted(catalog.kinds["vocabularies"].values(), key=lambda one: (one.year, one.id))
    rows = []
    for what in typing.get_args(Distinguished):
        ours = [term.id for term in catalog.terms.values() if term.aspect == ASPECTS.get(what)]
        told = {one.id: [d for d in one.distinguishes if d.what == what] for one in surveys}
        rows.append({"what": what, "title": TITLES[what], "ours": ours, "told": told})
    attacks = sorted(catalog.attacks.values(), key=lambda one: one.id)
    about = [
        (term, [a for a in attacks if term.id in facets(catalog, a, term.aspect)])
        for term in catalog.terms.values()
        if term.aspect in COUNTED
    ]
    adaptive = [a for a in [*attacks, *sorted(catalog.steps.values(), key=lambda s: s.id)] if "adaptive-questions" in a.needs]
    return {"surveys": surveys, "rows": rows, "about": about, "adaptive": adaptive}
