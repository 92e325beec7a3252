"""What attacks on one target cost and find, and which of them no other beats at its price. No torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.figures import Average, Evidence, OnTarget

RATE = "0.01"
# What the adversary touches of the model, from least to most; who touches more may do what who touches less does.
ACCESS = ("labels", "answers", "the model")


@dataclass(frozen=True)
class Priced:
    """An attack on membership on one target: what it took, and what it found, means over seeds.

    `models` are those that it trains by itself, and `queries` those for each candidate, the most that a seed took. It lies on
    the `front` if no attack with as much access or less, as many models or fewer and as many queries or fewer has a larger AUC.
    What the adversary knows of the data is not compared.
    """

    attack: str
    access: str
    models: int
    queries: float
    auc: Average
    tpr: Average | None
    front: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        tpr = self.tpr.model_dump(mode="json") if self.tpr else None
        cost = {"access": self.access, "models": self.models, "queries_per_record": self.queries}
        found = {"auc": self.auc.model_dump(mode="json"), "tpr_at_fpr": {RATE: tpr}}
        return {"attack": self.attack, **cost, **found, "front": self.front}


def frontiers(
    catalog: Catalog,
    found: Iterable[Evidence],
    stale: Mapping[str, Collection[str]],
    *,
    models: int | None = None,
    queries: float | None = None,
) -> dict[str, list[Priced]]:
    """Return the attacks that were measured on each target within a budget, the largest AUC first.

    Controls are left out, and what is `stale`, by attack. `models` is how many models the adversary may train, and `queries` how
    often it may ask about each record; None is no limit.
    """
    by_target: dict[str, list[Priced]] = {}
    for one in found:
        attack = catalog.attack(one.attack)
        for on_target in one.targets if attack.goal == "membership" else ():
            priced = _priced(attack, on_target)
            if priced is None or on_target.target in stale.get(attack.id, ()):
                continue
            if (models is None or priced.models <= models) and (queries is None or priced.queries <= queries):
                by_target.setdefault(on_target.target, []).append(priced)
    return {target: _with_front(attacks) for target, attacks in sorted(by_target.items())}


def access(attack: Attack) -> str:
    """Return what an attack touches of the model: labels, other answers, or the model itself (its file, updates, training)."""
    if any(need.startswith("M1") for need in attack.needs):
        return "the model"
    asked = {need for need in attack.needs if need.startswith("Q")}
    return "labels" if asked == {"Q.labels"} else "answers"


def _priced(attack: Attack, one: OnTarget) -> Priced | None:
    if one.role == "null" or one.auc is None:
        return None
    queries = max(s.queries / ((s.members or 0) + (s.non_members or 0) or 1) for s in one.seeds)
    return Priced(
        attack.id, access(attack), max(s.models for s in one.seeds), round(queries, 2), one.auc, one.tpr_at_fpr.get(RATE)
    )


def _with_front(attacks: list[Priced]) -> list[Priced]:
    ordered = sorted(attacks, key=lambda one: (-one.auc.mean, one.models, one.queries, one.attack))
    return [replace(p, front=not any(_beats(q, p) for q in ordered)) for p in ordered]


def _beats(one: Priced, other: Priced) -> bool:
    """Does one cost nothing more, and find more or cost less?"""
    at_most = [
        (ACCESS.index(one.access), ACCESS.index(other.access)),
        (one.models, other.models),
        (one.queries, other.queries),
        (-one.auc.mean, -other.auc.mean),
    ]
    return all(a <= b for a, b in at_most) and any(a < b for a, b in at_most)
