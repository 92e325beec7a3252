"""Limits as part of the rules: which rules no adversary within the limits can use, and which it can only use at home.

Whether a sum of prices stays within a limit is no Horn clause. What one rule takes by itself is: a rule that alone passes a
limit is left out, and one that asks the model has a twin that asks a copy at home for nothing. What is not derivable from these
rules is not feasible within the limits; what is derivable must still be added up.
"""

from __future__ import annotations

from taxonomy.catalog import Catalog
from taxonomy.graph import Graph, Rule
from taxonomy.prices import Prices
from taxonomy.proofs import Ceiling, fits, used

HOME = "home:"


def within(catalog: Catalog, graph: Graph, goal: str, prices: Prices, ceiling: Ceiling) -> Graph:
    """Return the rules that can take part in a proof of the goal within the limits; prices are those without a copy at home."""
    terms = catalog.terms

    def asks(rule: Rule) -> list[str]:
        return [need for need in rule.needs if need in terms and terms[need].aspect == "query"]

    def at_home(rule: Rule) -> tuple[str, ...]:
        return tuple(HOME + need if need in asks(rule) else need for need in rule.needs)

    kept: list[Rule] = []
    cone = graph.cone([graph.index[goal]])
    for number in sorted(number for term in cone for number in graph.yielded_by[term]):
        rule = graph.rules[number]
        price = prices.least(rule)
        models, calls, rows = used(price)
        if fits((models, calls, rows), ceiling):
            kept.append(rule)
        if (calls or rows) and asks(rule) and fits((models, 0, 0), ceiling):
            kept.append(Rule(HOME + rule.id, rule.kind, at_home(rule), rule.yields))
    for rule in graph.rules:
        if rule.yields in terms and terms[rule.yields].aspect == "query":
            kept.append(Rule(f"{HOME}{rule.id}", rule.kind, at_home(rule), HOME + rule.yields))
    return Graph(kept, [*terms, goal])
