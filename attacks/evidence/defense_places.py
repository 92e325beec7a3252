"""Which attacks a bench runs on a target without a defense and with it. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from attacks.engine import plan as plans
from taxonomy import defended
from taxonomy.catalog import Catalog
from taxonomy.defended import Applied
from taxonomy.entries import Attack, Defense, Target


@dataclass(frozen=True)
class Place:
    """A defense on one target, and the attacks on membership that are feasible there without it.

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


def places(catalog: Catalog, defense: Defense) -> tuple[Place, ...]:
    """Return where a defense is measured; raise InputError for a target that it does not fit."""
    return tuple(_place(catalog, catalog.target(name), adversaries(defense)[1]) for name in defense.targets)


def _place(catalog: Catalog, entry: Target, applied: Applied) -> Place:
    """Return the attacks of one and the same adversary: where answers are masked it is one who does not hold the model."""
    outside = defended.outside(catalog, entry)
    before = _feasible(catalog, outside if defended.masks(entry, applied) else entry)
    left = _feasible(catalog, entry, applied)
    return Place(
        entry.id,
        tuple(before[name] for name in sorted(before)),
        frozenset(left),
        frozenset(before.keys() - _feasible(catalog, outside).keys()),
    )


def _feasible(catalog: Catalog, entry: Target, applied: Applied | None = None) -> dict[str, Attack]:
    try:
        plan = plans.make(catalog, entry, None, (), None, applied)
    except plans.NothingToRunError:
        return {}
    return {one.attack.id: one.attack for one in plan.attacks if one.attack.goal == "membership"}
