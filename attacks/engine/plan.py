"""What a run will do, and what it will cost: worked out before anything is trained. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from attacks.engine.settings import owners, parameters
from taxonomy.answers import Atlas, Feasible, Inapplicable, Infeasible, ceiling_of, runnable_graph, where
from taxonomy.catalog import Catalog
from taxonomy.defended import Applied, Took, faced, taken
from taxonomy.entries import Attack, Limits, Params, Step, Target
from taxonomy.findings import InputError
from taxonomy.graph import Graph, Price, Rule, goal, price, wanted
from taxonomy.prices import Prices, Reduced
from taxonomy.proofs import fits, used
from taxonomy.resolver import Resolver
from taxonomy.terms import FACETS
from taxonomy.threat import ThreatModel, about, owner, with_facets, with_what_roles_see


@dataclass(frozen=True)
class Planned:
    """One attack of a run: its own cheapest proof, as if it ran alone, its price, and what it wants its rules to be given.

    `reduced` are the amounts that had to be smaller than it wants, so that it stays within the limits.
    """

    attack: Attack
    rules: tuple[Rule, ...]
    price: Price
    wants: Mapping[str, Params]
    reduced: tuple[Reduced, ...] = ()

    @property
    def weaker(self) -> tuple[str, ...]:
        """Why the attack is weaker in this way than in others, one reason each."""
        return tuple(rule.because for rule in self.rules if rule.weaker)


# Why an attack is left out: it is about other models, needs what the threat model lacks, or what the target does not show, has no
# code, or costs more than the limits allow.
Why = Literal["inapplicable", "infeasible", "not offered", "no code", "limit"]


@dataclass(frozen=True)
class Skipped:
    """An attack that is left out of a run, with the reason in words."""

    id: str
    why: Why
    because: str

    def as_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return {"id": self.id, "why": self.why, "because": self.because}


class NothingToRunError(InputError):
    """No attack can be run against a target."""

    def __init__(self, target: str, skipped: Sequence[Skipped]):
        self.skipped = tuple(skipped)
        reasons = "\n".join(f"  {one.id}: {one.because}" for one in skipped)
        super().__init__(f"no attack can be run against {target}" + (f":\n{reasons}" if reasons else ""))


@dataclass(frozen=True)
class Node:
    """A step of a run, which attacks share whose proofs make it alike: its parameters, with the largest amount that one wants."""

    step: Step
    params: Params


@dataclass(frozen=True)
class Plan:
    """A run: attacks that are planned each by itself, and the union of their proofs, in which a shared step stands once.

    `unused` are the parameters NAME.PARAM that were set, but which no attack of the run has. `derived` are the implications, by
    what they yield, by which the target shows what it offers in another form: a file of the model from weights and structure.
    With a `defense`, `target` is the entry of the defended target, which offers what the defense leaves.
    """

    target: Target
    threat: ThreatModel
    granted: tuple[str, ...]
    attacks: tuple[Planned, ...]
    nodes: Mapping[str, Node]
    params: Mapping[str, Params]
    skipped: tuple[Skipped, ...]
    entries: Mapping[str, Attack | Step]
    unused: tuple[str, ...] = ()
    derived: Mapping[str, Rule] = field(default_factory=dict)
    defense: Applied | None = None

    @property
    def models(self) -> int:
        """Models to train, the target not counted."""
        return sum(price(node.step.cost, node.params).models for node in self.nodes.values())

    @property
    def step_queries(self) -> int:
        """Queries that the shared steps spend."""
        return sum(price(node.step.cost, node.params).queries for node in self.nodes.values())

    def only(self, attacks: Sequence[Planned], skipped: Sequence[Skipped]) -> Plan:
        """Return the plan of some of its attacks, with what else is left out; raise NothingToRunError if none is left."""
        if not attacks:
            raise NothingToRunError(self.target.id, skipped)
        return replace(self, attacks=tuple(attacks), nodes=_union(attacks, self.entries), skipped=tuple(skipped))

    def node(self, planned: Planned, rule: Rule) -> Node:
        """Return the node that an attack's step is in this run."""
        return self.nodes[_key(planned, rule, self.entries)]


