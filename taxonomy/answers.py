"""Questions asked of the catalog: which attacks a threat model makes feasible, by which proof, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from taxonomy import guarantees, limited
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Guarantee, Limits
from taxonomy.graph import Graph, Rule, goal
from taxonomy.prices import Prices, Reduced, Where
from taxonomy.proofs import LIMITED, Ceiling, Pricing, fits, used
from taxonomy.resolver import Derivation, Missing, Resolver
from taxonomy.terms import FACETS, JUDGED, MODEL_TYPES, USUAL_GRANULARITY, USUAL_STAGES, Term
from taxonomy.threat import Fit, ThreatModel, fit, with_facets

# Aspects whose titles take no article.
UNCOUNTED = ("aggregate", "stand-alone", "federated")


@dataclass(frozen=True)
class Feasible:
    """An attack that the threat model makes feasible, and the proof.

    `reduced` are the amounts that had to be smaller than the attack wants, so that the proof stays within the limits; `records`
    is how many candidates the limit on calls is enough for (None: any number); `guarantee` bounds how well the attack can do, and
    `prior` is the stated share of members.
    """

    attack: Attack
    derivation: Derivation
    reduced: tuple[Reduced, ...] = ()
    records: int | None = None
    guarantee: Guarantee | None = None
    prior: float | None = None

    @property
    def price_stated(self) -> bool:
        """Whether the attack's entry states what its own queries cost, and nothing in the proof takes more; else others count."""
        return self.attack.cost is not None and not any(rule.unpriced for rule in self.derivation.rules)

    @property
    def weaker(self) -> tuple[str, ...]:
        """Why the attack is weaker in this way than in others, one reason each; empty if nothing in the proof makes it so."""
        return tuple(rule.because for rule in self.derivation.rules if rule.weaker)

    @property
    def weakness(self) -> int:
        """How much weaker the attack is in this way: only a rank, 0 if nothing makes it so."""
        return sum(rule.weaker for rule in self.derivation.rules)

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {
            "id": self.attack.id,
            "goal": self.attack.goal,
            "runs": self.attack.run is not None,
            **self.proof_as_json(),
            "derivation": [rule.as_json() for rule in self.derivation.rules],
        }

    def proof_as_json(self) -> dict[str, Any]:
        """Return what is to be said of the proof beside its rules."""
        return {
            "cost": {**self.derivation.price.as_json(), "cheapest": self.derivation.cheapest, "stated": self.price_stated},
            "reduced": [change.as_json() for change in self.reduced],
            "records_within_limits": self.records,
            "weaker": list(self.weaker),
            "guarantee": self.bounds(),
        }

    def bounds(self) -> dict[str, Any] | None:
        """Return the guarantee under which the target was trained, and what it says of the attack; None if there is none."""
        return guarantees.as_json(self.guarantee, self.attack, self.prior) if self.guarantee else None


