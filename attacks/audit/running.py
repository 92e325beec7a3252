"""Carries an audit out: checks, threat models, attacks, and what they are worth together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from attacks.engine.plan import Plan, Planned
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.engine.workshop import Progress
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.metrics.groups import split
from attacks.targets.target import Target
from taxonomy import entries
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError


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
    plans: list[tuple[Adversary, Plan | None, list[tuple[str, str]]]] = field(default_factory=list)
    record_seconds: float | None = None
    target: Target = field(init=False)

    @property
    def valid(self) -> bool:
        """Whether what follows is about the model: no check failed."""
        return not any(check.severity == "error" for check in self.checks)

    @property
    def price(self) -> dict[str, Any]:
        """What the attacks will cost: models to train, calls to a service, and seconds of training where they can be told."""
        made = [plan for _, plan, _ in self.plans if plan is not None]
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


def _plans(
    ready: Prepared, attacks: Sequence[str], settings: Settings
) -> Iterator[tuple[Adversary, Plan | None, list[tuple[str, str]]]]:
    """Yield a plan for each threat model, of named attacks or all feasible ones; raise InputError for one that is not."""
    named = {ready.catalog.attack(name).id for name in attacks}
    seen, reasons = set[str](), dict[str, str]()
    for adversary in ready.adversaries:
        plan, skipped = _plan(ready, adversary, named, settings)
        seen |= {one.attack.id for one in plan.attacks} if plan else set()
        reasons |= dict(skipped)
        yield adversary, plan, skipped
    if missing := sorted(named - seen):
        raise InputError(
            f"{missing[0]} cannot be run in this audit: {reasons.get(missing[0], 'it does not apply to what is audited')}"
        )


def _plan(
    ready: Prepared, adversary: Adversary, named: set[str], settings: Settings
) -> tuple[Plan | None, list[tuple[str, str]]]:
    threat = threat_models.granting(adversary, ready.catalog)
    try:
        whole = plans.make(ready.catalog, adversary.target, threat, (), settings)
    except InputError as error:
        if not str(error).startswith("no attack can be run"):
            raise
        return None, [(line.split(": ", 1)[0].strip(), line.split(": ", 1)[1]) for line in str(error).splitlines()[1:]]
    skipped = list(whole.skipped)
    kept = list[Planned]()
    for one in whole.attacks:
        reason = _left_out(ready, one, named, threat.limits.queries)
        if reason is None:
            kept.append(one)
        elif reason:
            skipped.append((one.attack.id, reason))
    if not kept:
        return None, skipped
    final = plans.make(ready.catalog, adversary.target, threat, [one.attack.id for one in kept], settings)
    return replace(final, skipped=tuple(skipped)), skipped


def _left_out(ready: Prepared, one: Planned, named: set[str], queries: int | None) -> str | None:
    """Return why a feasible attack is not run: "" for one that was not asked for, None for one that is run."""
    if named and one.attack.id not in named:
        return ""
    if one.attack.goal not in ("membership", "audit") and one.attack.goal not in ready.parts.judges:
        return (
            "" if not named else f"nobody can say how well it did: an audit judges membership, and it is about {one.attack.goal}"
        )
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
    for adversary, plan, skipped in ready.plans:
        one: dict[str, Any] = {
            "id": adversary.id,
            "title": adversary.title,
            "grants": threat_models.granting(adversary, ready.catalog).grants,
            "results": [],
            "failures": [],
            "skipped": [{"id": name, "because": reason} for name, reason in skipped],
            "unlock": _unlock(ready, adversary, skipped),
            "control": [],
            "left_out": not_handed_over(ready, adversary, skipped),
        }
        if plan is not None:
            outcome = ready.engine.run(plan, ready.seed, any_split=True)
            in_files = {name: parts.as_in_files(score) for name, score in outcome.scores.items()}
            one["results"] = [
                judging.judged(result, in_files.get(result["attack"]), member, columns) for result in outcome.results
            ]
            one["failures"] = outcome.failures
            one["left_out"] += _unsuited(outcome.unsuited)
            one["skipped"] += [{"id": name, "because": reason} for name, reason in outcome.unsuited]
            one["control"] = judging.control(in_files, member, ready.seed)
            for name, score in in_files.items():
                scores[name if alone else f"{adversary.id}/{name}"] = score
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


# How a run says that the target does not show what a threat model grants.
NOT_OFFERED = "does not offer what it needs"


def not_handed_over(ready: Prepared, adversary: Adversary, skipped: Sequence[tuple[str, str]]) -> list[str]:
    """Return in a sentence what the threat model grants and the audit file does not hand over, if attacks are lost by that."""
    lost = [name for name, reason in skipped if NOT_OFFERED in reason]
    offered = {*adversary.target.offers, *adversary.target.answers, *adversary.target.records}
    terms = [ready.catalog.terms[term] for term in sorted(adversary.threat.knows - offered)]
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
            {
                "id": adversary.id,
                "title": adversary.title,
                "grants": threat_models.granting(adversary, ready.catalog).grants,
                "attacks": [{"id": one.attack.id, "cost": one.price.as_json()} for one in (plan.attacks if plan else ())],
                "skipped": [{"id": name, "because": reason} for name, reason in skipped],
                "unlock": _unlock(ready, adversary, skipped),
            }
            for adversary, plan, skipped in ready.plans
        ],
        "price": ready.price,
    }


def _unlock(ready: Prepared, adversary: Adversary, skipped: list[tuple[str, str]]) -> list[dict[str, Any]]:
    threat = threat_models.granting(adversary, ready.catalog)
    names = [name for name, reason in skipped if "infeasible" in reason]
    return threat_models.unlock(ready.catalog, threat, names, ready.parts.beyond)
