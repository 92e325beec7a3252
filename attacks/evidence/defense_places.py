"""Which attacks a bench runs on a target without a defense and with it. Loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attacks.engine import plan as plans
from taxonomy import defended
from taxonomy.catalog import Catalog
from taxonomy.defended import Applied
from taxonomy.entries import Attack, Defense, Target


@dataclass(frozen=True)
class Place:
    """A defense on one target, and the attacks on membership that are feasible there without it and ask no more than it allows.

    `left` are the ids of those that it leaves feasible; `inside` of those that only who holds the model itself, or a seat in the
    federation, can carry out.
    """

    target: str
    attacks: tuple[Attack, ...]
    left: frozenset[str]
    inside: frozenset[str]


def adversaries(defense: Defense) -> tuple[Applied, Applied]:
    """Return a defense as the adversary meets it who does not know of it, and who does."""
    return Applied(defense, defense.params, adaptive=False), Applied(defense, defense.params)


class Places:
    """Works out where defenses are measured; what is feasible without one is worked out once."""

    def __init__(self, catalog: Catalog):
        self.catalog = catalog
        self._plain: dict[tuple[str, bool], dict[str, plans.Planned]] = {}

    def of(self, defense: Defense) -> tuple[Place, ...]:
        """Return a defense on each of its targets; raise InputError for a target that it does not fit."""
        return tuple(self._place(self.catalog.target(name), adversaries(defense)[1]) for name in defense.targets)

    def _place(self, entry: Target, applied: Applied) -> Place:
        """Return the attacks of one and the same adversary: where answers are masked it is one who does not hold the model."""
        feasible = self._without(entry, outside=defended.from_outside(entry, applied))
        before = {name: one for name, one in feasible.items() if not _asks_too_much(one, applied.defense)}
        left = self._feasible(entry, applied)
        inside = before.keys() - self._without(entry, outside=True).keys()
        return Place(entry.id, tuple(before[name].attack for name in sorted(before)), frozenset(left), frozenset(inside))

    def _without(self, entry: Target, *, outside: bool) -> dict[str, plans.Planned]:
        key = entry.id, outside
        if key not in self._plain:
            self._plain[key] = self._feasible(defended.outside(self.catalog, entry) if outside else entry)
        return self._plain[key]

    def _feasible(self, entry: Target, applied: Applied | None = None) -> dict[str, plans.Planned]:
        try:
            plan = plans.make(self.catalog, entry, None, (), None, applied)
        except plans.NothingToRunError:
            return {}
        return {one.attack.id: one for one in plan.attacks if one.attack.goal == "membership"}


def _asks_too_much(one: plans.Planned, defense: Defense) -> bool:
    """Whether an attack asks for more answers of a kind that takes long than its defense is measured with."""
    least = min((most for term, most in defense.most_questions.items() if term in one.rules[-1].needs), default=math.inf)
    return one.price.queries_per_record > least
