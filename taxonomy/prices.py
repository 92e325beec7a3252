"""What rules cost one attack under one threat model: in the amounts that it wants, and in the least that its method allows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Cost, Params, Step
from taxonomy.graph import Price, Rule, closed, price, wanted
from taxonomy.proofs import Ceiling, used
from taxonomy.resolver import Derivation

# What was published once and for everyone: where its rows are limited, they are a price of their own and no calls.
PUBLISHED = ("Q.samples", "Q.aggregates")


@dataclass(frozen=True)
class Where:
    """Where queries go: to terms that are `home` they are free; with `rows`, what was published is a file of so many rows."""

    home: frozenset[str] = frozenset()
    rows: bool = False


@dataclass(frozen=True)
class Amount:
    """A parameter of a rule that says how much the rule takes: what is wanted, the least that will do, the price of one more."""

    rule: str
    parameter: str
    wanted: int
    least: int
    one_more: Price


@dataclass(frozen=True)
class Reduced:
    """An amount that was made smaller, so that a proof stays within the limits."""

    rule: str
    parameter: str
    wanted: int
    used: int

    def as_json(self) -> dict[str, str | int]:
        """Return the change as plain data."""
        return {"rule": self.rule, "parameter": self.parameter, "wanted": self.wanted, "used": self.used}


class Prices:
    """Prices of rules for one attack. `params` are the parameters of an entry as the attack wants them; `kept` never shrink."""

    def __init__(
        self,
        catalog: Catalog,
        attack: Attack,
        where: Where,
        params: Callable[[Attack | Step], Params] | None = None,
        kept: Collection[tuple[str, str]] = (),
    ):
        self.catalog, self.attack, self.where, self.kept = catalog, attack, where, kept
        self.params = params or self._own
        # Where an attack wants nothing else than a step's own amounts, the price that the rule carries is its price.
        self.usual = params is None and not attack.uses
        self._full: dict[str, Price] = {}
        self._least: dict[str, Price] = {}

    def _own(self, entry: Attack | Step) -> Params:
        return wanted(self.attack, entry, entry.params) if isinstance(entry, Step) else entry.params

    def entry(self, rule: Rule) -> Attack | Step | None:
        """Return the entry of a rule whose price is this attack's: a step's, or the attack's own."""
        return self.attack if rule.id == self.attack.id else self.catalog.steps.get(rule.id)

    def full(self, rule: Rule) -> Price:
        """Return what a rule costs in the amounts that the attack wants."""
        if rule.id not in self._full:
            entry = None if self.usual else self.entry(rule)
            cost = price(entry.cost, self.params(entry)) if entry else rule.price
            self._full[rule.id] = self._paid(rule, cost)
        return self._full[rule.id]

    def least(self, rule: Rule) -> Price:
        """Return what a rule costs in the least amounts that will do."""
        if rule.id not in self._least:
            self._least[rule.id] = self.at(rule, {amount.parameter: amount.least for amount in self.amounts(rule)})
        return self._least[rule.id]

    def at(self, rule: Rule, amounts: Params) -> Price:
        """Return what a rule costs with some of its parameters changed."""
        entry = self.entry(rule)
        if not amounts or entry is None:
            return self.full(rule)
        return self._paid(rule, price(entry.cost, {**self.params(entry), **amounts}))

    def _paid(self, rule: Rule, cost: Price) -> Price:
        """Return a price with its queries where they belong: at home, rows of what was published, or calls to a service."""
        if closed(self.attack, self.entry(rule)):
            cost = replace(cost, closed=1)
        if not cost.queries and not cost.queries_per_record:
            return cost
        asked = [need for need in rule.needs if self.catalog.terms[need].aspect == "query"]
        if asked and self.where.home.issuperset(asked):
            home, each = cost.queries, cost.queries_per_record
            return replace(cost, queries=0, queries_per_record=0, home=home, home_per_record=each)
        if self.where.rows and any(term in PUBLISHED for term in asked):
            return replace(cost, queries=0, rows=cost.queries)
        return cost

    def amounts(self, rule: Rule) -> list[Amount]:
        """Return the parameters of a rule that may shrink, since the attack's entry says how far."""
        entry = self.entry(rule)
        if entry is None or not self.attack.least:
            return []
        params, found = self.params(entry), list[Amount]()
        for parameter, least in sorted(self._stated(entry).items()):
            many = params.get(parameter)
            if not isinstance(many, int) or many <= least or (entry.id, parameter) in self.kept:
                continue
            if parameter not in set(_parameters(entry.cost)):
                continue
            more, less = self.at(rule, {parameter: least + 1}), self.at(rule, {parameter: least})
            one = Price(
                more.models - less.models,
                more.queries - less.queries,
                more.queries_per_record - less.queries_per_record,
                more.rows - less.rows,
            )
            found.append(Amount(rule.id, parameter, many, least, one))
        return found

    def too_few(self, rule: Rule) -> list[Amount]:
        """Return the parameters of a rule that were set below the least with which the attack is the paper's."""
        entry = self.entry(rule)
        if entry is None:
            return []
        stated, params = self._stated(entry), self.params(entry)
        return [
            Amount(rule.id, parameter, many, least, Price())
            for parameter, least in sorted(stated.items())
            if (entry.id, parameter) in self.kept and isinstance(many := params.get(parameter), int) and many < least
        ]

    def _stated(self, entry: Attack | Step) -> dict[str, int]:
        """Return the least amounts that the attack's entry states of an entry's parameters."""
        if isinstance(entry, Attack):
            return self.attack.least.get(entry.id, {})
        stated: dict[str, int] = {}
        for name, amounts in self.attack.least.items():
            if entry.yields == name or entry.yields.startswith(name + "."):
                stated |= amounts
        return stated

    def enlarged(self, proof: Derivation, ceiling: Ceiling) -> tuple[Derivation, tuple[Reduced, ...]]:
        """Return a proof in the least amounts with amounts as large as the limits allow, and which of them are reduced."""
        taken, total, reduced = used(proof.price), proof.price, list[Reduced]()
        for amount in sorted((a for rule in proof.rules for a in self.amounts(rule)), key=lambda a: (a.rule, a.parameter)):
            more = amount.wanted - amount.least
            for limit, have, one in zip(ceiling, taken, used(amount.one_more), strict=True):
                if limit is not None and one > 0:
                    more = min(more, (limit - have) // one)
            rule = next(rule for rule in proof.rules if rule.id == amount.rule)
            before, after = (self.at(rule, {amount.parameter: amount.least + n}) for n in (0, more))
            total = _changed(total, before, after)
            taken = used(total)
            if amount.least + more < amount.wanted:
                reduced.append(Reduced(amount.rule, amount.parameter, amount.wanted, amount.least + more))
        return replace(proof, price=total, cheapest=False), tuple(reduced)


def _changed(total: Price, before: Price, after: Price) -> Price:
    """Return a total in which one part has another price."""
    parts = zip(vars(total).values(), vars(before).values(), vars(after).values(), strict=True)
    return Price(*(whole - old + new for whole, old, new in parts))


def _parameters(cost: Cost | None) -> Iterable[str]:
    """Yield the parameters that a price names."""
    if cost:
        yield from (value for value in (cost.models, cost.queries, cost.queries_per_record) if isinstance(value, str))
