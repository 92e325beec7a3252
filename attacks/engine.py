"""Runs a plan against a target: the proof, rule by rule, each shared step once, finished work from the store."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks import artifacts, metrics, set_membership, training
from attacks.code import Code
from attacks.handles import AttackError, Guessed, Ledger, Scored, UnsuitableError
from attacks.plan import Plan, Planned, check_queries
from attacks.seeds import derive_seed, digest
from attacks.store import Arrays, Store, StoreError
from attacks.targets.target import Judge, Target
from attacks.workshop import Progress, SerialExecutor, Silent, StoreWorkshop, environment
from taxonomy.catalog import Catalog
from taxonomy.check import CANDIDATES, SEED
from taxonomy.entries import Attack, Params
from taxonomy.findings import InputError
from taxonomy.graph import Rule, goal

LABEL = "record.label"
PARTIAL = "record.partial"
COINS = "D2.coins"
AUDIT = "audit"


@dataclass
class Outcome:
    """What a run found: a result or an error for each attack, and the per-record scores.

    `unsuited` are attacks that the target's records do not suit, each with what it takes; `warnings` are those of the target.
    `exhibits` makes pictures of what the target generates, by title, for targets that have some to show.
    """

    plan: Plan
    seed: int
    target_facts: dict[str, Any]
    member: NDArray[np.bool_]
    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    unsuited: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    trained: int = 0
    reused: int = 0
    exhibits: Callable[[], dict[str, Tensor]] | None = None

    def as_json(self, out: str | None = None) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "target": self.plan.target.id,
            "target_facts": self.target_facts,
            "threat_model": self.plan.threat.as_json(),
            "granted": list(self.plan.granted),
            "seed": self.seed,
            "results": self.results,
            "failures": self.failures,
            "warnings": self.warnings,
            "skipped": [{"id": name, "because": reason} for name, reason in (*self.plan.skipped, *self.unsuited)],
            "trained": self.trained,
            "reused": self.reused,
            "environment": environment(),
            "out": out,
        }


def _start_worker() -> None:
    # Ctrl-C reaches the whole process group; the coordinator decides, and a worker finishes and stores its model.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def leave_with_the_coordinator() -> None:
        # After `kill -9` of the coordinator nobody tells its workers to stop. What they have not stored whole is not there.
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave_with_the_coordinator, daemon=True).start()


@contextmanager
def executor(workers: int) -> Iterator[Executor]:
    """Return an executor: in this process for one worker, else that many processes."""
    if workers <= 1:
        yield SerialExecutor()
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Engine:
    """Carries out plans with one store, one executor and one set of trusted code."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store | None = None,
        *,
        code: Code | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ):
        self.catalog = catalog
        self.store = store or Store()
        self.store.prepare()
        self.code = code or Code()
        self.progress = progress or Silent()
        self.workshop = StoreWorkshop(self.store, executor or SerialExecutor(), self.code, self.progress)
        self._built: tuple[str, int, Target] | None = None

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        token = training.workshop.set(self.workshop)
        try:
            yield
        finally:
            training.workshop.reset(token)

    def target(self, name: str, seed: int) -> Target:
        """Return a target by its entry's id, trained if the store does not hold it yet; the last one is kept for the next run."""
        if self._built is not None and self._built[:2] == (name, seed):
            return self._built[2]
        entry = self.catalog.target(name)
        if entry.run is None:
            raise InputError(f"the target {name} has no code, so nothing can be run against it")
        with self._at_work():
            try:
                target: Target = self.code.function(entry.run)(**entry.params, seed=seed)
                target.id = name
                target.warnings += target.check()
            except InputError:
                raise
            except AttackError as error:
                raise InputError(f"the target {name} cannot be made: {error}") from error
            except Exception as error:
                problem = f"{type(error).__name__}: {error} ({_where(error)})"
                raise InputError(f"the target {name} cannot be made with the parameters of its entry; {problem}") from error
        # A role without a handle is nothing to touch: what it is shown, the target offers beside it.
        roles = [term.id for term in self.catalog.terms.values() if term.aspect == "role" and term.handle is None]
        made = {*target.makers, *roles, LABEL, PARTIAL, *([COINS] if AUDIT in target.judges else [])}
        if missing := sorted(set(entry.offers) - made):
            raise InputError(f"the target {name} offers {', '.join(missing)}, for which its code makes no handle")
        self._built = (name, seed, target)
        return target

    def run(self, plan: Plan, seed: int = 0) -> Outcome:
        """Run every attack of the plan; a failure of one leaves the others' results. Raises InputError on a bad plan."""
        target = self.target(plan.target.id, seed)
        check_queries(plan, len(target.x))
        outcome = Outcome(plan, seed, target.facts, target.member.numpy(), exhibits=getattr(target, "exhibits", None))
        outcome.warnings += target.warnings
        run = _Run(self, plan, target, seed)
        self.progress.start("Running attacks", len(plan.attacks))
        for planned in plan.attacks:
            try:
                score, result = run.attack(planned)
            except UnsuitableError as error:
                outcome.unsuited.append((planned.attack.id, str(error)))
            except AttackError as error:
                outcome.failures.append({"attack": planned.attack.id, "error": str(error)})
            except (InputError, KeyboardInterrupt):
                raise
            except Exception as error:
                where = _where(error)
                outcome.failures.append({"attack": planned.attack.id, "error": f"{type(error).__name__}: {error} ({where})"})
            else:
                if score is not None:
                    outcome.scores[planned.attack.id] = score
                outcome.results.append(result)
            self.progress.advance()
        outcome.trained, outcome.reused = self.workshop.trained, self.workshop.reused
        return outcome


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"


