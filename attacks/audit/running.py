"""Carries an audit out: checks, threat models, attacks, and what they are worth together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit import checks, judging, report, threat_models
from attacks.audit.checks import Check
from attacks.audit.file import Audit
from attacks.audit.parts import Parts, Settings
from attacks.audit.result import AuditResult
from attacks.audit.threat_models import Adversary
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.places import Progress
from attacks.engine.plan import NothingToRunError, Plan, Planned, Skipped
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.metrics.groups import split
from attacks.targets.target import Target
from taxonomy import entries
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError


@dataclass(frozen=True)
class Case:
    """One threat model of an audit: its plan, None where no attack can be run, and the attacks that are left out."""

    adversary: Adversary
    plan: Plan | None
    skipped: tuple[Skipped, ...]

    @property
    def attacks(self) -> tuple[Planned, ...]:
        """The attacks that are run."""
        return self.plan.attacks if self.plan else ()


@dataclass
class Prepared:
    """An audit before anything is run: its parts, what was found of them, and a plan for each threat model."""

    catalog: Catalog
    parts: Parts
    entry: entries.Target
    engine: Engine
    seed: int
    adversaries: list[Adversary]
    checks: list[Check] = field(default_factory=list)
    baseline: BlindBaseline | None = None
    plans: list[Case] = field(default_factory=list)
    record_seconds: float | None = None
    target: Target = field(init=False)

    @property
    def valid(self) -> bool:
        """Whether what follows is about the model: no check failed."""
        return not any(check.severity == "error" for check in self.checks)

    @property
    def price(self) -> dict[str, Any]:
        """What the attacks will cost: models to train, calls to a service, and seconds of training where they can be told."""
        made = [case.plan for case in self.plans if case.plan is not None]
        models = max((plan.models for plan in made), default=0)
        asked = made if self.parts.service else []
        queries = sum(one.price.total_queries(self.parts.count) for plan in asked for one in plan.attacks)
        seconds = None if self.record_seconds is None else self.record_seconds * self.parts.size * models
        return {"models": models, "queries": queries, "seconds": 0.0 if not models else seconds}


@contextmanager
def prepared(
    catalog: Catalog,
    parts: Parts,
    *,
    attacks: Sequence[str] = (),
    settings: Settings | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    models: int | None = None,
    audit: Audit | None = None,
) -> Iterator[Prepared]:
    """Plan, look at all that can be looked at, and ask the model about the candidates; raise InputError for anything wrong.

    The threat models are those of the audit file; without one, it is the adversary who has all that the parts grant.
    """
    entry = parts.entry()
    engine = Engine(catalog, Store(), code=Code(), executor=executor, progress=progress)
    if audit is not None:
        adversaries = threat_models.adversaries(catalog, audit, entry, parts.service, parts.published)
    else:
        adversaries = [threat_models.everything(catalog, entry, models, None)]
    ready = Prepared(catalog, parts, entry, engine, seed, adversaries)
    ready.plans = list(_plans(ready, attacks, parts.settings(catalog, settings or {})))
    ready.checks += checks.of_data(parts)
    said, ready.record_seconds = parts.tried(seed)
    ready.checks += [*said, *parts.asked()]
    if parts.restored is not None:
        engine.workshop.own = parts.restored
    ready.target = parts.made()
    with engine.store.in_use():
        engine.adopt(ready.target, seed)
        ready.target.warnings.clear()  # the checks have said so, in the user's words
        ready.baseline = engine.blind_baseline(ready.target)
        if (split := checks.of_split(parts, ready.baseline)) is not None:
            ready.checks.append(split)
        yield ready


def _plans(ready: Prepared, attacks: Sequence[str], settings: Settings) -> Iterator[Case]:
    """Yield a plan for each threat model, of named attacks or all feasible ones; raise InputError for one that is not."""
    named = {ready.catalog.attack(name).id for name in attacks}
    seen, reasons = set[str](), dict[str, str]()
    for adversary in ready.adversaries:
        case = _plan(ready, adversary, named, settings)
        seen |= {one.attack.id for one in case.attacks}
        reasons |= {one.id: one.because for one in case.skipped}
        yield case
    if missing := sorted(named - seen):
        reason = reasons.get(missing[0], "it does not apply to what is audited")
        raise InputError(f"{missing[0]} cannot be run in this audit: {reason}")


def _plan(ready: Prepared, adversary: Adversary, named: set[str], settings: Settings) -> Case:
    threat = threat_models.granting(adversary, ready.catalog)
    try:
        whole = plans.make(ready.catalog, adversary.target, threat, (), settings)
        wanted = [one for one in whole.attacks if not named or one.attack.id in named]
        reasons = {one.attack.id: _left_out(ready, one, bool(named), threat.limits.queries) for one in wanted}
        skipped = [Skipped(name, "limit", reason) for name, reason in reasons.items() if reason]
        kept = [one for one in wanted if reasons[one.attack.id] is None]
        plan = whole.only(kept, [*whole.skipped, *skipped])
    except NothingToRunError as error:
        return Case(adversary, None, error.skipped)
    return Case(adversary, plan, plan.skipped)


def _left_out(ready: Prepared, one: Planned, named: bool, queries: int | None) -> str | None:
    """Return why a feasible attack is not run: None for one that is, and "" for one of which nobody would ask."""
    if one.attack.goal not in ("membership", "audit") and one.attack.goal not in ready.parts.judges:
        reason = f"nobody can say how well it did: an audit judges membership, and it is about {one.attack.goal}"
        return reason if named else ""
    if ready.parts.rows is None and one.price.models:
        return "it trains models on records, and these have no features"
    needed = one.price.total_queries(ready.parts.count)
    if queries is not None and needed > queries:
        return f"it needs {needed:,} queries for {ready.parts.count:,} candidates and the limit is {queries:,} (limits.queries)"
    return None


def run(ready: Prepared, command: str) -> AuditResult:
    """Run the attacks of an audit under each threat model, and judge them; a failure of one leaves the others' results."""
    start = time.perf_counter()
    parts = ready.parts
    member = parts.as_in_files(ready.target.member.numpy())
    ids = np.concatenate([parts.members.ids, parts.others.ids])
    columns = split(
        {name: np.concatenate([parts.members.groups[name], parts.others.groups[name]]) for name in parts.members.groups}
    )
    scores, found = dict[str, NDArray[np.float64]](), list[dict[str, Any]]()
    failures = list[dict[str, str]]()
    alone = len(ready.plans) == 1
    for case in ready.plans:
        one = {**_described(ready, case), "results": [], "failures": [], "control": []}
        if case.plan is not None:
            outcome = ready.engine.run(case.plan, ready.seed, any_split=True)
            in_files = {name: parts.as_in_files(score) for name, score in outcome.scores.items()}
            one["results"] = [
                judging.judged(result, in_files.get(result["attack"]), member, columns) for result in outcome.results
            ]
            one["failures"] = outcome.failures
            one["left_out"] += _unsuited(outcome.unsuited)
            one["skipped"] += [{"id": name, "because": reason} for name, reason in outcome.unsuited]
            one["control"] = judging.control(in_files, member, ready.seed)
            for name, score in in_files.items():
                scores[name if alone else f"{case.adversary.id}/{name}"] = score
        failures += one["failures"]
        found.append(one)
    everything = {
        "name": parts.name,
        "seed": ready.seed,
        "valid": ready.valid,
        "checks": [check.as_json() for check in ready.checks],
        "blind_baseline": ready.baseline.as_json() if ready.baseline else None,
        "threat_models": found,
        "ensemble": judging.ensemble(scores, member, ids, ready.seed),
        "record_alarms": judging.alarms(parts, ready.target),
        # Before a run the seconds are expected ones of training; now they are those that it took.
        "price": {**ready.price, "seconds": time.perf_counter() - start},
        "failures": failures,
        "command": command,
        **report.stamp(),
        "data_hashes": parts.hashes,
    }
    return AuditResult(everything, scores, member, ids, ready.catalog)


