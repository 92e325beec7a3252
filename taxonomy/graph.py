"""Catalog -> AND/OR graph: terms, and the rules that yield them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Cost, Params, Step
from taxonomy.terms import ASSUMED, FACETS

if TYPE_CHECKING:
    import networkx

Kind = Literal["implication", "step", "attack"]


@dataclass(frozen=True)
class Price:
    """What a rule or a derivation costs: models to train, calls to a service, rows of a file, and what is asked at home.

    Calls, and what is asked of a copy at home for nothing, have a fixed part and one for each candidate. `trainings` are those of
    the models that take as long as the target itself: trained by its own recipe, on as many records. `closed` counts the steps
    whose models show nothing of their inside, to an attack that looks there: it can do nothing with them, whatever they cost.
    """

    models: int = 0
    queries: int = 0
    queries_per_record: int = 0
    rows: int = 0
    home: int = 0
    home_per_record: int = 0
    trainings: int = 0
    closed: int = 0

    def __add__(self, other: Price) -> Price:
        return Price(
            self.models + other.models,
            self.queries + other.queries,
            self.queries_per_record + other.queries_per_record,
            self.rows + other.rows,
            self.home + other.home,
            self.home_per_record + other.home_per_record,
            self.trainings + other.trainings,
            self.closed + other.closed,
        )

    def total_queries(self, records: int) -> int:
        """Calls to a service for this many candidate records."""
        return self.queries + self.queries_per_record * records

    def asked(self, records: int) -> int:
        """All that is asked for this many candidate records, wherever: calls, rows, and queries at home."""
        return self.total_queries(records) + self.rows + self.home + self.home_per_record * records

    def as_json(self) -> dict[str, int]:
        """Return the price as plain data."""
        return {
            "models": self.models,
            "trainings": self.trainings,
            "queries": self.queries,
            "queries_per_record": self.queries_per_record,
            "rows": self.rows,
            "queries_at_home": self.home,
            "queries_at_home_per_record": self.home_per_record,
        }


@dataclass(frozen=True)
class Rule:
    """A conjunction of needed terms that yields one term: a Horn clause with a sentence a person can read."""

    id: str
    kind: Kind
    needs: tuple[str, ...]
    yields: str
    because: str = ""
    price: Price = Price()
    weaker: int = 0
    unpriced: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the rule as a line of a derivation."""
        return {
            "rule": self.id,
            "kind": self.kind,
            "needs": list(self.needs),
            "yields": self.yields,
            "because": self.because,
        }


def goal(attack_id: str) -> str:
    """Name of the term that an attack yields and that nothing else needs."""
    return f"attack:{attack_id}"


def wanted(attack: Attack, step: Step, params: Params) -> Params:
    """Return a step's parameters as one attack wants them: what its `uses` says of the artifact goes before `params`."""
    values = dict(params)
    for artifact, amounts in attack.uses.items():
        if step.yields == artifact or step.yields.startswith(artifact + "."):
            values.update({name: amount for name, amount in amounts.items() if name in step.params})
    return values


def closed(attack: Attack, entry: Attack | Step | None) -> int:
    """Return 1 for a step whose models show nothing of their inside, if the attack looks there; 0 for any other entry."""
    return int(attack.looks_inside and isinstance(entry, Step) and entry.hosted)


def price(cost: Cost | None, params: Params) -> Price:
    """Return the price of an entry at these values of its parameters; nothing, where its cost is not stated."""
    if cost is None:
        return Price()

    def amount(value: int | str) -> int:
        found = params.get(value, 0) if isinstance(value, str) else value
        return int(found) if isinstance(found, int | float) else 0

    calls = amount(cost.queries), amount(cost.queries_per_record)
    return Price(amount(cost.models), *calls, trainings=amount(cost.trainings))


class Graph:
    """Rules over terms, indexed so that a closure costs time linear in the size of the rules."""

    def __init__(self, rules: Iterable[Rule], terms: Iterable[str] = ()):
        self.rules: list[Rule] = list(rules)
        self.index: dict[str, int] = {}
        for term in terms:
            self._number(term)
        self.needed_by: list[list[int]] = [[] for _ in self.index]
        self.yielded_by: list[list[int]] = [[] for _ in self.index]
        self.need_counts: list[int] = []
        self.yields: list[int] = []
        for number, rule in enumerate(self.rules):
            needs = {self._number(term) for term in rule.needs}
            head = self._number(rule.yields)
            while len(self.needed_by) < len(self.index):
                self.needed_by.append([])
                self.yielded_by.append([])
            self.need_counts.append(len(needs))
            self.yields.append(head)
            for need in needs:
                self.needed_by[need].append(number)
            self.yielded_by[head].append(number)
        self.names = list(self.index)

    def _number(self, term: str) -> int:
        return self.index.setdefault(term, len(self.index))

    def cone(self, goals: Iterable[int], stop: Container[int] = ()) -> set[int]:
        """Return the terms from which a goal can be reached backwards, without passing terms in `stop`."""
        cone, queue = set[int](), list(goals)
        while queue:
            term = queue.pop()
            if term in cone or term in stop:
                continue
            cone.add(term)
            for rule in self.yielded_by[term]:
                queue.extend(self.index[need] for need in self.rules[rule].needs)
        return cone

    @classmethod
    def of(cls, catalog: Catalog) -> Graph:
        """Return the graph of a catalog."""
        rules: list[Rule] = []
        for implication in catalog.implications:
            needs, yields = tuple(implication.needs), implication.yields
            weaker, unpriced = int(implication.weaker), implication.unpriced
            rules.append(
                Rule(implication.id, "implication", needs, yields, implication.because, weaker=weaker, unpriced=unpriced)
            )
        for step in catalog.steps.values():
            cost = price(step.cost, step.params)
            rules.append(Rule(step.id, "step", tuple(step.needs), step.yields, step.because, cost, int(step.weaker)))
        for attack in catalog.attacks.values():
            cost = price(attack.cost, attack.params)
            # What the model answers, what a record is and whether there are gradients decide whether an attack applies at all.
            needs = tuple(need for need in attack.needs if need not in catalog.terms or catalog.terms[need].aspect not in FACETS)
            rules.append(Rule(attack.id, "attack", needs, goal(attack.id), attack.summary, cost))
        return cls(rules, catalog.terms)

    def export(self, catalog: Catalog) -> dict[str, Any]:
        """Return the graph as plain data: terms, rules, and what can be granted."""
        return {
            "terms": sorted(catalog.terms),
            "rules": [
                {"id": r.id, "kind": r.kind, "needs": list(r.needs), "yields": r.yields, "because": r.because} for r in self.rules
            ],
            "grantable": catalog.grantable,
            "assumed": {term: unless for term, unless in ASSUMED.items() if term in catalog.terms},
        }

    def networkx(self) -> networkx.DiGraph[str]:
        """Return the graph for networkx: a node a term (OR) and a node a rule (AND)."""
        import networkx as nx  # takes as long to import as a query takes to answer

        graph: networkx.DiGraph[str] = nx.DiGraph()
        for term in self.names:
            graph.add_node(term, kind="term")
        for rule in self.rules:
            node = f"rule:{rule.id}"
            graph.add_node(node, kind=rule.kind, because=rule.because)
            graph.add_edges_from((need, node) for need in rule.needs)
            graph.add_edge(node, rule.yields)
        return graph