class _Run:
    """One plan against one target with one seed."""

    def __init__(self, engine: Engine, plan: Plan, target: Target, seed: int):
        self.engine, self.plan, self.target, self.seed = engine, plan, target, seed
        self.grant = target.grant(plan.granted)
        self.terms = engine.catalog.terms
        self.views = {rule.id: rule.view for rule in engine.catalog.implications}
        self.yields = {rule.yields: rule for rule in plan.rules}
        self.made: dict[str, Any] = {}

    # -- fingerprints ------------------------------------------------------------------------------------------------

    def fingerprint(self, rule: Rule, wants: Mapping[str, Params]) -> str:
        """Return the name of a node: a hash of its recipe. An artifact is named by the amount that is wanted of it."""
        entry, target = self.plan.entries[rule.id], self.plan.target
        assert entry.run is not None and target.run is not None
        return digest(
            {
                "code": self.engine.code.digest(entry.run),
                # The code that makes the target's handles decides what the node is shown, also where the model is the same.
                "handles": self.engine.code.digest(target.run),
                "params": wants.get(rule.id, self.plan.params[rule.id]),
                "seed": derive_seed(self.seed, rule.kind, rule.id),
                "target": self.target.fingerprint,
                "inputs": {need: self.input_fingerprint(need, wants) for need in rule.needs},
                "environment": environment(),
            }
        )

    def input_fingerprint(self, term: str, wants: Mapping[str, Params]) -> str:
        """Return what an input of a node is: granted by the target, a view of other inputs, or a step's result."""
        rule = self.yields.get(term)
        if rule is None:
            return "granted"
        if rule.kind == "step":
            return self.fingerprint(rule, wants)
        view = self.views.get(rule.id)
        parts = [self.input_fingerprint(need, wants) for need in rule.needs]
        return digest([self.engine.code.digest(view) if view else rule.id, parts])

    # -- handles -----------------------------------------------------------------------------------------------------

    def arguments(self, rule: Rule, ledger: Ledger, wants: Mapping[str, Params]) -> dict[str, Any]:
        """Return the positional arguments of a rule's function: candidates, and the handles of its needs."""
        handles = {CANDIDATES: self.target.records(ledger, with_label=LABEL in rule.needs, partial=PARTIAL in rule.needs)}
        for need in rule.needs:
            name = self.terms[need].handle
            if name:
                handles[name] = self.handle(need, ledger, wants)
        return handles

    def handle(self, term: str, ledger: Ledger, wants: Mapping[str, Params]) -> Any:
        """Return a fresh handle of one term, made along the proof."""
        rule = self.yields.get(term)
        if rule is None:
            return self.grant.handle(term, ledger)
        if rule.kind == "step":
            artifact = self.step(rule)
            count = wants.get(rule.id, {}).get("count")
            return artifact.first(count) if isinstance(count, int) and hasattr(artifact, "first") else artifact
        view = self.views[rule.id]
        if view is None:
            raise InputError(f"{rule.id} has no view, so no handle of {term} can be made")
        names = [self.terms[need].handle for need in rule.needs]
        needed = {n: self.handle(need, ledger, wants) for n, need in zip(names, rule.needs, strict=True) if n}
        return self.engine.code.function(view)(**needed)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def step(self, rule: Rule) -> Any:
        """Return a step's artifact in the amount that the whole run wants; made once, and kept in the store."""
        fingerprint = self.fingerprint(rule, self.plan.params)
        if fingerprint not in self.made:
            if fingerprint not in self.engine.store:
                ledger = Ledger(self.plan.threat.limits.queries)
                artifact, _ = self.call(rule, ledger, self.plan.params)
                meta, arrays = artifacts.pack(artifact)
                meta |= {"queries": ledger.queries, "notes": ledger.notes}
                self.engine.store.write(fingerprint, "step", rule.id, meta=meta, arrays=arrays)
            meta, arrays, _ = self.engine.store.read(fingerprint)
            artifact = artifacts.unpack(meta, arrays, self.engine.workshop)
            self.made[fingerprint] = (artifact, int(meta["queries"]), meta["notes"])
        return self.made[fingerprint][0]

    def step_queries(self, planned: Planned) -> tuple[int, list[str]]:
        """Return the queries that the steps of an attack's proof spent, and what was noted of the answers."""
        steps = [rule for rule in planned.rules if rule.kind == "step"]
        for rule in steps:
            self.step(rule)
        made = [self.made[self.fingerprint(rule, self.plan.params)] for rule in steps]
        return sum(queries for _, queries, _ in made), [note for *_, notes in made for note in notes]

    def call(self, rule: Rule, ledger: Ledger, wants: Mapping[str, Params]) -> tuple[Any, float]:
        """Call a rule's function with the handles of its needs and nothing else; return its result and the seconds."""
        entry = self.plan.entries[rule.id]
        assert entry.run is not None
        function = self.engine.code.function(entry.run)
        arguments = self.arguments(rule, ledger, wants)
        params = dict(wants.get(rule.id, self.plan.params[rule.id]))
        if SEED in inspect.signature(function).parameters:
            params[SEED] = derive_seed(self.seed, rule.kind, rule.id)
        with self.engine._at_work(), training.one_thread():
            start = time.perf_counter()
            result = function(**arguments, **params)
            return result, time.perf_counter() - start

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
        """Return the target's judge of a goal; raise AttackError if it has none."""
        if goal not in self.target.judges:
            raise AttackError(f"{self.plan.target.id} cannot say how well {attack.id} did: it has no judge for {goal}")
        return self.target.judges[goal]

    def attack(self, planned: Planned) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
        """Return the scores of one attack, if it has scores, and its figures."""
        rule = self.yields[goal(planned.attack.id)]
        fingerprint = self.fingerprint(rule, planned.wants)
        spent, notes = self.step_queries(planned)
        if fingerprint not in self.engine.store:
            ledger = Ledger(self.plan.threat.limits.queries, spent)
            result, seconds = self.call(rule, ledger, planned.wants)
            arrays, found = _packed(result, planned.attack, len(self.target.x))
            handles = {self.terms[need].handle for need in rule.needs} - {None}
            meta: dict[str, Any] = {
                **found,
                "seconds": seconds,
                "queries": ledger.queries,
                "notes": [*notes, *ledger.notes],
                # So that `mia bench` can tell, without building the target, what of its work is done.
                "target": self.plan.target.id,
                "seed": self.seed,
                "code": self.engine.code.behind(planned.attack, self.plan.target),
                "untouched": sorted(str(h) for h in handles & _tracked(self, rule) - ledger.touched),
            }
            self.engine.store.write(fingerprint, "attack", planned.attack.id, meta=meta, arrays=arrays)
        meta, arrays, _ = self.engine.store.read(fingerprint)
        figures = self.figures(planned.attack, meta, arrays)
        declared = planned.price.total_queries(len(self.target.x))
        warnings = list(figures.pop("warnings"))
        if meta["queries"] > declared:
            warnings.append(f"it used {meta['queries']:,} queries, but its entry declares {declared:,}")
        warnings += [*meta["notes"], *(f"its entry needs {name}, which it never touched" for name in meta["untouched"])]
        return arrays.get("score"), {
            "attack": planned.attack.id,
            "title": planned.attack.title,
            "goal": planned.attack.goal,
            **figures,
            "queries": meta["queries"],
            "declared_queries": declared,
            "models_trained": planned.price.models,
            "seconds": meta["seconds"],
            "warnings": warnings,
            "fingerprint": fingerprint,
        }