def make(
    catalog: Catalog,
    target: Target,
    threat: ThreatModel | None,
    names: Sequence[str] = (),
    overrides: Mapping[str, Mapping[str, str]] | None = None,
    defense: Applied | None = None,
) -> Plan:
    """Return the plan of a run; raise InputError if a named attack, or the whole run, cannot be carried out.

    `threat` is the threat model as it was stated, and `target` the target's own entry: what a defense leaves of both is worked
    out here.
    """
    if target.run is None:
        raise InputError(f"the target {target.id} has no code, so nothing can be run against it")
    gone = taken(catalog, target, defense) if defense is not None else set[str]()
    target, threat = faced(catalog, target, defense, threat)
    if (threat.model, threat.frame) != (target.model, target.frame):
        raise InputError(
            f"{target.id} is a {target.model} model in the {target.frame} frame, but the threat model is about "
            f"a {threat.model} model in the {threat.frame} frame"
        )
    threat = _of_target(catalog, threat, target)
    derived = _derived(catalog, threat, target)
    granted = sorted(with_what_roles_see(catalog, threat.knows) & {*target.offers, *derived})
    offered = _asked_at_home(catalog, replace(threat, knows=frozenset(granted)))
    granted = sorted(offered.knows)
    derived = _behind(granted, derived)
    params, set_by_user = parameters(catalog, overrides or {})
    took = Took(defense.defense.id, gone, defense.left) if defense is not None else None
    chosen, skipped = _choose(catalog, threat, offered, target, [catalog.attack(name) for name in names], took)
    planner = _Planner(catalog, offered, params, set_by_user)
    kept = list[Planned]()
    for attack in chosen:
        planned = planner.plan(attack)
        if isinstance(planned, Planned):
            kept.append(planned)
        elif names:
            raise InputError(f"{attack.id}: {planned}")
        else:
            skipped.append(Skipped(attack.id, "limit", planned))
    if not kept:
        raise NothingToRunError(target.id, skipped)
    used = {rule.id for planned in kept for rule in planned.rules}
    unused = tuple(
        f"{name}.{parameter}"
        for name, values in (overrides or {}).items()
        for parameter in values
        if not any(parameter in planner.entries[owner].params for owner in used.intersection(owners(catalog, name)))
    )
    nodes = _union(kept, planner.entries)
    of_attacks = target, threat, tuple(granted), tuple(kept), nodes, params, tuple(skipped)
    return Plan(*of_attacks, planner.entries, unused, derived, defense)


def _of_target(catalog: Catalog, threat: ThreatModel, target: Target) -> ThreatModel:
    """Return the threat model about this target; raise InputError if it states what the target is not."""
    is_target = with_facets(catalog, owner(target))
    stated = threat.answers | (threat.records if target.records else frozenset())
    if wrong := sorted(stated - is_target.facets):
        raise InputError(f"the threat model states {', '.join(wrong)}, which {target.id} is not")
    withheld = set[str]() if threat.differentiable else {"differentiable"}
    # A target says nothing of what is asked about, so what the adversary says counts.
    for aspect, asked in (("stage", threat.stage), ("granularity", threat.granularity)):
        withheld |= {name for name in is_target.facets - asked if asked and catalog.terms[name].aspect == aspect}
    return replace(about(target, threat), facets=is_target.facets - withheld, said=is_target.said)


def _derived(catalog: Catalog, threat: ThreatModel, target: Target) -> dict[str, Rule]:
    """Return the implications, by what they yield, that show what the target offers in another form."""
    rules = {rule.id: rule for rule in Graph.of(catalog).rules if rule.kind == "implication" and not rule.weaker}
    shown = [rules[implication.id] for implication in catalog.implications if implication.view and implication.id in rules]
    held, found = {*target.offers, threat.model, threat.frame, *threat.facets}, dict[str, Rule]()
    while fresh := [rule for rule in shown if rule.yields not in held and held.issuperset(rule.needs)]:
        found[fresh[0].yields] = fresh[0]
        held.add(fresh[0].yields)
    return found


