"""Names what evidence rests on by a hash of entries and source text, so that nothing has to be imported or run to see it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from taxonomy import digests, source
from taxonomy.answers import Atlas, runnable_graph
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Params, Step, Target
from taxonomy.findings import InputError
from taxonomy.graph import Price, Rule, closed, goal, price, wanted
from taxonomy.named_code import named
from taxonomy.orderings import Ordering, Side
from taxonomy.resolver import Resolver
from taxonomy.terms import ASSUMED
from taxonomy.threat import owner, with_facets

# Figures also follow from how models are trained, how they answer, and how scores become figures.
MEASURED_BY = ("attacks.models.training:fit", "attacks.models.training:Model", "attacks.metrics:summarize")

Digest = Callable[[str], str]


class Fingerprints:
    """Names what evidence rests on: the code, the parameters and the proof of an attack, and the target's code and parameters.

    Titles, citations, prices, what else a target offers and words for what the code does do not count. `digest` gives the hash of
    the code behind a path.
    """

    def __init__(self, catalog: Catalog, digest: Digest):
        self.catalog, self.digest = catalog, digest
        self.atlas = Atlas(catalog)
        self.resolver = Resolver(runnable_graph(self.atlas))
        self.views = {rule.id: rule.view for rule in catalog.implications}
        # Many orderings compare what has evidence of its own.
        self._found: dict[tuple[str, str], tuple[Attack, Target, str | None]] = {}

    def proof(self, attack: Attack, target: Target) -> list[Rule]:
        """Return the rules by which the attack alone runs on the target, as `mia run` does; [] if it does not."""
        steps, catalog, threat = self.catalog.steps, self.catalog, with_facets(self.catalog, owner(target))
        if self.atlas.inapplicable(attack, threat):
            return []
        own: dict[str, Params] = {name: wanted(attack, step, step.params) for name, step in steps.items()}

        def pricing(rule: Rule) -> Price:
            entry = steps.get(rule.id) or catalog.attacks.get(rule.id)
            found = price(entry.cost, own.get(rule.id, entry.params)) if entry else Price()
            return replace(found, closed=closed(attack, entry))

        found = self.resolver.derivation([goal(attack.id)], threat.grants, pricing)
        return list(found.rules) if found else []

    def of(self, attack: Attack, target: Target) -> str | None:
        """Return the fingerprint of an attack on a target; None where it cannot run."""
        names = attack.id, target.id
        found = self._found.get(names)
        if found is None or found[0] is not attack or found[1] is not target:
            found = self._found[names] = attack, target, self._of(attack, target)
        return found[2]

    def _of(self, attack: Attack, target: Target) -> str | None:
        rules = self.proof(attack, target)
        if not rules or target.run is None:
            return None
        parts = [self._rule(attack, rule) for rule in sorted(rules, key=lambda r: r.id)]
        judged = [self.digest(run) for run in MEASURED_BY]
        own = [self.digest(path) for path in named(target.params).values()]
        return hashed([parts, self.digest(target.run), target.params, judged, *own])

    def models(self, attack: Attack, target: Target) -> int:
        """Return the number of models that the proof trains, the target not counted."""
        found = (self.catalog.steps.get(rule.id) for rule in self.proof(attack, target))
        return sum(price(step.cost, wanted(attack, step, step.params)).models for step in found if step)

    def ordering(self, ordering: Ordering, sides: tuple[Side, Side]) -> str | None:
        """Return the fingerprint of one comparison of an ordering; None where one of its attacks cannot run."""
        both = [self.of(self.catalog.attack(side.attack), self.catalog.target(side.target)) for side in sides]
        settings = [side.settings for side in sides if side.settings]
        return None if None in both else hashed([both, ordering.metric, ordering.within, *settings])

    def _rule(self, attack: Attack, rule: Rule) -> list[Any]:
        entry: Attack | Step | None = self.catalog.steps.get(rule.id) or self.catalog.attacks.get(rule.id)
        if entry is None:
            view = self.views[rule.id]
            return [rule.id, self.digest(view) if view else None, rule.needs, rule.yields]
        assert entry.run is not None
        params = wanted(attack, entry, entry.params) if isinstance(entry, Step) else entry.params
        # Whether it asks by earlier answers, its code says, which counts.
        needs = [need for need in rule.needs if need not in ASSUMED]
        return [rule.id, self.digest(entry.run), params, needs, rule.yields]


def hashed(value: Any) -> str:
    """Return the hash of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def code_digests(packages: Iterable[source.Package]) -> Digest:
    """Return a function that gives the hash of the code behind a path, or "missing" for a path that names nothing readable."""
    known, found = list(packages), dict[str, str]()

    def digest(run: str) -> str:
        if run not in found:
            try:
                found[run] = digests.digest(known, run)
            except (LookupError, InputError):
                found[run] = "missing"
        return found[run]

    return digest
