"""A trial of one attack on a small version of a target: whether its code runs at all, before anything large is trained."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.encoding import EncodingError
from attacks.engine.execution import Run
from attacks.engine.plan import Plan
from attacks.engine.proof import Proof
from attacks.engine.results import FormError, packed
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, Ledger, UnsuitableError
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Params, Step, Target
from taxonomy.findings import InputError
from taxonomy.graph import goal

# At most so much of what a parameter of this name says, so that a trial takes about a second.
OF_TARGETS = {
    "candidates": 100,
    "canaries": 20,
    "epochs": 2,
    "first_records": 100,
    "known_members": 20,
    "marked": 100,
    "members": 50,
    "more": 50,
    "non_members": 50,
    "others": 50,
    "passages": 60,
    "per_class": 20,
    "pool": 300,
    "population": 50,
    "records": 50,
    "rounds": 12,
    "sets_of_each": 2,
    "single_updates": 20,
    "size": 8,
    "update_epochs": 2,
}
OF_RULES = {
    "count": 1000,
    "deep_steps": 5,
    "epochs": 2,
    "fakes": 4,
    "generators": 2,
    "models": 60,
    "queries": 2000,
    "random_queries": 1000,
    "samples": 200,
    "starts": 1,
    "steps": 5,
    "trees": 5,
}
MODELS, SEED = 4, 0


@dataclass(frozen=True)
class Trial:
    """What a trial gave: a float64 score of each of the small target's records, or None for an attack with another goal."""

    attack: str
    target: str
    smaller: Params
    scores: NDArray[np.float64] | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the trial as plain data."""
        scores = None if self.scores is None else self.scores.tolist()
        smaller = dict(self.smaller)
        return {"attack": self.attack, "target": self.target, "smaller": smaller, "scores": scores, "seconds": self.seconds}


def try_attack(catalog: Catalog, attack: Attack, code: Code, target: Target | None = None) -> Trial:
    """Run an attack on a small version of a target, or of the first that its entry names; nothing of it is kept.

    Raises InputError if it can be tried on none, and what the attack's code raises.
    """
    start = time.perf_counter()
    entry = target if target and _small(target) else _named(catalog, attack)
    small = _small(entry)
    little = _with_target(catalog, entry.model_copy(update={"params": {**entry.params, **small}}))
    plan = plans.make(little, little.target(entry.id), None, [attack.id], _in_small(catalog))
    with tempfile.TemporaryDirectory(prefix="mia-trial-") as folder:
        engine = Engine(little, Store(Path(folder)), code=code)
        with engine.store.in_use():
            scores = _scores(engine, plan, attack)
    return Trial(attack.id, entry.id, small, scores, time.perf_counter() - start)


def try_own(catalog: Catalog, plan: Plan, code: Code) -> dict[str, BaseException]:
    """Return for attacks of a plan that run code of folders that the user trusts what that code raised, if something did.

    Only what shows that the code is wrong counts, and not what an attack says of a target that is too small for it.
    """
    found: dict[str, BaseException] = {}
    for planned in plan.attacks:
        runs = [plan.entries[rule.id].run for rule in planned.rules if rule.id in plan.entries]
        if not any(run and code.is_of_user(run) for run in runs):
            continue
        try:
            try_attack(catalog, planned.attack, code, plan.target)
        except (InputError, UnsuitableError):
            continue
        except (Exception, SystemExit) as error:
            if not isinstance(error, AttackError) or isinstance(error, FormError | EncodingError):
                found[planned.attack.id] = error
    return found


def _small(target: Target) -> Params:
    """Return the parameters of a target that have a smaller form, in that form."""
    small = {name: _smaller(value, OF_TARGETS[name]) for name, value in target.params.items() if name in OF_TARGETS}
    return {name: value for name, value in small.items() if value != target.params[name]}


def _scores(engine: Engine, plan: Plan, attack: Attack) -> NDArray[np.float64] | None:
    built = engine.target(plan.target.id, SEED)
    proof = Proof(Run(engine, plan, built, SEED), plan.attacks[0])
    spent = sum(made.queries for made in proof.steps())
    result, _ = proof.call(proof.yields[goal(attack.id)], Ledger(proof.limit, spent))
    arrays, _ = packed(result, attack, len(built.x))
    return arrays.get("score")


def _named(catalog: Catalog, attack: Attack) -> Target:
    """Return the first target with code that an attack's entry names."""
    names = [*attack.targets.power, *attack.targets.others, *([attack.targets.null] if attack.targets.null else [])]
    for name in names:
        if catalog.target(name).run:
            return catalog.target(name)
    raise InputError(f"{attack.id} names no target with code in `targets`, so there is nothing to try it on")


def _with_target(catalog: Catalog, target: Target) -> Catalog:
    """Return a catalog in which an entry stands in place of the target of its id."""
    kinds: Mapping[str, dict[str, Any]] = {
        kind: {**entries, target.id: target} if kind == "targets" else entries for kind, entries in catalog.kinds.items()
    }
    return replace(catalog, kinds=kinds)


def _in_small(catalog: Catalog) -> dict[str, dict[str, str]]:
    """Return settings of every attack and step that make it small, as `mia run --set` takes them."""
    found: dict[str, dict[str, str]] = {}
    for entry in catalog.acts:
        models = plans.amount(entry) if isinstance(entry, Step) else None
        most = {**OF_RULES, **({models: MODELS} if models else {})}
        small = {name: _smaller(value, most[name]) for name, value in entry.params.items() if name in most}
        if small:
            found[entry.id] = {name: str(value) for name, value in small.items()}
    return found


def _smaller(value: Any, most: int) -> Any:
    """Return a whole number that is at most `most`, and anything else as it is."""
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) else value