def _behind(terms: Sequence[str], derived: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return those of the implications that some terms rest on."""
    found: dict[str, Rule] = {}
    queue = list(terms)
    while queue:
        term = queue.pop()
        if term in derived and term not in found:
            found[term] = derived[term]
            queue.extend(derived[term].needs)
    return found


def _asked_at_home(catalog: Catalog, offered: ThreatModel) -> ThreatModel:
    """Return the grants of a run without answers of the service that a copy at home gives, if calls or rows are limited.

    They are asked at home then, for nothing. Where nothing is limited they are asked of the service, and counted.
    """
    if offered.limits.queries is offered.limits.rows is None:
        return offered
    home = where(catalog, Resolver(runnable_graph(Atlas(catalog))), offered).home
    return replace(offered, knows=offered.knows - home)


class _Planner:
    """Works out the proof of each attack by itself, and what it wants of each step."""

    def __init__(self, catalog: Catalog, offered: ThreatModel, params: Mapping[str, Params], set_by_user: set[tuple[str, str]]):
        self.catalog = catalog
        self.entries: dict[str, Attack | Step] = {**catalog.attacks, **catalog.steps}
        self.steps = catalog.steps
        self.resolver = Resolver(runnable_graph(Atlas(catalog)))
        self.offered, self.params, self.set_by_user = offered, params, set_by_user
        self.where = where(catalog, self.resolver, offered)

    def wants(self, attack: Attack, step: Step) -> Params:
        """Return the step's parameters as one attack wants them: its `uses`, unless the user set the parameter."""
        values = wanted(attack, step, self.params[step.id])
        mine = {name: v for name, v in self.params[step.id].items() if (step.id, name) in self.set_by_user}
        return {**values, **mine}

    def plan(self, attack: Attack) -> Planned | str:
        """Return an attack with its cheapest proof, whatever else is run: company must not change a score.

        Where that does not fit the limits, with another one that does, or one in smaller amounts, as far as the attack's entry
        allows and the user did not set them; else the reason why there is none.
        """
        goals, grants, limits = [goal(attack.id)], self.offered.grants, self.offered.limits
        ceiling = ceiling_of(self.offered)

        def params(entry: Attack | Step) -> Params:
            return self.wants(attack, entry) if isinstance(entry, Step) else self.params[entry.id]

        prices = Prices(self.catalog, attack, self.where, params, self.set_by_user)
        proof = self.resolver.derivation(goals, grants, prices.full)
        assert proof is not None, "every chosen attack has a derivation"
        over, reduced = proof, tuple[Reduced, ...]()
        if not fits(used(proof.price), ceiling):
            proof = self.resolver.within(ceiling, goals, grants, prices.full)[0]
        if proof is None and attack.least:
            proof = self.resolver.within(ceiling, goals, grants, prices.least)[0]
            if proof is not None:
                proof, reduced = prices.enlarged(proof, ceiling)
        if proof is None:
            least = self.resolver.derivation(goals, grants, prices.least) or over
            return _over_limit(over.price, least.price, limits)
        for few in (one for rule in proof.rules for one in prices.too_few(rule)):
            return f"{few.rule}.{few.parameter} is set to {few.wanted:,}, and the method takes {few.least:,} at least"
        own = {rule.id: self.wants(attack, self.steps[rule.id]) for rule in proof.rules if rule.id in self.steps}
        for change in reduced:
            own[change.rule] = {**own.get(change.rule, self.params[change.rule]), change.parameter: change.used}
        return Planned(attack, proof.rules, proof.price, own, reduced)


def amount(step: Step) -> str | None:
    """Return the parameter that says how many models a step trains, of which an attack that wants fewer gets the first ones."""
    return step.cost.models if step.cost and isinstance(step.cost.models, str) else None


def _union(attacks: Sequence[Planned], entries: Mapping[str, Attack | Step]) -> dict[str, Node]:
    """Return the steps of all proofs, each once, with the largest amount that an attack wants of it."""
    nodes: dict[str, Node] = {}
    for planned in attacks:
        for rule in planned.rules:
            step = entries.get(rule.id)
            if not isinstance(step, Step):
                continue
            key, params, many = _key(planned, rule, entries), dict(planned.wants[step.id]), amount(step)
            if many and key in nodes:
                params[many] = max(_whole(params[many]), _whole(nodes[key].params[many]))
            nodes[key] = Node(step, params)
    return nodes


def _whole(value: object) -> int:
    assert isinstance(value, int), "an amount is a whole number"
    return value


def _key(planned: Planned, rule: Rule, entries: Mapping[str, Attack | Step]) -> str:
    """Return what tells a step from others: its parameters but for the amount, and all that stands behind it in the proof."""
    step = entries[rule.id]
    assert isinstance(step, Step)
    yielded = {each.yields: each for each in planned.rules}

    def recipe(each: Rule, without: str | None = None) -> list[Any]:
        params = {name: value for name, value in planned.wants.get(each.id, {}).items() if name != without}
        return [each.id, params, [recipe(yielded[need]) if need in yielded else need for need in each.needs]]

    return json.dumps(recipe(rule, amount(step)), sort_keys=True)


def _over_limit(cost: Price, least: Price, limit: Limits) -> str:
    """Return which limit an attack passes, whose cheapest proof has this cost, or in smaller amounts the `least`."""
    if limit.models is not None and cost.models > limit.models:
        would = f", and with {least.models} it is carried out" if limit.models < least.models < cost.models else ""
        return f"it needs {cost.models} models and the limit is {limit.models} (--models){would}"
    if limit.rows is not None and cost.rows > limit.rows:
        would = f", and with {least.rows:,} it is carried out" if limit.rows < least.rows < cost.rows else ""
        return f"it needs {cost.rows:,} rows of what was published; the limit is {limit.rows:,} (--rows){would}"
    each = f"{cost.queries_per_record:,} for each record" if cost.queries_per_record else ""
    beside = f"{cost.queries:,}{' beside' if each else ''}" if cost.queries or not each else ""
    return (
        f"it needs queries: {' and '.join(part for part in (each, beside) if part)}; the limit is {limit.queries:,} (--queries)"
    )


def within_queries(plan: Plan, records: int) -> Plan:
    """Return the plan without attacks that need more calls for so many candidates than the threat model allows.

    Raises InputError if that is every attack: how many candidates there are is known only once the target is there.
    """
    limit, kept, skipped = plan.threat.limits.queries, list[Planned](), list(plan.skipped)
    for planned in plan.attacks:
        needed = planned.price.total_queries(records)
        if limit is None or needed <= limit:
            kept.append(planned)
        else:
            because = f"needs {needed:,} queries for {records:,} candidates and the limit is {limit:,} (--queries)"
            skipped.append(Skipped(planned.attack.id, "limit", because))
    if not kept:
        raise InputError("; ".join(f"{one.id} {one.because}" for one in skipped if one not in plan.skipped))
    return plan.only(kept, skipped) if len(kept) < len(plan.attacks) else plan


def _choose(
    catalog: Catalog,
    threat: ThreatModel,
    offered: ThreatModel,
    target: Target,
    named: Sequence[Attack],
    took: Took | None = None,
) -> tuple[list[Attack], list[Skipped]]:
    """Return the attacks to run, and those left out with the reason; a named one that cannot run is an error.

    `took` is the defense on the target, and what it took away.
    """
    atlas = Atlas(catalog)
    runnable = Resolver(runnable_graph(atlas))
    chosen, skipped = list[Attack](), list[Skipped]()
    unlimited = replace(threat, limits=Limits())  # the planner looks at the limits, with the amounts that the user set
    for attack in named or sorted(catalog.attacks.values(), key=lambda a: a.id):
        why: Why = "no code"
        reason = None
        answer = atlas.answer(attack, unlimited)
        if isinstance(answer, Inapplicable):
            where = f"{target.id} with {took.defense}" if took else target.id
            why, reason = "inapplicable", f"it does not apply to {where}: {answer.reason}"
        elif isinstance(answer, Infeasible):
            ways = atlas.least(answer.missing, unlimited)
            needed = " or ".join(atlas.way(threat, terms) for terms in ways) or "what cannot be granted"
            stands = took is not None and took.left and isinstance(atlas.answer(attack, owner(target)), Feasible)
            gone = took.told({term for terms in ways for term in terms}, bool(stands)) if took else ""
            why, reason = "infeasible", f"it is infeasible under this threat model; it would need {needed}{gone}"
        elif not isinstance(atlas.answer(attack, replace(offered, limits=Limits())), Feasible):
            lacking = sorted(threat.knows - set(target.offers))
            why = "not offered"
            reason = f"the target {target.id} does not offer what it needs (not offered: {', '.join(lacking)})"
        elif attack.run is None:
            reason = "it has no code yet"
        elif runnable.derivation([goal(attack.id)], offered.grants) is None:
            reason = "no step on the way to it has code yet"
        if reason is None:
            chosen.append(attack)
        elif named:
            raise InputError(f"{attack.id}: {reason}")
        elif not isinstance(answer, Inapplicable) or catalog.terms[answer.because[0]].aspect in FACETS:
            skipped.append(Skipped(attack.id, why, reason))
    return chosen, skipped
