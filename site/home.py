"""What the first page shows: one measured sentence on what a membership inference attack finds out, as a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import picture
from markupsafe import Markup

from taxonomy.catalog import Catalog
from taxonomy.figures import Evidence

# The standard of today, on the target that `make run` attacks.
ATTACK, TARGET, RATE = "carlini-2022-lira", "digits-mlp", "0.01"


@dataclass(frozen=True)
class Found:
    """How many members an attack finds while so many others are accused wrongly, mean over seeds, with the 95 % interval."""

    members: int
    found: int
    low: int
    high: int
    others: int
    accused: int
    seeds: int
    drawn: Markup


def found(catalog: Catalog, measured: Mapping[str, Evidence], stale: Mapping[str, Collection[str]]) -> Found | None:
    """Return what was measured, in people's numbers; None if it was not, or is older than the code."""
    evidence = measured.get(ATTACK)
    one = next((t for t in evidence.targets if t.target == TARGET), None) if evidence else None
    rate = one.tpr_at_fpr.get(RATE) if one else None
    if one is None or rate is None or TARGET in stale.get(ATTACK, ()):
        return None
    members, others = one.seeds[0].members or 0, one.seeds[0].non_members or 0
    counts = [round(members * value) for value in (rate.mean, *rate.ci)]
    accused = round(others * float(RATE))
    title = f"{catalog.attacks[ATTACK].title}: {counts[0]} of {members} members found, {accused} of {others} others accused"
    drawn = Markup(picture.crowd(((members, counts[0], "members"), (others, accused, "others")), title))
    return Found(members, counts[0], counts[1], counts[2], others, accused, len(one.seeds), drawn)
