"""Generated catalogs of 1,000 to 100,000 rules: one feasibility query beside clingo on the same rules. Prints ratios."""

from __future__ import annotations

import random
import statistics
import time

import clingo
import pytest

from taxonomy.graph import Graph, Rule
from taxonomy.resolver import Resolver


def generated(count: int) -> tuple[Graph, list[str], str]:
    """Rules over count * 0.3 terms, each needing one to three terms that mostly come before what it yields."""
    choose = random.Random(count)
    terms = [f"t{i}" for i in range(int(count * 0.3))]
    rules = []
    for i in range(count):
        head = choose.randrange(1, len(terms))
        needs = tuple({terms[choose.randrange(max(1, head))] for _ in range(choose.randint(1, 3))})
        if choose.random() < 0.05:
            needs = (*needs, terms[choose.randrange(len(terms))])
        rules.append(Rule(f"r{i}", "step", needs, terms[head]))
    return Graph(rules, terms), terms[:20], terms[-1]


def clock(call) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@pytest.mark.benchmark
def test_one_query_beside_clingo():
    before = None
    for count in (1_000, 10_000, 100_000):
        graph, granted, _ = generated(count)
        resolver = Resolver(graph)
        program = "\n".join([f"{t}." for t in granted] + [f"{r.yields} :- {', '.join(r.needs)}." for r in graph.rules])
        found: set[str] = set()

        def ask(program: str = program, found: set[str] = found) -> None:
            control = clingo.Control(["--warn=none"])
            control.add("base", [], program)
            control.ground([("base", [])])
            control.solve(on_model=lambda m: found.update(str(a) for a in m.symbols(atoms=True)))

        theirs = clock(ask)
        ours = clock(lambda resolver=resolver, granted=granted: resolver.closure(granted))
        assert resolver.closure(granted) == found
        grown = f", {ours / before:.1f} times the size before" if before else ""
        print(f"\n{count:>7,} rules: {len(found):,} terms follow; resolver/clingo = {ours / theirs:.3f}{grown}")
        before = ours
