"""Closure, derivation, and what is missing. Pure Python, exact, and checked against clingo in the tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taxonomy.graph import Graph, Price, Rule
from taxonomy.minimal_sets import MAKE, Search, searched, shrunk
from taxonomy.proofs import Ceiling, CheapestProof, Pricing, topological
from taxonomy.terms import ASSUMED

# So many closures are kept: that of what was stated, with and without what attacks need beside it.
KEPT = 8


@dataclass(frozen=True)
class Derivation:
    """A proof: rules in topological order, each once. `cheapest` only if the search was exhaustive."""

    rules: tuple[Rule, ...]
    price: Price
    cheapest: bool


@dataclass(frozen=True)
class Missing:
    """Minimal sets of grantable terms that would unlock a goal, by size, then alphabetically."""

    sets: tuple[tuple[str, ...], ...]
    truncated: bool


class Resolver:
    """Answers questions about one graph."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._closures: dict[tuple[str, ...], dict[int, int]] = {}
        self._named: tuple[dict[int, int], dict[str, int]] | None = None

    def closure(self, grants: Iterable[str]) -> set[str]:
        """Return every term that follows from the grants. Linear in the size of the rules (Dowling & Gallier 1984)."""
        return {self.graph.names[term] for term in self._close(grants)}

    def closure_mask(self, grants: Iterable[str]) -> int:
        """Return the closure as a bit mask over the graph's terms, for comparisons of many."""
        return sum(1 << term for term in self._close(grants))

    @staticmethod
    def given(grants: Iterable[str]) -> list[str]:
        """Return the grants, and what every adversary has that does not state the other."""
        stated = list(grants)
        return [*stated, *(term for term, unless in ASSUMED.items() if unless not in stated and term not in stated)]

    def _close(self, grants: Iterable[str]) -> dict[int, int]:
        """Return for each derivable term the position at which it was reached: a proof order, which nobody may change.

        Every attack of a catalog is asked about with the same grants, so the last closures are kept.
        """
        stated = tuple(grants)
        found = self._closures.pop(stated, None)
        if found is None:
            found = self._closed(stated)
            if len(self._closures) >= KEPT:
                del self._closures[next(iter(self._closures))]
        self._closures[stated] = found
        return found

    def _by_name(self, order: dict[int, int]) -> dict[str, int]:
        """Return the same by the names of the terms."""
        if self._named is None or self._named[0] is not order:
            self._named = order, {self.graph.names[term]: at for term, at in order.items()}
        return self._named[1]

    def _closed(self, grants: tuple[str, ...]) -> dict[int, int]:
        graph = self.graph
        counts = graph.need_counts.copy()
        order: dict[int, int] = {}
        queue = [graph.index[term] for term in self.given(grants) if term in graph.index]
        queue += [graph.yields[rule] for rule, count in enumerate(counts) if count == 0]
        for term in queue:
            if term in order:
                continue
            order[term] = len(order)
            for rule in graph.needed_by[term]:
                counts[rule] -= 1
                if counts[rule] == 0 and graph.yields[rule] not in order:
                    queue.append(graph.yields[rule])
        return order

    def derivation(
        self, goals: Sequence[str], grants: Iterable[str], pricing: Pricing | None = None, records: int = 1000
    ) -> Derivation | None:
        """Return the cheapest proof of all goals together, or None.

        Cheapest is first in steps whose models the attack cannot use, then in models, then in calls and rows, then in what is
        asked at home, then in rules that make attacks weaker, then in rules. Queries that are counted by candidate are weighed
        for `records` of them. Branch and bound on the goals' cone: every open term will cost at least its cheapest rule, and no
        rule yields two terms, so the sum is a lower bound.
        """
        return self._proved(goals, grants, pricing, records, None, None)[0]

    def within(
        self,
        ceiling: Ceiling,
        goals: Sequence[str],
        grants: Iterable[str],
        pricing: Pricing | None = None,
        *,
        first: int | None = None,
        records: int = 1000,
    ) -> tuple[Derivation | None, bool]:
        """Return the cheapest proof that passes no limit, or None, and whether the search for it was exhaustive.

        `first` is the place in LIMITED of an amount of which there shall be as little as can be, whatever else it costs.
        """
        return self._proved(goals, grants, pricing, records, ceiling, first)

    def _proved(
        self,
        goals: Sequence[str],
        grants: Iterable[str],
        pricing: Pricing | None,
        records: int,
        ceiling: Ceiling | None,
        first: int | None,
    ) -> tuple[Derivation | None, bool]:
        granted = set(self.given(grants))
        # Sorted, so that the order of the rules does not hang on how Python happens to hash strings today.
        order = self._close(sorted(granted))
        if any(self.graph.index.get(goal) not in order for goal in goals):
            return None, True
        if not goals:
            return Derivation((), Price(), True), True
        reached = self._by_name(order)
        search = CheapestProof(self.graph, reached, granted, pricing or (lambda rule: rule.price), records, ceiling, first)
        chosen, exhaustive = search.run([goal for goal in goals if goal not in granted])
        if chosen is None:
            return None, exhaustive
        rules = topological(chosen, granted, reached)
        total = sum((search.pricing(rule) for rule in rules), Price())
        return Derivation(tuple(rules), total, exhaustive), exhaustive

    def missing(self, goal: str, grants: Iterable[str], grantable: Iterable[str]) -> Missing:
        """Return every inclusion-minimal set of grantable terms that makes the goal derivable.

        Labels of minimal environments are propagated to a fixpoint (de Kleer 1986, the ATMS), on the goal's cone only;
        an environment is a bit mask over grantable terms. A goal that is derivable already has one empty set. Where that is
        too much work, the answer is some minimal sets, and `truncated`.
        """
        graph = self.graph
        if goal not in graph.index:
            return Missing((), False)
        derivable = self._close(grants)
        if graph.index[goal] in derivable:
            return Missing(((),), False)
        cone = graph.cone([graph.index[goal]], derivable)
        terms = sorted(term for term in set(grantable) if graph.index.get(term) in cone)
        rules = sorted(rule for term in cone for rule in graph.yielded_by[term])
        # In the order in which they are stated, so that the same work is counted everywhere.
        stated = {r: dict.fromkeys(graph.index[need] for need in graph.rules[r].needs) for r in rules}
        needs = {r: [need for need in stated[r] if need not in derivable] for r in rules}

        def environments(search: Search) -> list[int]:
            labels: dict[int, list[int]] = {term: [] for term in cone}
            labels |= {graph.index[term]: [1 << bit] for bit, term in enumerate(terms)}
            self._propagate(search, rules, needs, labels)
            return labels[graph.index[goal]]

        found, truncated = searched(environments)
        if truncated:
            part = Resolver(Graph(graph.rules[rule] for rule in rules))
            known = [graph.names[term] for term in derivable]

            def unlocks(mask: int) -> bool:
                return goal in part.closure([*known, *_named(terms, mask)])

            everything = (1 << len(terms)) - 1
            if not unlocks(everything):
                return Missing((), False)
            found = shrunk(found or [everything], MAKE * len(rules), unlocks)
        sets = [_named(terms, mask) for mask in found]
        return Missing(tuple(sorted(sets, key=lambda s: (len(s), s))), truncated)

    def _propagate(self, search: Search, rules: list[int], needs: dict[int, list[int]], labels: dict[int, list[int]]) -> None:
        """Propagate minimal environments through the rules until nothing changes."""
        watchers: dict[int, list[int]] = {}
        for rule in rules:
            for need in needs[rule]:
                watchers.setdefault(need, []).append(rule)
        queue, queued = deque(rules), set(rules)
        while queue:
            rule = queue.popleft()
            queued.discard(rule)
            search.spend(1)
            environments = [0]
            for need in needs[rule]:
                environments = search.unions(environments, labels[need])
            head = self.graph.yields[rule]
            merged = search.minimal([*labels[head], *environments]) if labels[head] else environments
            if merged != labels[head]:
                labels[head] = merged
                for watcher in watchers.get(head, ()):
                    if watcher not in queued:
                        queued.add(watcher)
                        queue.append(watcher)


def _named(terms: Sequence[str], mask: int) -> tuple[str, ...]:
    return tuple(term for bit, term in enumerate(terms) if mask >> bit & 1)
