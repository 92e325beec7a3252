"""What is feasible within limits, said by clingo: every proof at once, its sums as constraints, and what is at home as rules."""

from __future__ import annotations

from dataclasses import replace

import clingo

from taxonomy.answers import Atlas
from taxonomy.entries import Attack
from taxonomy.graph import Rule, goal, price, wanted
from taxonomy.threat import ThreatModel

LIMITS = ("models", "queries", "rows")
PUBLISHED = {"Q.samples", "Q.aggregates"}


def amounts(atlas: Atlas, attack: Attack, rule: Rule, least: bool) -> dict[str, int]:
    """Return what a rule takes, where nothing is at home: in the amounts that the attack wants, or in the least."""
    entry = attack if rule.id == attack.id else atlas.catalog.steps.get(rule.id)
    if entry is None:
        return {"models": 0, "queries": 0}
    params = dict(entry.params) if entry is attack else wanted(attack, entry, entry.params)
    for name, smallest in attack.least.items() if least else ():
        artifact = entry is not attack and (entry.yields == name or entry.yields.startswith(name + "."))
        if artifact or name == entry.id:
            params |= {key: min(params[key], value) for key, value in smallest.items() if key in params}
    cost = price(entry.cost, params)
    return {"models": cost.models, "queries": cost.queries + cost.queries_per_record, "fixed": cost.queries}


class Program:
    """The program of one attack under one threat model; `grantable` are terms that may be granted besides."""

    def __init__(self, atlas: Atlas, attack: Attack, threat: ThreatModel, grantable: tuple[str, ...] = (), least: bool = True):
        graph, threat = atlas.resolver.graph, atlas.stated(threat)
        cone = graph.cone([graph.index[goal(attack.id)]])
        self.terms = sorted(graph.names[term] for term in cone)
        self.atom = {name: f"t{i}" for i, name in enumerate(self.terms)}
        query = {name for name in self.terms if name in atlas.catalog.terms and atlas.catalog.terms[name].aspect == "query"}
        stated = [name for name in atlas.resolver.given(threat.grants) if name in self.atom]
        self.grantable = [name for name in grantable if name in self.atom and name not in stated]
        lines = [f"holds({self.atom[name]})." for name in stated]
        lines += [f"home({self.atom[name]})." for name in stated if name not in query]
        for name in self.grantable:
            lines.append(f"{{ grant({self.atom[name]}) }}. holds({self.atom[name]}) :- grant({self.atom[name]}).")
            if name not in query:
                lines.append(f"home({self.atom[name]}) :- grant({self.atom[name]}).")
        for number in sorted(number for term in cone for number in graph.yielded_by[term]):
            rule = graph.rules[number]
            needs = [self.atom[need] for need in rule.needs]
            lines.append(f"{{ use({number}) }} :- {', '.join(f'holds({need})' for need in needs)}.")
            lines.append(f"holds({self.atom[rule.yields]}) :- use({number}).")
            lines.append(f"home({self.atom[rule.yields]}) :- {', '.join(f'home({need})' for need in needs)}.")
            taken = amounts(atlas, attack, rule, least)
            lines.append(f"takes(models, {taken['models']}, {number}) :- use({number}).")
            asked = [need for need in rule.needs if need in query]
            if not taken["queries"]:
                continue
            away = [f"not home({self.atom[need]})" for need in asked] or ["#true"]
            rows = threat.limits.rows is not None and bool(PUBLISHED.intersection(asked))
            for condition in away:
                calls = taken["queries"] - taken["fixed"] if rows else taken["queries"]
                lines.append(f"takes(queries, {calls}, {number}) :- use({number}), {condition}.")
                if rows:
                    lines.append(f"takes(rows, {taken['fixed']}, {number}) :- use({number}), {condition}.")
        lines.append(f":- not holds({self.atom[goal(attack.id)]}).")
        self.lines = lines
        self.limits = {name: getattr(threat.limits, name) for name in LIMITS}

    def _solved(self, *more: str, flags: tuple[str, ...] = ()) -> list[tuple[list[str], list[int]]]:
        lines = [*self.lines, *more]
        for name, limit in self.limits.items():
            if limit is not None:
                lines.append(f":- #sum {{ N,R : takes({name},N,R) }} > {limit}.")
        control = clingo.Control([*flags, "--warn=none"])
        control.add("base", [], "\n".join(lines))
        control.ground([("base", [])])
        found: list[tuple[list[str], list[int]]] = []
        control.solve(on_model=lambda m: found.append(([str(a.arguments[0]) for a in m.symbols(shown=True)], list(m.cost))))
        return found

    def feasible(self) -> bool:
        """Whether any proof stays within the limits."""
        return bool(self._solved("#show grant/1."))

    def least(self, name: str) -> int | None:
        """Return the least of one limit that would do, the others as they are; None if none would."""
        self.limits = {**self.limits, name: None}
        found = self._solved("#show grant/1.", f":~ takes({name},N,R). [N@1,R]")
        return found[-1][1][0] if found else None

    def minimal_sets(self) -> set[frozenset[str]]:
        """Return every inclusion-minimal set of grantable terms with which some proof stays within the limits."""
        flags = ("0", "--heuristic=Domain", "--enum-mode=domRec", "--dom-mod=5,show")
        back = {atom: name for name, atom in self.atom.items()}
        return {frozenset(back[atom] for atom in atoms) for atoms, _ in self._solved("#show grant/1.", flags=flags)}


def feasible(atlas: Atlas, attack: Attack, threat: ThreatModel) -> bool:
    """Whether an attack is feasible within the limits of a threat model."""
    terms = atlas.catalog.terms
    if any(terms[n].aspect in ("model-type", "frame") and n not in threat.grants for n in attack.needs):
        return False
    return Program(atlas, attack, threat).feasible()


def without(threat: ThreatModel, *names: str) -> ThreatModel:
    """Return a threat model without some of its grants."""
    return replace(threat, knows=threat.knows - set(names))
