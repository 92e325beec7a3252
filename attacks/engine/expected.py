"""What a run will have to train, and how long that takes: what the store holds already does not count. Loads no torch if it can.

Each finished piece of work says what it was made for, the target or a step about it, and for which seed. What was made for the
same is taken from there, and how long another of its kind takes too. What the store has never seen is told by the speed of this
machine, once that was measured (`mia bench --calibrate`).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from attacks.engine import speed
from attacks.engine.code import Code
from attacks.engine.plan import Node, Plan, amount
from attacks.engine.store import Store
from attacks.engine.versions import installed
from attacks.models.devices import CPU
from attacks.seeds import digest
from taxonomy.entries import Attack, Params, Step, Target
from taxonomy.findings import InputError
from taxonomy.graph import Price, price


@dataclass(frozen=True)
class Expected:
    """Models that are not there yet, the target and those by which blocks are filled up among them, and the seconds they take.

    `unknown` are those of them whose time nobody knows; the seconds are those of the others, on so many workers.
    """

    models: int
    seconds: float
    unknown: int


def made_for(
    code: Code,
    target: Target,
    entry: Attack | Step | None = None,
    params: Mapping[str, object] | None = None,
    defense: str = "",
) -> str:
    """Return a name of what work is made for: a target, or what an entry's code makes in a run against it, in whatever amount.

    `defense` names what changes the training (`Code.of_defense`). Raises InputError for code of a package that is not trusted.
    """
    parts = [code.digest(str(target.run)), target.params, installed("torch")]
    if entry is not None:
        many = amount(entry) if isinstance(entry, Step) else None
        parts += [entry.id, code.digest(str(entry.run)), {name: value for name, value in (params or {}).items() if name != many}]
    return digest([*parts, defense] if defense else parts)


def of_plan(code: Code, store: Store, plan: Plan, seed: int, workers: int = 1, device: str = CPU) -> Expected:
    """Return what a run will have to train, and how long it takes."""
    kept, there = _Kept(store, device), speed.known(store) if device == CPU else None
    trains = plan.defense is not None and plan.defense.left is None
    parts = [_part(code, kept, there, plan, seed), *([_part(code, kept, there, plan, seed, defended=True)] if trains else [])]
    for node in plan.nodes.values():
        if price(node.step.cost, node.params).models:
            adaptive = trains and plan.defense is not None and plan.defense.adaptive
            parts.append(_part(code, kept, there, plan, seed, node, defended=adaptive))
    seconds = sum((part.seconds or 0.0) * part.size * -(-part.missing // (part.size * workers)) for part in parts)
    if workers > 1 and seconds and there is not None:
        seconds += there.start
    unknown = sum(part.missing for part in parts if part.seconds is None)
    return Expected(sum(part.missing for part in parts), seconds, unknown)


@dataclass(frozen=True)
class _Part:
    """Models of a step, or the target: how many are not there yet, how many are trained at a time, and seconds for one."""

    missing: int
    size: int
    seconds: float | None


def _part(
    code: Code,
    kept: _Kept,
    there: speed.Speed | None,
    plan: Plan,
    seed: int,
    node: Node | None = None,
    *,
    defended: bool = False,
) -> _Part:
    params: Params = node.params if node else {}
    cost = price(node.step.cost, params) if node else Price(models=1, trainings=1)
    try:
        own = code.of_defense(plan.defense) if defended and plan.defense else ""
        place = made_for(code, plan.target, node.step if node else None, params, own)
    except InputError:  # what cannot be run has left nothing
        place = ""
    # Steps that train as the target was trained do so in blocks, where its recipe comes in blocks.
    alike = bool(cost.trainings)
    size = speed.block_size(plan.target) if node and alike and not defended else 1
    missing = max(0, -(-cost.models // size) * size - kept.models.get((place, seed), 0))
    if not missing or place in kept.seconds:
        return _Part(missing, size, statistics.median(kept.seconds[place]))
    if defended:  # nobody knows what a defense takes before it was tried
        return _Part(missing, size, None)
    told = there.seconds(speed.of_target(plan.target, own=node is None)) if there and alike else None
    if alike and (node is None or told is None):
        typical = kept.store.typical_seconds(plan.target.params, kept.device)
        told = told if typical is None else typical
    return _Part(missing, size, told)


class _Kept:
    """What the store says of models by what they were made for: how many there are for a seed, and how long each took."""

    def __init__(self, store: Store, device: str):
        self.store, self.device = store, device
        self.models: dict[tuple[str, int], int] = {}
        self.seconds: dict[str, list[float]] = {}
        for node in store.nodes():
            made = node.meta.get("for")
            if made and node.meta["device"] == device:
                key = str(made["place"]), int(made["seed"])
                self.models[key] = self.models.get(key, 0) + int(node.meta.get("models", 1))
                self.seconds.setdefault(key[0], []).append(float(node.meta["seconds"]))
