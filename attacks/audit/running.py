"""Carries an audit out: checks, threat models, attacks, and what they are worth together."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit import checks, judging, masking, report, retrained, threat_models
from attacks.audit.checks import Check
from attacks.audit.file import Audit, Sets, StatedDefense
from attacks.audit.masking import Simulated
from attacks.audit.parts import Parts, Settings
from attacks.audit.result import AuditResult
from attacks.audit.threat_models import Adversary
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.execution import Run
from attacks.engine.places import Progress
from attacks.engine.plan import NothingToRunError, Plan, Planned, Skipped
from attacks.engine.proof import Proof
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import UnsuitableError
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.metrics.groups import split
from attacks.steps.training_sets import check_pool
from attacks.targets.target import Target
from taxonomy import defended, entries
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError
from taxonomy.graph import price

# Models of the adversary's own, or what trains them.
OWN_MODELS = frozenset({"M2", "M3", "shadow-models.matched", "reference-models"})


@dataclass(frozen=True)
class Case:
    """One threat model of an audit: its plan, None where no attack can be run, and the attacks that are left out.

    Of those, `unsuited` are the ones for which the records are too few.
    """

    adversary: Adversary
    plan: Plan | None
    skipped: tuple[Skipped, ...]
    unsuited: tuple[Skipped, ...] = ()

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
    to_train: int = 0
    mask: Simulated | None = None
    target: Target = field(init=False)

    @property
    def valid(self) -> bool:
        """Whether what follows is about the model: no check failed."""
        return not any(check.severity == "error" for check in self.checks)

    @property
    def defense(self) -> dict[str, Any] | None:
        """The mask of the audit file as plain data, with the accuracy of the labels that it leaves; None without one."""
        if self.mask is None:
            return None
        plan = next((case.plan for case in self.plans if case.plan is not None), None)
        found = self.engine.defended(plan, self.seed) if plan is not None else None
        labelled = self.parts.members.label is not None
        accuracy = found.utility.get("test_accuracy") if found is not None and labelled else None
        return {**self.mask.as_json(), "utility": {"test_accuracy": accuracy}}

    @property
    def price(self) -> dict[str, Any]:
        """What the attacks will cost: models, those to train that the store lacks, calls to a service, and seconds of training.

        The seconds are None where they cannot be told.
        """
        made = [case.plan for case in self.plans if case.plan is not None]
        models = max((plan.models for plan in made), default=0)
        asked = made if self.parts.service else []
        queries = sum(one.price.total_queries(self.parts.count) for plan in asked for one in plan.attacks)
        seconds = None if self.record_seconds is None else self.record_seconds * self.parts.size * self.to_train
        return {
            "models": models,
            "to_train": self.to_train,
            "queries": queries,
            "seconds": seconds if self.to_train else 0.0,
        }


def _wrong(message: str, *place: str | int) -> InputError:
    """Return the error that an argument of a call is wrong, where no file says it."""
    return InputError(f"{'.'.join(map(str, place))}: {message}")


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
    code: Code | None = None,
    audit: Audit | None = None,
    defense: StatedDefense | None = None,
    sets: Sets | None = None,
) -> Iterator[Prepared]:
    """Plan, look at all that can be looked at, and ask the model about the candidates; raise InputError for anything wrong.

    The threat models, the defense and the sets are those of the audit file; without one, it is the adversary who has all that
    the parts grant, `defense` and `sets`. `code` may be run, of folders that the user trusts too; unstated, that of
    installed catalogs.
    """
    wrong = _wrong if audit is None else audit.wrong
    if (wanted := sets if audit is None else audit.stated.sets) is not None:
        try:
            parts.deal(wanted.size, wanted.shares, wanted.level, seed)
        except InputError as error:
            raise wrong(str(error), "sets") from error
    entry, catalog, settings = parts.entry(), parts.steps_of(catalog), dict(settings or {})
    engine = Engine(catalog, Store(), code=code or Code(), executor=executor, progress=progress)
    if audit is not None:
        adversaries = threat_models.adversaries(catalog, audit, entry, parts.service, parts.published)
    else:
        adversaries = [threat_models.everything(catalog, entry, models, None)]
    ready = Prepared(catalog, parts, entry, engine, seed, adversaries)
    if (stated := defense if audit is None else audit.stated.defense) is not None:
        of_mask = settings.pop(stated.id, {}) if stated.id in catalog.defenses else {}
        ready.mask = masking.simulated(stated, of_mask, wrong, catalog, parts, entry, engine.code, seed)
        ready.adversaries = masking.facing(wrong, catalog, adversaries, ready.mask)
    ready.plans = list(_plans(ready, attacks, parts.settings(catalog, settings)))
    ready.checks += checks.of_data(parts)
    said, ready.record_seconds = parts.tried(seed)
    ready.checks += [*said, *(_unmasked(one) if ready.mask else one for one in parts.asked())]
    if parts.restored is not None:
        engine.workshop.own = parts.restored
    ready.target = parts.made()
    if ready.mask is not None:
        ready.target.makers |= masking.references(parts, ready.mask)
    with engine.store.in_use():
        engine.adopt(ready.target, seed)
        ready.target.warnings.clear()  # the checks have said so, in the user's words
        ready.baseline = engine.blind_baseline(ready.target)
        ready.to_train = max((_to_train(ready, case.plan) for case in ready.plans if case.plan is not None), default=0)
        if (split := checks.of_split(parts, ready.baseline)) is not None:
            ready.checks.append(split)
        yield ready


def _unmasked(check: Check) -> Check:
    """Return what is to be said of the model's answers, as of those that attacks are shown something else of."""
    return replace(check, message=f"without the mask, {check.message}") if check.code in checks.OF_ANSWERS else check


