"""One plan against one target with one seed: each attack by its proof, and what its result is worth."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.engine import artifacts
from attacks.engine.plan import Plan, Planned
from attacks.engine.proof import Made, Proof
from attacks.engine.results import packed
from attacks.engine.store import Arrays
from attacks.handles import AttackError, Ledger, UnsuitableError
from attacks.metrics import predictive_value, set_membership
from attacks.seeds import derive_seed, digest
from attacks.targets.target import Judge, Target
from taxonomy.code_checks import SEED
from taxonomy.defended import imitated
from taxonomy.entries import Attack
from taxonomy.findings import InputError
from taxonomy.graph import Rule, goal

if TYPE_CHECKING:
    from attacks.engine.runner import Engine

AUDIT = "audit"


class Run:
    """One plan against one target with one seed."""

    def __init__(self, engine: Engine, plan: Plan, target: Target, seed: int):
        self.engine, self.plan, self.target, self.seed = engine, plan, target, seed
        self.defended = engine.defended(plan, seed)
        # What the target shows in another form is made by views from what it offers, which nothing else of the run is handed.
        self.derived = {term: rule for term, rule in plan.derived.items() if term not in target.makers}
        self.grant = target.grant({*plan.granted, *(need for rule in self.derived.values() for need in rule.needs)})
        self.contents = engine.contents(target)
        self.terms = engine.catalog.terms
        self.views = {rule.id: rule.view for rule in engine.catalog.implications}
        self.made: dict[str, Made] = {}

    def granted(self, term: str, ledger: Ledger) -> Any:
        """Return a fresh handle of a granted term, as the target makes it, or by views from what the target makes."""
        rule = self.derived.get(term)
        return self.view(rule, lambda need: self.granted(need, ledger)) if rule else self.grant.handle(term, ledger)

    def granted_fingerprint(self, term: str) -> str:
        """Return what a granted term shows."""
        if rule := self.derived.get(term):
            return self.view_fingerprint(rule, [self.granted_fingerprint(need) for need in rule.needs])
        return self.contents.term(term) if term in self.target.makers else "granted"

    def view(self, rule: Rule, handle: Callable[[str], Any]) -> Any:
        """Return the handle that an implication yields, from those of its needs; raise InputError if it has no view."""
        view = self.views[rule.id]
        if view is None:
            raise InputError(f"{rule.id} has no view, so no handle of {rule.yields} can be made")
        needed = {str(self.terms[need].handle): handle(need) for need in rule.needs if self.terms[need].handle}
        function = self.engine.code.function(view)
        if SEED in inspect.signature(function).parameters:
            needed[SEED] = derive_seed(self.seed, "view", rule.id)
        return function(**needed)

    def view_fingerprint(self, rule: Rule, parts: list[str]) -> str:
        """Return what an implication yields, from what its needs are."""
        view = self.views.get(rule.id)
        return digest([self.engine.code.digest(view) if view else rule.id, parts])

    def figures(self, attack: Attack, meta: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
        """Return what a finished attack's result is worth: by the truth on membership, or by the target's judge of its goal."""
        if attack.goal == "membership":
            truth = self.target.member.numpy()
            if not 0 < truth.sum() < len(truth):
                raise AttackError(f"{self.plan.target.id} has no candidates that are {'none' if truth.any() else 'members'}")
            figures = metrics.summarize(arrays["score"], truth, meta["cut"])
            on_sets = set_membership.summarize(arrays["score"], truth)
            figures |= {**on_sets, "unresolved": {**figures["unresolved"], **on_sets["unresolved"]}}
            return {**figures, "metric": self.judge(attack, AUDIT)(arrays["guess"]).as_json()} if "guess" in arrays else figures
        judge = self.judge(attack, attack.goal)
        with self.engine._at_work():  # a judge may train a model of its own
            return {"metric": judge(artifacts.found(meta, arrays, self.engine.workshop)).as_json(), "warnings": []}

    def judge(self, attack: Attack, goal: str) -> Judge:
        """Return the target's judge of a goal; raise UnsuitableError if it has none."""
        if goal not in self.target.judges:
            raise UnsuitableError(f"{self.plan.target.id} cannot say how well {attack.id} did: it has no judge for {goal}")
        return self.target.judges[goal]

    def fingerprint(self, planned: Planned) -> str:
        """Return the name of an attack's result in the store."""
        proof = Proof(self, planned)
        return proof.fingerprint(proof.yields[goal(planned.attack.id)])

    def carry_out(self, planned: Planned) -> str:
        """Carry out an attack that the store does not hold yet, with its steps; return the name of its result in the store."""
        if planned.attack.goal != "membership":
            self.judge(planned.attack, planned.attack.goal)  # before anything is trained for what nobody can judge
        proof = Proof(self, planned)
        rule = proof.yields[goal(planned.attack.id)]
        fingerprint = proof.fingerprint(rule)

        def make() -> None:
            ledger = Ledger(proof.limit, sum(made.queries for made in steps))
            result, seconds = proof.call(rule, ledger)
            arrays, found = packed(result, planned.attack, len(self.target.x))
            handles = {self.terms[need].handle for need in rule.needs} - {None}
            meta: dict[str, Any] = {
                **found,
                "seconds": seconds,
                "queries": ledger.queries,
                "notes": [*(note for made in steps for note in made.notes), *ledger.notes],
                # So that `mia bench` can tell, without building the target, what of its work is done.
                "target": self.plan.target.id,
                "seed": self.seed,
                "code": self.code(planned),
                "untouched": sorted(str(h) for h in handles & proof.tracked(rule) - ledger.touched),
            }
            inputs = artifacts.models(meta)
            self.engine.store.write(fingerprint, "attack", planned.attack.id, meta=meta, arrays=arrays, inputs=inputs)

        if fingerprint not in self.engine.store:
            steps = proof.steps()
            self.engine.store.once(fingerprint, make)
        return fingerprint

    def code(self, planned: Planned) -> str:
        """Return a hash of the code of an attack and of the target, with their parameters and the defense."""
        applied = self.plan.defense
        if applied is not None:
            applied = replace(applied, adaptive=imitated(self.engine.catalog, applied, planned.rules))
        return self.engine.code.behind(planned.attack, self.plan.target, applied)

    def attack(
        self, planned: Planned, collect: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
        """Return the scores of one attack, if it has scores, and its figures; `collect` waits for one carried out elsewhere."""
        before = self.engine.workshop.trained
        if collect is not None:
            collect()
        fingerprint = self.carry_out(planned)
        meta, arrays, _ = self.engine.store.read(fingerprint)
        trained = self.engine.workshop.trained - before
        figures = self.figures(planned.attack, meta, arrays)
        if (prior := self.plan.threat.prior) is not None and "tpr_at_fpr" in figures:
            figures["ppv"] = predictive_value.summarize(figures, [prior])["ppv"]
        declared = planned.price.asked(len(self.target.x))
        warnings = list(figures.pop("warnings"))
        if meta["queries"] > declared:
            warnings.append(f"it used {meta['queries']:,} queries, but its entry declares {declared:,}")
        warnings += [f"weaker here: {because}" for because in planned.weaker]
        warnings += [
            f"within the limits it had only {r.used:,} of {r.wanted:,} ({r.rule}.{r.parameter})" for r in planned.reduced
        ]
        warnings += [*meta["notes"], *(f"its entry needs {name}, which it never touched" for name in meta["untouched"])]
        return arrays.get("score"), {
            "attack": planned.attack.id,
            "title": planned.attack.title,
            "goal": planned.attack.goal,
            **figures,
            "queries": meta["queries"],
            "declared_queries": declared,
            # What the attack would have to train by itself, and what of it this run had to train when its turn came.
            "models": planned.price.models,
            "trained": trained,
            "seconds": meta["seconds"],
            "warnings": warnings,
            "fingerprint": fingerprint,
        }
