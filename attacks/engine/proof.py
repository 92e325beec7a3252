"""The proof of one attack, carried out rule by rule: fingerprints of its nodes, handles along it, and its steps."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from attacks.defenses.answers import answering
from attacks.defenses.owner import Trained
from attacks.engine import artifacts
from attacks.engine.defending import behind
from attacks.engine.expected import made_for
from attacks.engine.plan import Planned, amount
from attacks.engine.versions import environment
from attacks.engine.workshop import STAND_INS
from attacks.handles import Ledger, Population, ShadowData
from attacks.models import training
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, digest
from taxonomy.check import CANDIDATES
from taxonomy.code_checks import SEED
from taxonomy.defended import imitated
from taxonomy.entries import Params
from taxonomy.graph import Rule

if TYPE_CHECKING:
    from attacks.engine.execution import Run

LABEL = "record.label"
PARTIAL = "record.partial"


@dataclass(frozen=True)
class Made:
    """What a step made, the queries that it spent, and what was noted of the answers to them."""

    artifact: Any
    queries: int
    notes: list[str]


class Proof:
    """The proof of one attack of a run, carried out: its steps are shared with attacks whose proofs make them alike."""

    def __init__(self, run: Run, planned: Planned):
        self.run, self.planned = run, planned
        self.yields = {rule.yields: rule for rule in planned.rules}
        found = run.defended
        # Whether the adversary does on its own models as the owner of the target does.
        self.imitates = found is not None and imitated(run.engine.catalog, found.applied, planned.rules)
        self.mask = found.mask if found and self.imitates else None

    # -- fingerprints ------------------------------------------------------------------------------------------------

    def fingerprint(self, rule: Rule, params: Params | None = None) -> str:
        """Return the name of a node: a hash of its recipe, with the parameters as the attack wants them or with others."""
        run = self.run
        entry, target, code = run.plan.entries[rule.id], run.plan.target, run.engine.code
        assert entry.run is not None and target.run is not None
        return digest(
            {
                "code": code.digest(entry.run),
                # The code that makes the target's handles decides what the node is shown, also where the model is the same.
                "handles": code.digest(target.run),
                "records": run.contents.records(with_label=LABEL in rule.needs, partial=PARTIAL in rule.needs),
                "params": params or self.params(rule),
                "seed": derive_seed(run.seed, rule.kind, rule.id),
                "target": [target.params, run.target.fingerprint, run.contents.answers],
                "inputs": {need: self.input_fingerprint(need) for need in rule.needs},
                "environment": environment(device=self.run.engine.workshop.device),
                **({"adversary": self.imitates} if run.defended else {}),
            }
        )

    def input_fingerprint(self, term: str) -> str:
        """Return what an input of a node is: granted by the target, a view of other inputs, or a step's result."""
        rule = self.yields.get(term)
        if rule is None:
            return self.run.granted_fingerprint(term)
        if rule.kind == "step":
            return self.fingerprint(rule)
        return self.run.view_fingerprint(rule, [self.input_fingerprint(need) for need in rule.needs])

    @property
    def limit(self) -> int | None:
        """How many queries a handle may count: calls to a service, or rows where it is those that are limited."""
        limits = self.run.plan.threat.limits
        return limits.rows if limits.rows is not None and self.planned.price.rows else limits.queries

    def params(self, rule: Rule) -> Params:
        """Return the parameters of a rule as this attack wants them."""
        return self.planned.wants.get(rule.id, self.run.plan.params[rule.id])

    # -- handles -----------------------------------------------------------------------------------------------------

    def arguments(self, rule: Rule, ledger: Ledger) -> dict[str, Any]:
        """Return the positional arguments of a rule's function: candidates, and the handles of its needs."""
        target = self.run.target
        handles = {CANDIDATES: target.records(ledger, with_label=LABEL in rule.needs, partial=PARTIAL in rule.needs)}
        for need in rule.needs:
            name = self.run.terms[need].handle
            if name:
                handles[name] = self.handle(need, ledger)
                # What a step trains is kept as it is, and masked when it is handed on.
                if self.mask is not None and rule.kind == "attack" and need not in self.yields:
                    handles[name] = behind(self.mask, handles[name])
        return handles

    def handle(self, term: str, ledger: Ledger) -> Any:
        """Return a fresh handle of one term, made along the proof."""
        rule = self.yields.get(term)
        if rule is None:
            return self.run.granted(term, ledger)
        if rule.kind == "step":
            return self.artifact(rule)
        return self.run.view(rule, lambda need: self.handle(need, ledger))

    def tracked(self, rule: Rule) -> set[str]:
        """Return the handles of a rule whose use the ledger records: those that the target itself makes."""
        return {name for need in rule.needs if need not in self.yields and (name := self.run.terms[need].handle)}

    # -- nodes -------------------------------------------------------------------------------------------------------

    def artifact(self, rule: Rule) -> Any:
        """Return a step's artifact in the amount that this attack wants: the first models of as many as the whole run wants."""
        node = self.run.plan.node(self.planned, rule)
        whole, many = self.step(rule).artifact, amount(node.step)
        return whole.first(self.params(rule)[many]) if many else whole

    def step(self, rule: Rule) -> Made:
        """Return what a step made in the amount that the whole run wants; kept in the store."""
        run, params = self.run, self.run.plan.node(self.planned, rule).params
        fingerprint = self.fingerprint(rule, params)
        if fingerprint not in run.made:
            store = run.engine.store
            function = run.engine.code.function(str(run.plan.entries[rule.id].run))
            # A step is not claimed: what takes long in it is training, and several runs share that model by model.
            if fingerprint not in store:
                ledger = Ledger(self.limit)
                artifact, _ = self.call(rule, ledger, params)
                counted = amount(run.plan.node(self.planned, rule).step) is not None
                artifacts.check(artifact, rule.id, function, counted, run.engine.workshop)
                meta, arrays = artifacts.pack(artifact)
                meta |= {"queries": ledger.queries, "notes": ledger.notes}
                store.write(fingerprint, "step", rule.id, meta=meta, arrays=arrays, inputs=artifacts.models(meta))
            meta, arrays, _ = store.read(fingerprint)
            artifact = artifacts.unpack(meta, arrays, run.engine.workshop, artifacts.kinds_of(function))
            artifact = artifact if self.mask is None else answering(artifact, self.mask)
            run.made[fingerprint] = Made(artifact, int(meta["queries"]), meta["notes"])
        return run.made[fingerprint]

    def steps(self) -> list[Made]:
        """Return what the steps of the proof made."""
        return [self.step(rule) for rule in self.planned.rules if rule.kind == "step"]

    def _stand_ins(self, rule: Rule, arguments: dict[str, Any]) -> Trained | None:
        """Return by what models are trained that stand for the target; records beside a training set are the adversary's own."""
        by = self.run.defended.stand_ins if self.run.defended else None
        if by is None or by.records is None:
            return by
        for need in rule.needs:
            if isinstance(arguments.get(str(self.run.terms[need].handle)), ShadowData | Population):
                own = self.handle(need, Ledger())  # another one, for a look at it here is no use of it
                return replace(by, records=TrainingSet(own.x, own.label, 0))
        return by

    def call(self, rule: Rule, ledger: Ledger, params: Params | None = None) -> tuple[Any, float]:
        """Call a rule's function with the handles of its needs and nothing else; return its result and the seconds."""
        entry, engine = self.run.plan.entries[rule.id], self.run.engine
        assert entry.run is not None
        function = engine.code.function(entry.run)
        arguments = self.arguments(rule, ledger)
        given = dict(params or self.params(rule))
        if SEED in inspect.signature(function).parameters:
            given[SEED] = derive_seed(self.run.seed, rule.kind, rule.id)
        by = self._stand_ins(rule, arguments)
        own = engine.code.of_defense(self.run.defended.applied) if self.run.defended and by else ""
        place = made_for(engine.code, self.run.plan.target, entry, params or self.params(rule), own)
        with engine._at_work(place, self.run.seed, by, STAND_INS), training.one_thread():
            start = time.perf_counter()
            result = function(**arguments, **given)
            return result, time.perf_counter() - start