def _to_train(ready: Prepared, plan: Plan) -> int:
    """Return how many models of a plan the store lacks: those of steps that were not carried out, for attacks that were not."""
    target = ready.engine.target_of(plan, ready.seed)
    work, missing = Run(ready.engine, plan, target, ready.seed), dict[str, int]()
    for planned in plan.attacks:
        if work.fingerprint(planned) in ready.engine.store:
            continue
        proof = Proof(work, planned)
        for rule in planned.rules:
            if rule.kind != "step":
                continue
            node = plan.node(planned, rule)
            name = proof.fingerprint(rule, node.params)
            if name not in ready.engine.store:
                missing[name] = price(node.step.cost, node.params).models
    return sum(missing.values())


def _plans(ready: Prepared, attacks: Sequence[str], settings: Settings) -> Iterator[Case]:
    """Yield a plan for each threat model, of named attacks or all feasible ones; raise InputError for one that is not."""
    named = {ready.catalog.attack(name).id for name in attacks}
    seen, reasons = set[str](), dict[str, str]()
    for adversary in ready.adversaries:
        case = _plan(ready, adversary, named, settings)
        seen |= {one.attack.id for one in case.attacks} | {one.id for one in case.unsuited}
        reasons |= {one.id: one.because for one in case.skipped}
        yield case
    if missing := sorted(named - seen):
        reason = reasons.get(missing[0], "it does not apply to what is audited")
        raise InputError(f"{missing[0]} cannot be run in this audit: {reason}")


def _plan(ready: Prepared, adversary: Adversary, named: set[str], settings: Settings) -> Case:
    threat, unsuited = threat_models.granting(adversary, ready.catalog), tuple[Skipped, ...]()
    try:
        applied = ready.mask.applied if ready.mask else None
        whole = plans.make(ready.catalog, adversary.target, threat, (), settings, applied)
        wanted = [one for one in whole.attacks if not named or one.attack.id in named]
        reasons = {one.attack.id: _left_out(ready, one, bool(named), threat.limits.queries) for one in wanted}
        skipped = [Skipped(name, "limit", reason) for name, reason in reasons.items() if reason]
        few = {one.attack.id: reason for one in wanted if reasons[one.attack.id] is None and (reason := _too_few(ready, one))}
        unsuited = _worded([Skipped(name, "limit", reason) for name, reason in few.items()])
        kept = [one for one in wanted if reasons[one.attack.id] is None and one.attack.id not in few]
        plan = whole.only(kept, [*whole.skipped, *skipped, *unsuited])
    except NothingToRunError as error:
        return Case(adversary, None, _worded(error.skipped), unsuited)
    return Case(adversary, plan, _worded(plan.skipped), unsuited)