def _tracked(run: _Run, rule: Rule) -> set[str]:
    """Return the handles of a rule whose use the ledger records: those that the target itself makes."""
    return {handle for need in rule.needs if need not in run.yields and (handle := run.terms[need].handle)}


def _packed(result: Any, attack: Attack, count: int) -> tuple[Arrays, dict[str, Any]]:
    """Return what an attack found as arrays and plain data: scores and cut, or what its other goal asks for."""
    if attack.goal == "membership":
        score, cut = _scores(result, count, attack.id)
        return {"score": score, **_guess(result, count, attack.id)}, {"cut": cut}
    try:
        meta, arrays = artifacts.pack_found(result)
    except TypeError as error:
        raise AttackError(f"{attack.id}: {error}") from error
    return arrays, meta


def _guess(result: Any, count: int, attack: str) -> Arrays:
    """Return an auditor's guesses, if the attack made some; raise AttackError unless they are one int8 of -1, 0 or 1 a record."""
    if not isinstance(result, Guessed):
        return {}
    guess = result.guess
    if guess.dtype != torch.int8 or tuple(guess.shape) != (count,) or bool((guess.abs() > 1).any()):
        raise AttackError(f"{attack} must guess with int8 of -1, 0 or 1 for each of {count} records")
    return {"guess": guess.numpy().copy()}


def _scores(result: Any, count: int, attack: str) -> tuple[NDArray[np.float64], float | None]:
    """Return an attack's scores and cut; raise AttackError unless they are one finite float64 a record."""
    score, cut = (result.score, float(result.cut)) if isinstance(result, Scored) else (result, None)
    score = result.score if isinstance(result, Guessed) else score
    if not isinstance(score, torch.Tensor) or score.dtype != torch.float64 or tuple(score.shape) != (count,):
        found = f"{score.dtype} {tuple(score.shape)}" if isinstance(score, torch.Tensor) else type(score).__name__
        raise AttackError(f"{attack} must return a float64 tensor of shape ({count},), or Scored (found {found})")
    if score.isnan().any():
        raise AttackError(f"{attack} returned NaN for {int(score.isnan().sum())} of {count} records")
    return score.detach().numpy().copy(), cut


__all__ = ["Engine", "Outcome", "StoreError", "executor"]
