"""The page on which a reader plays the adversary: pictures, answers and scores of one target's records, from evidence."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import picture
from markupsafe import Markup

from taxonomy import record_evidence
from taxonomy.record_evidence import RecordEvidence

if TYPE_CHECKING:
    from render import Site

TARGET = "digits-mlp"
# So many records a round has, and so many of them stand in the table for who has no JavaScript.
ROUND = 10
BINS = 30
RATES = (0.01, 0.05, 0.1, 0.25, 0.5)
PRIORS = (0.5, 0.1, 0.01)


@dataclass(frozen=True)
class Scale:
    """How the scores of an attack are drawn: what the axis says, and the edges of the bins; the outer ones hold the rest too."""

    axis: str
    scores: list[float]
    edges: list[float]


def scale(attack: str, scores: Sequence[float]) -> Scale:
    """Return scores as they are drawn, in the same order; a loss, which reaches over magnitudes, by its logarithm."""
    if attack == "yeom-2018-loss":
        axis, shown = "score: minus the log of the loss, base 10", [-math.log10(max(-s, 1e-12)) for s in scores]
    else:
        axis, shown = "score", list(scores)
    ordered = sorted(shown)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    return Scale(axis, [_short(s) for s in shown], [_short(low + (high - low) * i / BINS) for i in range(BINS + 1)])


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def shuffled(found: RecordEvidence) -> list[int]:
    """Return the places of the records in an order that is drawn by what they show, and by nothing that an attack says."""
    return sorted(range(len(found.records)), key=lambda i: hashlib.sha256(found.records[i].picture.encode()).digest())


def at_rate(found: RecordEvidence, attack: int, rate: float) -> tuple[float, list[float]]:
    """Return the largest TPR of a threshold that at most this share of non-members pass, and its precision at each prior."""
    members = [r.scores[attack] for r in found.records if r.member]
    others = sorted((r.scores[attack] for r in found.records if not r.member), reverse=True)
    allowed = math.floor(rate * len(others) + 1e-9)
    # Everything above the first that may not pass.
    tpr = sum(score > others[allowed] for score in members) / len(members)
    fpr = sum(score > others[allowed] for score in others) / len(others)
    return tpr, [prior * tpr / (prior * tpr + (1 - prior) * fpr) if tpr or fpr else 0.0 for prior in PRIORS]


def half(found: RecordEvidence, attack: int) -> float:
    """Return the score above which half of all records lie."""
    return sorted((r.scores[attack] for r in found.records), reverse=True)[len(found.records) // 2]


def exported(site: Site, found: RecordEvidence) -> dict[str, Any]:
    """Return what the page's script needs, as plain data."""
    attacks = []
    for place, one in enumerate(found.attacks):
        drawn = scale(one.attack, [r.scores[place] for r in found.records])
        title = site.catalog.attacks[one.attack].title
        attacks.append({"id": one.attack, "title": title, "axis": drawn.axis, "edges": drawn.edges, "scores": drawn.scores})
    records = [
        # Of the answer all that rounds to a hundredth of a percent.
        [r.picture, r.label, int(r.member), [[c, round(p, 4)] for c, p in enumerate(r.answer) if p >= 0.00005]]
        for r in found.records
    ]
    return {"attacks": attacks, "records": records, "order": shuffled(found), "round": ROUND}


def write(site: Site) -> None:
    """Write the page and its data; nothing where nothing was measured, or where it is older than the code."""
    found = record_evidence.find(site.catalog, TARGET)
    if found is None or TARGET in site.stale_records:
        site.page("play.md", "play.md.j2", found=None)
        return
    data = json.dumps(exported(site, found), ensure_ascii=False, separators=(",", ":"))
    site.write("assets/play-data.js", f"const MIA_PLAY = {data};")
    order = shuffled(found)[:ROUND]
    halves = [half(found, place) for place in range(len(found.attacks))]
    shown = [
        {
            "picture": Markup(picture.pixels(r.picture, f"A handwritten {r.label}")),
            "record": r,
            "says": [score > least for score, least in zip(r.scores, halves, strict=True)],
        }
        for r in (found.records[i] for i in order)
    ]
    rows = [(one.attack, rate, *at_rate(found, place, rate)) for place, one in enumerate(found.attacks) for rate in RATES]
    site.page("play.md", "play.md.j2", found=found, shown=shown, rows=rows, rates=len(RATES), priors=PRIORS)