def _too_few(ready: Prepared, one: Planned) -> str | None:
    """Return why an attack cannot have the reference models that it needs, which are trained on no candidate; None if it can."""
    population = ready.parts.population
    for rule in one.rules:
        if rule.kind == "step" and rule.yields == "reference-models" and population is not None:
            many = one.wants[rule.id].get("count")
            try:
                check_pool(len(population), ready.parts.size, many if isinstance(many, int) else 1, "reference models")
            except UnsuitableError as error:
                return str(error)
    return None


def _worded(skipped: Sequence[Skipped]) -> tuple[Skipped, ...]:
    """Return what is left out with limits named as an audit file states them."""
    return tuple(replace(one, because=re.sub(r"\(--(models|queries)\)", r"(limits.\1)", one.because)) for one in skipped)


def _left_out(ready: Prepared, one: Planned, named: bool, queries: int | None) -> str | None:
    """Return why a feasible attack is not run: None for one that is, and "" for one of which nobody would ask."""
    if one.attack.goal not in ("membership", "audit") and one.attack.goal not in ready.parts.judges:
        reason = f"nobody can say how well it did: an audit judges membership, and it is about {one.attack.goal}"
        return reason if named else ""
    if ready.parts.rows is None and one.price.models:
        return "it trains models on records, and these have no features"
    if "M1.parameters" in one.attack.needs and OWN_MODELS.intersection(one.attack.needs):
        return "it looks into models of the adversary's own, of which the audit has the answers alone"
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
            # Both are about the model as it answers by itself.
            spread = {} if ready.mask else retrained.spread(ready.engine, outcome, ready.target, parts)
            one["results"] = [
                judging.judged(result, in_files.get(result["attack"]), member, columns, spread.get(result["attack"]))
                for result in outcome.results
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
        "identified": parts.identified,
        "checks": [check.as_json() for check in ready.checks],
        "blind_baseline": ready.baseline.as_json() if ready.baseline else None,
        "defense": ready.defense,
        "threat_models": found,
        "ensemble": judging.ensemble(scores, member, ids, ready.seed),
        "record_alarms": None if ready.mask else judging.alarms(parts, ready.target),
        # Before a run the seconds are expected ones of training; now they are those that it took.
        "price": {**ready.price, "seconds": time.perf_counter() - start},
        "failures": failures,
        "command": command,
        **report.stamp(),
        "data_hashes": parts.hashes,
    }
    return AuditResult(everything, scores, member, ids, ready.catalog, parts.content)


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
        "left_out": not_handed_over(ready, case) + too_few(case),
    }


def not_handed_over(ready: Prepared, case: Case) -> list[str]:
    """Return in a sentence what the threat model grants and the audit file does not hand over, if attacks are lost by that."""
    lost = [one for one in case.skipped if one.why == "not offered"]
    threat, target, applied = case.adversary.threat, case.adversary.target, ready.mask.applied if ready.mask else None
    terms = sorted(threat.knows - {*defended.faced(ready.catalog, target, applied, threat)[0].offers})
    if not lost or not terms:
        return []
    titles = ", ".join(f"{ready.catalog.terms[term].title} ({term})" for term in terms)
    return [
        f"This adversary also has {titles}, which the audit file does not hand over: {len(lost):,} of its attacks were not run."
    ]


def too_few(case: Case) -> list[str]:
    """Return in sentences for which attacks the records are too few."""
    return _unsuited([(one.id, one.because) for one in case.unsuited])


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
        "defense": ready.defense,
        "threat_models": [
            {**_described(ready, case), "attacks": [{"id": one.attack.id, "cost": one.price.as_json()} for one in case.attacks]}
            for case in ready.plans
        ],
        "price": ready.price,
    }