def _described(ready: Prepared, case: Case) -> dict[str, Any]:
    """Return what is known of a threat model before its attacks are run, as plain data."""
    threat = threat_models.granting(case.adversary, ready.catalog)
    infeasible = [one.id for one in case.skipped if one.why == "infeasible"]
    return {
        "id": case.adversary.id,
        "title": case.adversary.title,
        "grants": threat.grants,
        "skipped": [one.as_json() for one in case.skipped],
        "unlock": threat_models.unlock(ready.catalog, threat, infeasible, ready.parts.beyond),
        "left_out": not_handed_over(ready, case),
    }


def not_handed_over(ready: Prepared, case: Case) -> list[str]:
    """Return in a sentence what the threat model grants and the audit file does not hand over, if attacks are lost by that."""
    lost = [one for one in case.skipped if one.why == "not offered"]
    terms = [ready.catalog.terms[term] for term in sorted(case.adversary.threat.knows - {*case.adversary.target.offers})]
    if not lost or not terms:
        return []
    titles = ", ".join(f"{term.title} ({term.id})" for term in terms)
    return [
        f"This adversary also has {titles}, which the audit file does not hand over: {len(lost):,} of its attacks were not run."
    ]


def _unsuited(unsuited: Sequence[tuple[str, str]]) -> list[str]:
    """Return in sentences which planned attacks the records did not suit, those of one reason together."""
    by_reason = dict[str, list[str]]()
    for name, reason in unsuited:
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{len(names):,} of the attacks could not be run ({', '.join(names)}): {reason}." for reason, names in by_reason.items()
    ]


def planned(ready: Prepared) -> dict[str, Any]:
    """Return what a dry run says, as plain data: checks, and for each threat model what would be run and what is left out."""
    return {
        "name": ready.parts.name,
        "valid": ready.valid,
        "checks": [check.as_json() for check in ready.checks],
        "blind_baseline": ready.baseline.as_json() if ready.baseline else None,
        "threat_models": [
            {**_described(ready, case), "attacks": [{"id": one.attack.id, "cost": one.price.as_json()} for one in case.attacks]}
            for case in ready.plans
        ],
        "price": ready.price,
    }