@dataclass(frozen=True)
class Infeasible:
    """An attack that the threat model does not make feasible, and every minimal set of terms that would, within its limits.

    Sets that fit the threat model as it is stated come first; `fits` says of each what it needs or contradicts. `would_do` are
    limits that would do instead, where the grants are enough and the limits are not: each alone, with all it would raise.
    `beyond` are the sets that would do without limits, where none does within them.
    """

    attack: Attack
    missing: Missing
    fits: tuple[Fit, ...]
    would_do: tuple[dict[str, int], ...] = ()
    beyond: tuple[tuple[str, ...], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {
            "id": self.attack.id,
            "goal": self.attack.goal,
            **self.missing_as_json(),
        }

    def missing_as_json(self) -> dict[str, Any]:
        """Return the sets as plain data, with a parallel list of what each needs instead of the stated observation."""
        return {
            "missing": [list(terms) for terms in self.missing.sets],
            "needs_observation": [fit.observation for fit in self.fits],
            "contradicts": [list(fit.contradictions) for fit in self.fits],
            "truncated": self.missing.truncated,
            "limits_that_would_do": list(self.would_do),
            "missing_without_limits": [list(terms) for terms in self.beyond],
        }


@dataclass(frozen=True)
class Inapplicable:
    """An attack on another model type, in another frame, or on a model that answers, is built or takes records otherwise.

    `because` are the aspects that it needs and the threat model does not have; `reason` says the same in words.
    """

    attack: Attack
    because: tuple[str, ...]
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {"id": self.attack.id, "goal": self.attack.goal, "because": list(self.because)}


def _a(term: Term) -> str:
    """Return the title of an aspect as it stands in a sentence."""
    title = term.title.lower()
    return title if term.id in UNCOUNTED else f"a {title}"


def belongs(catalog: Catalog, attack: Attack) -> list[tuple[str, ...]]:
    """Return for each facet of which an attack says something what it applies to: one of each must be what is attacked.

    Beside what the attack itself needs, its terms say what the model answers and what they are about. An attack that says nothing
    of where records went in is about training, and one that judges candidates and says nothing of them is about single records.
    """
    terms = catalog.terms
    needed = [terms[name] for name in attack.needs]
    models = [term.id for term in needed if term.aspect == "model-type"] or list(MODEL_TYPES)
    found = [tuple(kinds) for term in needed for kinds in (term.answers, term.about) if kinds]
    usual = {"stage": USUAL_STAGES, "granularity": USUAL_GRANULARITY if attack.goal in JUDGED else ()}
    said = {terms[kinds[0]].aspect for kinds in found} | {term.aspect for term in needed}
    for aspect, names in usual.items():
        # A catalog without an aspect says nothing of it, and published statistics were not trained.
        known = tuple(name for name in names if name in terms and any(terms[name].applies(one, "") for one in models))
        if known and aspect not in said:
            found.append(known)
    return list(dict.fromkeys(found))


def facets(catalog: Catalog, attack: Attack, aspect: str) -> tuple[str, ...]:
    """Return what an attack is about of one aspect, as the attack says, or its terms, or what is usual; () for any."""
    terms = catalog.terms
    stated = tuple(name for name in attack.needs if terms[name].aspect == aspect)
    return stated or next((kinds for kinds in belongs(catalog, attack) if terms[kinds[0]].aspect == aspect), ())


def ceiling_of(threat: ThreatModel) -> Ceiling:
    """Return the limits of a threat model in the order of LIMITED."""
    return threat.limits.models, threat.limits.queries, threat.limits.rows


def where(catalog: Catalog, resolver: Resolver, threat: ThreatModel) -> Where:
    """Return where the queries of a threat model go, by the rules of a resolver."""
    terms = catalog.terms
    own = [name for name in threat.grants if terms[name].aspect != "query"]
    home = frozenset(name for name in resolver.closure(own) if name in terms and terms[name].aspect == "query")
    return Where(home, threat.limits.rows is not None)


def _records(proof: Derivation, threat: ThreatModel) -> int | None:
    """Return for how many candidates the limit on calls is enough; None if for any number, or if that depends on the record."""
    each, limit = proof.price.queries_per_record, threat.limits.queries
    if any(rule.unpriced for rule in proof.rules):
        return None
    return (limit - proof.price.queries) // each if limit is not None and each else None


Answer = Feasible | Infeasible | Inapplicable


class Atlas:
    """A catalog with its graph and resolver, ready to be asked."""

    def __init__(self, catalog: Catalog, graph: Graph | None = None):
        self.catalog = catalog
        self.resolver = Resolver(graph or Graph.of(catalog))
        self._where: tuple[list[str], Limits, Where] | None = None

    def grantable(self, threat: ThreatModel) -> list[str]:
        """Return the terms that could be granted for this model type, frame and kind of answer, sorted."""
        facets = self.stated(threat).facets
        terms = [self.catalog.terms[name] for name in self.catalog.grantable]
        fitting = [term for term in terms if term.applies(threat.model, threat.frame)]
        return [term.id for term in fitting if term.fits(facets)]

    def stated(self, threat: ThreatModel) -> ThreatModel:
        """Return a threat model with its facets."""
        return with_facets(self.catalog, threat)

    def inapplicable(self, attack: Attack, threat: ThreatModel) -> Inapplicable | None:
        """Return why an attack does not apply to what the threat model is about, or None if it does."""
        threat, terms = self.stated(threat), self.catalog.terms
        stated = {threat.model, threat.frame, *threat.facets}
        kinds = ("model-type", "frame", *FACETS)
        other = {name for name in attack.needs if terms[name].aspect in kinds and name not in stated}
        for kinds_of_one in belongs(self.catalog, attack):
            # A catalog without an aspect says nothing of it.
            known = any(terms[name].aspect == terms[kinds_of_one[0]].aspect for name in threat.facets)
            if known and stated.isdisjoint(kinds_of_one):
                other.add(kinds_of_one[0])
        if not other:
            return None
        types = sorted(name for name in other if terms[name].aspect in ("model-type", "frame"))
        # What the model answers follows from its type, so that the type says it all.
        because = types or sorted(other)
        return Inapplicable(attack, tuple(because), "; ".join(self._lacking(threat, terms[name]) for name in because))

    def _lacking(self, threat: ThreatModel, term: Term) -> str:
        """Return in words that the attack needs an aspect, and what the threat model has in its place."""
        has = {"model-type": [threat.model], "frame": [threat.frame]}.get(
            term.aspect, sorted(name for name in threat.facets if self.catalog.terms[name].aspect == term.aspect)
        )
        titles = " or ".join(_a(self.catalog.terms[name]) for name in has if name in self.catalog.terms)
        return f"it is for {_a(term)}, and this is {titles or 'none'}"

    def answer(self, attack: Attack, threat: ThreatModel) -> Answer:
        """Return whether an attack is feasible, and why or why not."""
        threat = self.stated(threat)
        if other := self.inapplicable(attack, threat):
            return other
        goals, prices, ceiling = [goal(attack.id)], self.prices(attack, threat), ceiling_of(threat)
        proof = self.resolver.derivation(goals, threat.grants, prices.full)
        if proof is None:
            return self._infeasible(attack, threat)
        if not fits(used(proof.price), ceiling):
            proof = self.resolver.within(ceiling, goals, threat.grants, prices.full)[0]
        if proof is not None:
            return Feasible(attack, proof, (), _records(proof, threat), threat.guarantee, threat.prior)
        if attack.least:
            proof = self.resolver.within(ceiling, goals, threat.grants, prices.least)[0]
        if proof is not None:
            proof, reduced = prices.enlarged(proof, ceiling)
            return Feasible(attack, proof, reduced, _records(proof, threat), threat.guarantee, threat.prior)
        return self._infeasible(attack, threat, self._would_do(goals, threat, prices.least, ceiling))

    def prices(self, attack: Attack, threat: ThreatModel) -> Prices:
        """Return what rules cost an attack under a threat model."""
        return Prices(self.catalog, attack, self.where(threat))

    def where(self, threat: ThreatModel) -> Where:
        """Return where queries go. What can be asked at home is derivable without any answer of the service."""
        threat = self.stated(threat)
        if self._where is None or self._where[0] != threat.grants or self._where[1] != threat.limits:
            self._where = threat.grants, threat.limits, where(self.catalog, self.resolver, threat)
        return self._where[2]

    def stands(self, attack: Attack, threat: ThreatModel) -> bool | None:
        """Return whether an attack is feasible within the limits; None if the search for a proof was cut short."""
        threat = self.stated(threat)
        if not threat.limits.any:
            return goal(attack.id) in self.resolver.closure(threat.grants)
        prices = self.prices(attack, threat)
        proof, exhaustive = self.resolver.within(ceiling_of(threat), [goal(attack.id)], threat.grants, prices.least)
        return True if proof is not None else False if exhaustive else None

    def missing(self, attack: Attack, threat: ThreatModel, grants: Iterable[str], grantable: Iterable[str]) -> Missing:
        """Return every minimal set of grantable terms that, with the grants, makes an attack feasible within the limits.

        Where sets are left out because they are enough by what each rule takes, but not by the sum, larger ones may do, and
        `truncated` is set.
        """
        if not threat.limits.any:
            return self.resolver.missing(goal(attack.id), grants, grantable)
        prices = Prices(self.catalog, attack, Where(rows=threat.limits.rows is not None))
        rules = limited.within(self.catalog, self.resolver.graph, goal(attack.id), prices, ceiling_of(threat))
        grants = list(grants)
        found = Resolver(rules).missing(goal(attack.id), grants, grantable)
        kept = tuple(terms for terms in found.sets if self.stands(attack, threat.with_grants([*grants, *terms])))
        return Missing(kept, found.truncated or len(kept) < len(found.sets))

    def _infeasible(self, attack: Attack, threat: ThreatModel, would_do: tuple[dict[str, int], ...] = ()) -> Infeasible:
        grantable = self.grantable(threat)
        found = self.missing(attack, threat, threat.grants, grantable)
        fitting = {terms: fit(self.catalog, threat, terms) for terms in found.sets}
        sets = tuple(sorted(found.sets, key=lambda terms: (not fitting[terms].fits, len(terms), terms)))
        beyond: tuple[tuple[str, ...], ...] = ()
        if not sets and not would_do and threat.limits.any:
            beyond = self.resolver.missing(goal(attack.id), threat.grants, grantable).sets
        return Infeasible(attack, Missing(sets, found.truncated), tuple(fitting[terms] for terms in sets), would_do, beyond)

    def _would_do(self, goals: list[str], threat: ThreatModel, pricing: Pricing, ceiling: Ceiling) -> tuple[dict[str, int], ...]:
        """Return the least to which each limit alone would have to be raised; if none alone would do, all of a cheapest proof."""
        found = list[dict[str, int]]()
        for place, name in enumerate(LIMITED):
            if ceiling[place] is not None:
                lifted: Ceiling = tuple(None if i == place else limit for i, limit in enumerate(ceiling))  # type: ignore[assignment]
                proof = self.resolver.within(lifted, goals, threat.grants, pricing, first=place)[0]
                if proof is not None:
                    found.append({name: used(proof.price)[place]})
        if not found:
            proof = self.resolver.derivation(goals, threat.grants, pricing)
            assert proof is not None, "the grants are enough"
            taken = zip(LIMITED, used(proof.price), ceiling, strict=True)
            found = [{name: amount for name, amount, limit in taken if limit is not None and amount > limit}]
        return tuple(found)

    def answers(self, threat: ThreatModel, goal_of_attack: str | None = None) -> list[Answer]:
        """Return the answer for every attack of the catalog, in order of id."""
        threat = self.stated(threat)
        attacks = sorted(self.catalog.attacks.values(), key=lambda attack: attack.id)
        return [self.answer(a, threat) for a in attacks if goal_of_attack is None or a.goal == goal_of_attack]

    def least(self, missing: Missing, threat: ThreatModel) -> list[tuple[str, ...]]:
        """Return the minimal sets that grant least: one whose closure contains another's is folded away.

        A set that fits the threat model is never folded away for one that does not.
        """
        threat = self.stated(threat)
        closures = {terms: self.resolver.closure_mask({*threat.grants, *terms}) for terms in missing.sets}
        fits = {terms: fit(self.catalog, threat, terms).fits for terms in missing.sets}
        return [
            terms
            for terms, closure in closures.items()
            if not any(
                other != closure and other & closure == other and fits[rival] >= fits[terms] for rival, other in closures.items()
            )
        ]

    def way(self, threat: ThreatModel, terms: tuple[str, ...]) -> str:
        """Return a set of missing terms in words, with what it needs or contradicts."""
        return " + ".join(terms) + str(fit(self.catalog, threat, terms))

    def completes(self, attack: Attack, threat: ThreatModel, terms: tuple[str, ...]) -> list[Rule]:
        """Return the rules of the proof that a set of missing terms makes possible, as far as they rest on it."""
        derivation = self.resolver.derivation([goal(attack.id)], {*self.stated(threat).grants, *terms})
        if derivation is None:
            return []
        fresh = set(terms)
        result = []
        for rule in derivation.rules:
            if fresh.intersection(rule.needs):
                fresh.add(rule.yields)
                result.append(rule)
        return result


def runnable_graph(atlas: Atlas) -> Graph:
    """Return the graph of the rules that code can carry out."""
    catalog = atlas.catalog
    idle = {entry.id for entry in catalog.acts if entry.run is None}
    idle |= {r.id for r in catalog.implications if r.view is None and catalog.terms[r.yields].handle is not None}
    return Graph((rule for rule in atlas.resolver.graph.rules if rule.id not in idle), catalog.terms)
