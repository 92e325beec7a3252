"""Generated catalogs: one query beside clingo on the same rules, and `mia feasible` with ten times the attacks. Prints ratios."""

from __future__ import annotations

import os
import random
import re
import resource
import statistics
import subprocess
import sys
import time

import clingo
import pytest

from taxonomy.catalog import installed_sources
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


@pytest.mark.benchmark
def test_a_catalog_of_ten_times_the_attacks(tmp_path):
    """All attacks of ours under new names, over and over, in a folder of one's own; the parsed catalog is kept."""
    texts = [path.read_text() for path in sorted((installed_sources()[0].folder / "attacks").glob("*.yaml"))]
    texts = [re.sub(r"^aliases:.*\n", "", text, flags=re.M) for text in texts]
    settings = {**os.environ, "MIA_CATALOG_CACHE": str(tmp_path / "cache")}
    sizes, times = (950, 9_500), []
    for count in sizes:
        folder = tmp_path / str(count) / "attacks"
        folder.mkdir(parents=True)
        for i in range(count):
            text = re.sub(r"^id: .*$", f"id: made-{i}", texts[i % len(texts)], flags=re.M)
            (folder / f"made-{i}.yaml").write_text(text)
        command = [sys.executable, "-m", "attacks.cli", "feasible", "--threat-model", "prediction-api-scores", "--json"]

        def seconds(*arguments: str, command: list[str] = command) -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*command, *arguments], env=settings, capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        read = seconds("--catalog", str(folder.parent))
        rounds = [(seconds(), seconds("--catalog", str(folder.parent))) for _ in range(3)]
        ours, more = (statistics.median(found) for found in zip(*rounds, strict=True))
        times.append(more - ours)
        print(
            f"\nmia feasible with {count:,} attacks more: {more:.2f} s of CPU time, {more / ours:.1f} times ours alone "
            f"({read:.1f} s when their files are new)"
        )
    print(f"ten times the attacks take {times[1] / times[0]:.1f} times as long")
    assert times[1] < 20 * times[0]
