"""The cheapest proof, within limits if there are some: branch and bound over the choice of one rule for each open term."""

from __future__ import annotations

from collections.abc import Callable
from operator import add

from taxonomy.graph import Graph, Price, Rule

# The cheapest derivation is NP-hard in general: its search stops at this many choices in a row, or when its work is spent. One
# unit is one term looked at.
PROOF_WORK = 250_000
MAX_DEPTH = 500

Pricing = Callable[[Rule], Price]
# What comes first counts most: steps whose models the attack cannot use, models, calls and rows, all that is asked, how much
# weaker rules make attacks, rules.
Cost = tuple[int, ...]
# What is limited: models, calls to a service for one candidate record, rows of a file. None is no limit.
Used = tuple[int, int, int]
Ceiling = tuple[int | None, int | None, int | None]
LIMITED = ("models", "queries", "rows")


def used(price: Price) -> Used:
    """Return what a price takes of each limit: models, calls to a service for one candidate record, rows."""
    return price.models, price.total_queries(1), price.rows


def fits(amounts: Used, ceiling: Ceiling) -> bool:
    """Whether no limit is passed."""
    return all(limit is None or amount <= limit for amount, limit in zip(amounts, ceiling, strict=True))


class CheapestProof:
    """One search for the cheapest proof of some goals.

    `derivable` holds the derivable terms, each with its place in the order in which the closure reached them. With a `ceiling`
    only proofs within it count, and there may be none; `first` names a limited amount (its place in LIMITED) that counts more
    than all others.
    """

    def __init__(
        self,
        graph: Graph,
        derivable: dict[str, int],
        granted: set[str],
        pricing: Pricing,
        records: int,
        ceiling: Ceiling | None = None,
        first: int | None = None,
    ):
        self.graph, self.granted, self.pricing, self.records = graph, granted, pricing, records
        self.ceiling, self.first = ceiling, first
        self.derivable = derivable
        self.left = PROOF_WORK
        self.exhaustive = True
        self.ways: dict[str, list[tuple[Cost, Rule]]] = {}
        self.floors: dict[str, Used] = {}
        self.best: dict[str, Rule] | None = None
        self.best_cost: Cost | None = None

    def options(self, term: str) -> list[tuple[Cost, Rule]]:
        """Return the rules that can yield a term, cheapest first, with their cost."""
        if term in self.ways:
            return self.ways[term]
        found = []
        for number in self.graph.yielded_by[self.graph.index[term]]:
            rule = self.graph.rules[number]
            if all(need in self.derivable for need in rule.needs):
                found.append((self.cost([rule]), rule))
        self.ways[term] = sorted(found, key=lambda option: (option[0], len(option[1].needs), option[1].id))
        return self.ways[term]

    def run(self, goals: list[str]) -> tuple[dict[str, Rule] | None, bool]:
        """Return the rule chosen for each term of the cheapest proof found, and whether the search was exhaustive."""
        if self.ceiling is None:
            self.best = self.first_proof(goals)
            self.best_cost = self.cost(list(self.best.values()))
        self.search({}, sorted(set(goals)), self.cost([]), (0, 0, 0))
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

    def cost(self, rules: list[Rule]) -> Cost:
        """Return the cost of some rules together."""
        prices, records = [self.pricing(rule) for rule in rules], self.records
        cost: Cost = (
            sum(price.closed for price in prices),
            sum(price.models for price in prices),
            sum(price.total_queries(records) + price.rows for price in prices),
            sum(price.asked(records) for price in prices),
            sum(rule.weaker for rule in rules),
            len(rules),
        )
        return cost if self.first is None else (sum(used(price)[self.first] for price in prices), *cost)

    def floor(self, term: str) -> Used:
        """Return the least that any rule for a term takes of each limit."""
        if term not in self.floors:
            amounts = [used(self.pricing(rule)) for _, rule in self.options(term)]
            self.floors[term] = min(a[0] for a in amounts), min(a[1] for a in amounts), min(a[2] for a in amounts)
        return self.floors[term]

    def search(self, chosen: dict[str, Rule], open_terms: list[str], spent: Cost, taken: Used) -> None:
        """Extend a partial proof in every way that can still be cheaper than the best, and stay within the limits."""
        self.left -= 1 + len(open_terms)
        if self.left < 0 or len(chosen) > MAX_DEPTH:
            self.exhaustive = False
            return
        bound = spent
        for term in open_terms:
            bound = tuple(map(add, bound, self.options(term)[0][0]))
        if self.best_cost is not None and bound >= self.best_cost:
            return
        if self.ceiling is not None:
            least = taken
            for term in open_terms:
                least = _both(least, self.floor(term))
            if not fits(least, self.ceiling):
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
            more = taken if self.ceiling is None else _both(taken, used(self.pricing(rule)))
            self.search(chosen, rest + sorted(fresh), tuple(map(add, spent, cost)), more)
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


def _both(a: Used, b: Used) -> Used:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def topological(chosen: dict[str, Rule], granted: set[str], order: dict[str, int]) -> list[Rule]:
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
