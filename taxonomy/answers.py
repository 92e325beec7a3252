"""Questions asked of the catalog: which attacks a threat model makes feasible, by which proof, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.graph import Graph, Price, Rule, goal, price, wanted
from taxonomy.resolver import Derivation, Missing, Resolver
from taxonomy.terms import FACETS, Term
from taxonomy.threat import Fit, ThreatModel, fit, with_facets


@dataclass(frozen=True)
class Feasible:
    """An attack that the threat model makes feasible, and the proof."""

    attack: Attack
    derivation: Derivation

    @property
    def price_stated(self) -> bool:
        """Whether the attack's entry states what its own queries cost; else the price is that of its steps."""
        return self.attack.cost is not None

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {
            "id": self.attack.id,
            "goal": self.attack.goal,
            "runs": self.attack.run is not None,
            "cost": {**self.derivation.price.as_json(), "cheapest": self.derivation.cheapest, "stated": self.price_stated},
            "derivation": [rule.as_json() for rule in self.derivation.rules],
        }


@dataclass(frozen=True)
class Infeasible:
    """An attack that the threat model does not make feasible, and every minimal set of terms that would.

    Sets that fit the threat model as it is stated come first; `fits` says of each what it needs or contradicts.
    """

    attack: Attack
    missing: Missing
    fits: tuple[Fit, ...]

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


Answer = Feasible | Infeasible | Inapplicable


class Atlas:
    """A catalog with its graph and resolver, ready to be asked."""

    def __init__(self, catalog: Catalog):
        self.catalog = catalog
        self.resolver = Resolver(Graph.of(catalog))

    def grantable(self, threat: ThreatModel) -> list[str]:
        """Return the terms that could be granted for this model type, frame and kind of answer, sorted."""
        facets = self.stated(threat).facets
        terms = [self.catalog.terms[name] for name in self.catalog.grantable]
        fitting = [term for term in terms if term.applies(threat.model, threat.frame)]
        return [term.id for term in fitting if term.answers is None or not facets.isdisjoint(term.answers)]

    def stated(self, threat: ThreatModel) -> ThreatModel:
        """Return a threat model with its facets."""
        return with_facets(self.catalog, threat)

    def inapplicable(self, attack: Attack, threat: ThreatModel) -> Inapplicable | None:
        """Return why an attack does not apply to what the threat model is about, or None if it does."""
        threat, terms = self.stated(threat), self.catalog.terms
        stated = {threat.model, threat.frame, *threat.facets}
        kinds = ("model-type", "frame", *FACETS)
        other = {name for name in attack.needs if terms[name].aspect in kinds and name not in stated}
        # A catalog without these aspects says nothing of them.
        if any(terms[name].aspect == "answers" for name in threat.facets):
            needed = [terms[name].answers for name in attack.needs]
            other |= {answers[0] for answers in needed if answers and stated.isdisjoint(answers)}
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
        titles = " or ".join(self.catalog.terms[name].title.lower() for name in has if name in self.catalog.terms)
        return f"it is for a {term.title.lower()}, and this is {f'a {titles}' if titles else 'none'}"

    def answer(self, attack: Attack, threat: ThreatModel) -> Answer:
        """Return whether an attack is feasible, and why or why not."""
        threat = self.stated(threat)
        if other := self.inapplicable(attack, threat):
            return other
        derivation = self.resolver.derivation([goal(attack.id)], threat.grants, self.pricing(attack))
        if derivation is not None:
            return Feasible(attack, derivation)
        found = self.resolver.missing(goal(attack.id), threat.grants, self.grantable(threat))
        fits = {terms: fit(self.catalog, threat, terms) for terms in found.sets}
        sets = tuple(sorted(found.sets, key=lambda terms: (not fits[terms].fits, len(terms), terms)))
        return Infeasible(attack, Missing(sets, found.truncated), tuple(fits[terms] for terms in sets))

    def pricing(self, attack: Attack) -> Callable[[Rule], Price]:
        """Return what rules cost in the amounts that one attack wants."""
        steps = self.catalog.steps

        def cost(rule: Rule) -> Price:
            step = steps.get(rule.id)
            return price(step.cost, wanted(attack, step, step.params)) if step else rule.price

        return cost

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
