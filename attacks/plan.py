"""What a run will do, and what it will cost: worked out before anything is trained. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taxonomy.advice import runnable_graph
from taxonomy.answers import Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Params, Step, Target
from taxonomy.findings import InputError, nearest, unknown
from taxonomy.graph import Price, Rule, goal, price, wanted
from taxonomy.resolver import Resolver
from taxonomy.threat import ThreatModel, owner, with_what_roles_see


@dataclass(frozen=True)
class Planned:
    """One attack of a run: the part of the proof that it rests on, its price, and how much of each artifact it wants."""

    attack: Attack
    rules: tuple[Rule, ...]
    price: Price
    wants: Mapping[str, Params]


@dataclass(frozen=True)
class Plan:
    """A run: the joint proof of its attacks, in which every shared step stands once.

    `unused` are the names whose parameters were set, but which no attack of the run needs.
    """

    target: Target
    threat: ThreatModel
    granted: tuple[str, ...]
    attacks: tuple[Planned, ...]
    rules: tuple[Rule, ...]
    params: Mapping[str, Params]
    skipped: tuple[tuple[str, str], ...]
    entries: Mapping[str, Attack | Step]
    unused: tuple[str, ...] = ()

    @property
    def models(self) -> int:
        """Models to train, the target not counted."""
        return sum(self.price_of(rule).models for rule in self.rules if rule.kind == "step")

    def price_of(self, rule: Rule) -> Price:
        """Return the price of a rule at this run's parameters."""
        entry = self.entries.get(rule.id)
        return price(entry.cost, self.params[rule.id]) if entry else Price()

    @property
    def step_queries(self) -> int:
        """Queries that the shared steps spend."""
        return sum(self.price_of(rule).queries for rule in self.rules if rule.kind == "step")


def make(
    catalog: Catalog,
    target: Target,
    threat: ThreatModel | None,
    names: Sequence[str] = (),
    overrides: Mapping[str, Mapping[str, str]] | None = None,
) -> Plan:
    """Return the plan of a run; raise InputError if a named attack, or the whole run, cannot be carried out."""
    if target.run is None:
        raise InputError(f"the target {target.id} has no code, so nothing can be run against it")
    threat = threat or owner(target)
    if (threat.model, threat.frame) != (target.model, target.frame):
        raise InputError(
            f"{target.id} is a {target.model} model in the {target.frame} frame, but the threat model is about "
            f"a {threat.model} model in the {threat.frame} frame"
        )
    granted = sorted(with_what_roles_see(catalog, threat.knows) & set(target.offers))
    offered = ThreatModel(threat.observation, threat.model, threat.frame, frozenset(granted), threat.limits)
    params, set_by_user = _parameters(catalog, overrides or {})
    chosen, skipped = _choose(catalog, threat, offered, target, [catalog.attack(name) for name in names])
    planner = _Planner(catalog, offered, params, set_by_user)
    kept = []
    for planned in planner.plan(chosen)[0]:
        reason = _over_limit(planned, threat)
        if reason and names:
            raise InputError(f"{planned.attack.id}: {reason}")
        if reason:
            skipped.append((planned.attack.id, reason))
        else:
            kept.append(planned.attack)
    if not kept:
        reasons = "\n".join(f"  {name}: {reason}" for name, reason in skipped)
        raise InputError(f"no attack can be run against {target.id}" + (f":\n{reasons}" if reasons else ""))
    attacks, rules, largest = planner.plan(kept)
    used = {rule.id for rule in rules}
    unused = tuple(name for name in overrides or {} if not used & set(_owners(catalog, name)))
    return Plan(target, threat, tuple(granted), attacks, rules, largest, tuple(skipped), planner.entries, unused)


class _Planner:
    """Works out the joint proof of some attacks, and how much of each artifact it must make."""

    def __init__(self, catalog: Catalog, offered: ThreatModel, params: Mapping[str, Params], set_by_user: set[tuple[str, str]]):
        self.entries: dict[str, Attack | Step] = {**catalog.attacks, **catalog.steps}
        self.steps = catalog.steps
        self.resolver = Resolver(runnable_graph(Atlas(catalog)))
        self.offered, self.params, self.set_by_user = offered, params, set_by_user

    def wants(self, attack: Attack, step: Step) -> Params:
        """Return the step's parameters as one attack wants them: its `uses`, unless the user set the parameter."""
        values = wanted(attack, step, self.params[step.id])
        mine = {name: v for name, v in self.params[step.id].items() if (step.id, name) in self.set_by_user}
        return {**values, **mine}

    def plan(self, attacks: Sequence[Attack]) -> tuple[tuple[Planned, ...], tuple[Rule, ...], dict[str, Params]]:
        """Return the attacks with their parts of the joint proof, the proof, and the parameters of its rules."""
        every = {step.id: _largest([self.wants(a, step) for a in attacks]) for step in self.steps.values()}

        def pricing(rule: Rule) -> Price:
            entry = self.entries.get(rule.id)
            return price(entry.cost, every.get(rule.id, self.params[rule.id])) if entry else Price()

        joint = self.resolver.derivation([goal(a.id) for a in attacks], self.offered.grants, pricing)
        assert joint is not None, "every chosen attack has a derivation"
        planned = []
        for attack in attacks:
            rules = _supporting(joint.rules, goal(attack.id))
            wants = {r.id: self.wants(attack, self.steps[r.id]) for r in rules if r.id in self.steps}
            own = {attack.id: self.params[attack.id], **wants}
            cost = sum((price(self.entries[name].cost, values) for name, values in own.items()), Price())
            planned.append(Planned(attack, rules, cost, wants))
        largest = {attack.id: self.params[attack.id] for attack in attacks}
        for name in {name for one in planned for name in one.wants}:
            largest[name] = _largest([one.wants[name] for one in planned if name in one.wants])
        return tuple(planned), joint.rules, largest


