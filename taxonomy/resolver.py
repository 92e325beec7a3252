"""Closure, derivation, and what is missing. Pure Python, exact, and checked against clingo in the tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from taxonomy.graph import Graph, Price, Rule
from taxonomy.minimal_sets import MAKE, Search, searched, shrunk

# The cheapest derivation is NP-hard in general: its search stops at this many choices in a row, or when its work is spent. One
# unit is one term looked at.
PROOF_WORK = 250_000
MAX_DEPTH = 500

Pricing = Callable[[Rule], Price]
Cost = tuple[int, int, int, int]
NOTHING: Cost = (0, 0, 0, 0)


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

    def closure(self, grants: Iterable[str]) -> set[str]:
        """Return every term that follows from the grants. Linear in the size of the rules (Dowling & Gallier 1984)."""
        return {self.graph.names[term] for term in self._close(grants)}

    def closure_mask(self, grants: Iterable[str]) -> int:
        """Return the closure as a bit mask over the graph's terms, for comparisons of many."""
        return sum(1 << term for term in self._close(grants))

    def _close(self, grants: Iterable[str]) -> dict[int, int]:
        """Return for each derivable term the position at which it was reached: a proof order."""
        graph = self.graph
        counts = graph.need_counts.copy()
        order: dict[int, int] = {}
        queue = [graph.index[term] for term in grants if term in graph.index]
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

        Cheapest is first in models, then in queries, then in rules that make attacks weaker, then in rules. Queries that are
        counted by candidate are weighed for `records` of them. Branch and bound on the goals' cone: every open term will cost
        at least its cheapest rule, and no rule yields two terms, so the sum is a lower bound.
        """
        granted = set(grants)
        # Sorted, so that the order of the rules does not hang on how Python happens to hash strings today.
        order = self._close(sorted(granted))
        names = self.graph.names
        if any(self.graph.index.get(goal) not in order for goal in goals):
            return None
        if not goals:
            return Derivation((), Price(), True)
        search = _CheapestProof(self.graph, order, granted, pricing or (lambda rule: rule.price), records)
        chosen, cheapest = search.run([goal for goal in goals if goal not in granted])
        rules = _topological(chosen, granted, {names[term]: at for term, at in order.items()})
        total = sum((search.pricing(rule) for rule in rules), Price())
        return Derivation(tuple(rules), total, cheapest)

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
        cone = self._cone([graph.index[goal]], derivable)
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

    def _cone(self, goals: Iterable[int], stop: dict[int, int]) -> set[int]:
        """Return the terms from which a goal can be reached backwards, without passing terms in `stop`."""
        cone, queue = set[int](), list(goals)
        while queue:
            term = queue.pop()
            if term in cone or term in stop:
                continue
            cone.add(term)
            for rule in self.graph.yielded_by[term]:
                queue.extend(self.graph.index[need] for need in self.graph.rules[rule].needs)
        return cone

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


class _CheapestProof:
    """Branch and bound over the choice of one rule for each open term."""

    def __init__(self, graph: Graph, order: dict[int, int], granted: set[str], pricing: Pricing, records: int):
        self.graph, self.granted, self.pricing, self.records = graph, granted, pricing, records
        self.derivable = {graph.names[term]: at for term, at in order.items()}
        self.left = PROOF_WORK
        self.exhaustive = True
        self.ways: dict[str, list[tuple[Cost, Rule]]] = {}
        self.best: dict[str, Rule] | None = None
        self.best_cost = NOTHING

    def options(self, term: str) -> list[tuple[Cost, Rule]]:
        """Return the rules that can yield a term, cheapest first, with their cost."""
        if term in self.ways:
            return self.ways[term]
        found = []
        for number in self.graph.yielded_by[self.graph.index[term]]:
            rule = self.graph.rules[number]
            if all(need in self.derivable for need in rule.needs):
                cost = self.pricing(rule)
                found.append(((cost.models, cost.total_queries(self.records), int(rule.weaker), 1), rule))
        self.ways[term] = sorted(found, key=lambda option: (option[0], len(option[1].needs), option[1].id))
        return self.ways[term]

    def run(self, goals: list[str]) -> tuple[dict[str, Rule], bool]:
        """Return the rule chosen for each term of the cheapest proof found, and whether the search was exhaustive."""
        self.best = self.first_proof(goals)
        self.best_cost = self.cost(self.best)
        self.search({}, sorted(set(goals)), NOTHING)
        assert self.best is not None
        return self.best, self.exhaustive

    def first_proof(self, goals: list[str]) -> dict[str, Rule]:
        """Return a proof by going backwards along the order in which the closure reached the terms: never a cycle."""
        chosen: dict[str, Rule] = {}
        queue = list(goals)
        while queue:
            term = queue.pop()
            if term in chosen or term in self.granted:
                continue
            at = self.derivable[term]
            chosen[term] = next(rule for _, rule in self.options(term) if all(self.derivable[need] < at for need in rule.needs))
            queue.extend(chosen[term].needs)
        return chosen

    def cost(self, chosen: dict[str, Rule]) -> Cost:
        """Return the cost of a proof: models, queries, weaker rules, rules."""
        prices = [self.pricing(rule) for rule in chosen.values()]
        weaker = sum(rule.weaker for rule in chosen.values())
        return sum(p.models for p in prices), sum(p.total_queries(self.records) for p in prices), weaker, len(chosen)

    def search(self, chosen: dict[str, Rule], open_terms: list[str], spent: Cost) -> None:
        """Extend a partial proof in every way that can still be cheaper than the best."""
        self.left -= 1 + len(open_terms)
        if self.left < 0 or len(chosen) > MAX_DEPTH:
            self.exhaustive = False
            return
        bound = spent
        for term in open_terms:
            bound = _add(bound, self.options(term)[0][0])
        if bound >= self.best_cost:
            return
        if not open_terms:
            self.best, self.best_cost = dict(chosen), spent
            return
        term = min(open_terms, key=lambda t: (len(self.options(t)), t))
        rest = [other for other in open_terms if other != term]
        for cost, rule in self.options(term):
            if self.makes_cycle(term, rule, chosen):
                continue
            chosen[term] = rule
            fresh = {n for n in rule.needs if n not in self.granted and n not in chosen and n not in rest}
            self.search(chosen, rest + sorted(fresh), _add(spent, cost))
            del chosen[term]

    def makes_cycle(self, term: str, rule: Rule, chosen: dict[str, Rule]) -> bool:
        """Whether the rule's needs rest, through rules chosen so far, on the term itself."""
        queue, seen = list(rule.needs), set[str]()
        while queue:
            need = queue.pop()
            if need == term and need not in self.granted:
                return True
            if need in seen or need in self.granted:
                continue
            seen.add(need)
            if need in chosen:
                queue.extend(chosen[need].needs)
        self.left -= len(seen)
        return False


def _add(a: Cost, b: Cost) -> Cost:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _topological(chosen: dict[str, Rule], granted: set[str], order: dict[str, int]) -> list[Rule]:
    """Return the rules so that each stands after the rules that yield what it needs; ties by reach, then name."""
    done: list[Rule] = []
    placed, opened = set[str](), set[str]()
    stack = sorted(chosen, key=lambda t: (order[t], t), reverse=True)
    while stack:
        term = stack[-1]
        if term in placed or term in granted:
            stack.pop()
        elif term in opened:
            placed.add(stack.pop())
            done.append(chosen[term])
        else:
            opened.add(term)
            needs = [need for need in chosen[term].needs if need not in placed and need not in granted]
            stack.extend(sorted(needs, key=lambda n: (order[n], n), reverse=True))
    return done