def _largest(wanted: Sequence[Params]) -> Params:
    """Return the parameters of a step that serves all: where attacks differ in an amount, the largest."""
    result = dict(wanted[0]) if wanted else {}
    for values in wanted[1:]:
        for name, value in values.items():
            if isinstance(value, int) and isinstance(before := result[name], int):
                result[name] = max(before, value)
    return result


def _over_limit(planned: Planned, threat: ThreatModel) -> str | None:
    limit = threat.limits
    if limit.models is not None and planned.price.models > limit.models:
        return f"it needs {planned.price.models} models and the limit is {limit.models} (--models)"
    if limit.queries is not None and planned.price.queries + planned.price.queries_per_record > limit.queries:
        return (
            f"it needs {planned.price.queries:,} queries beside those for each record; the limit is {limit.queries:,} (--queries)"
        )
    return None


def check_queries(plan: Plan, records: int) -> None:
    """Raise InputError if an attack would need more queries for this many candidates than the threat model allows."""
    limit = plan.threat.limits.queries
    for planned in plan.attacks:
        needed = planned.price.total_queries(records)
        if limit is not None and needed > limit:
            raise InputError(
                f"{planned.attack.id} needs {needed:,} queries for {records:,} candidates and the limit is {limit:,} (--queries)"
            )


def _choose(
    catalog: Catalog, threat: ThreatModel, offered: ThreatModel, target: Target, named: Sequence[Attack]
) -> tuple[list[Attack], list[tuple[str, str]]]:
    """Return the attacks to run, and those left out with the reason; a named one that cannot run is an error."""
    atlas = Atlas(catalog)
    runnable = Resolver(runnable_graph(atlas))
    chosen, skipped = list[Attack](), list[tuple[str, str]]()
    for attack in named or sorted(catalog.attacks.values(), key=lambda a: a.id):
        reason = None
        answer = atlas.answer(attack, threat)
        if isinstance(answer, Inapplicable):
            reason = f"it attacks a {', '.join(answer.because)} model; {target.id} is {target.model}, {target.frame}"
        elif isinstance(answer, Infeasible):
            sets = [atlas.way(threat, terms) for terms in atlas.least(answer.missing, threat)]
            reason = "it is infeasible under this threat model; it would need " + (" or ".join(sets) or "what cannot be granted")
        elif not isinstance(atlas.answer(attack, offered), Feasible):
            lacking = sorted(threat.knows - set(target.offers))
            reason = f"the target {target.id} does not offer what it needs (not offered: {', '.join(lacking)})"
        elif attack.run is None:
            reason = "it has no code yet"
        elif runnable.derivation([goal(attack.id)], offered.grants) is None:
            reason = "no step on the way to it has code yet"
        if reason is None:
            chosen.append(attack)
        elif named:
            raise InputError(f"{attack.id}: {reason}")
        elif not isinstance(answer, Inapplicable):
            skipped.append((attack.id, reason))
    return chosen, skipped


def _supporting(rules: Sequence[Rule], wanted: str) -> tuple[Rule, ...]:
    """Return the rules that a goal rests on, in the order of the proof."""
    needed, result = {wanted}, list[Rule]()
    for rule in reversed(rules):
        if rule.yields in needed:
            needed.update(rule.needs)
            result.append(rule)
    return tuple(reversed(result))


def _parameters(catalog: Catalog, overrides: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, Params], set[tuple[str, str]]]:
    """Return the parameters of every attack and step, and which of them the user set; raise InputError on a bad one.

    The user names an attack, a step, or an artifact; an artifact stands for all steps that yield it.
    """
    entries: dict[str, Attack | Step] = {**catalog.attacks, **catalog.steps}
    result: dict[str, Params] = {name: dict(entry.params) for name, entry in entries.items()}
    set_by_user = set[tuple[str, str]]()
    for name, values in overrides.items():
        owners = _owners(catalog, name)
        if not owners:
            raise unknown("attack, step or artifact", name, [*entries, *(s.yields for s in catalog.steps.values())])
        for parameter, text in values.items():
            having = [entry for entry in owners if parameter in entries[entry].params]
            if not having:
                known = sorted({p for entry in owners for p in entries[entry].params})
                raise InputError(f"{name} has no parameter {parameter!r}: {nearest(parameter, known) or 'it has none'}")
            for entry in having:
                result[entry][parameter] = _value(f"{name}.{parameter}", text, entries[entry].params[parameter])
                set_by_user.add((entry, parameter))
    return result, set_by_user


def _owners(catalog: Catalog, name: str) -> list[str]:
    """Return the attack or step of this name, or all steps that yield the artifact of this name."""
    if name in catalog.attacks or name in catalog.steps:
        return [name]
    return [s.id for s in catalog.steps.values() if s.yields == name or s.yields.startswith(name + ".")]


def _value(name: str, text: str, like: object) -> bool | int | float | str:
    """Return a parameter's value as the type of its default."""
    try:
        if isinstance(like, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(like, int):
            return int(text)
        if isinstance(like, float):
            return float(text)
    except (KeyError, ValueError) as error:
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(like)]
        raise InputError(f"{name} must be {kind} (found {text!r})") from error
    if isinstance(like, list):
        raise InputError(f"{name} is a list and cannot be set on the command line")
    return text
