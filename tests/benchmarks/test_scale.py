"""Generated catalogs: one query beside clingo on the same rules, and `mia feasible` with twice the attacks."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import clingo
import pytest
from records import Figure

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
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


@pytest.mark.benchmark
def test_one_query_beside_clingo(record):
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
        figures = {"the resolver": Figure(ours), "clingo": Figure(theirs)}
        record(
            f"questions/closure-{count}",
            f"what follows by {count:,} rules, by the resolver",
            "clingo",
            ours / theirs,
            None,
            figures,
        )


class Asked(NamedTuple):
    """CPU seconds of `mia feasible`: when the files of the catalog are new to it, and when it has kept them parsed."""

    new: float
    kept: float


def made(count: int, folder: Path) -> Path:
    """A catalog of `count` attacks: ours without their other names, over and over, under new ids."""
    texts = [path.read_text() for path in sorted((installed_sources()[0].folder / "attacks").glob("*.yaml"))]
    (folder / "attacks").mkdir(parents=True)
    for i in range(count):
        text = re.sub(r"^aliases:.*\n", "", texts[i % len(texts)], flags=re.M)
        (folder / "attacks" / f"made-{i}.yaml").write_text(re.sub(r"^id: .*$", f"id: made-{i}", text, flags=re.M))
    return folder


def ask(cache: Path, *arguments: object) -> Asked:
    """Ask with an empty cache, and again; other processes can only add to CPU time, so the least of three counts."""
    command = [sys.executable, "-m", "attacks.cli", "feasible", "--threat-model", "prediction-api-scores", "--json"]

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        settings = {**os.environ, "MIA_CATALOG_CACHE": str(cache)}
        subprocess.run([*command, *map(str, arguments)], env=settings, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    new = []
    for _ in range(2):
        shutil.rmtree(cache, ignore_errors=True)
        new.append(seconds())
    return Asked(min(new), min(seconds() for _ in range(3)))


@pytest.mark.slow
@pytest.mark.benchmark
def test_twice_the_attacks(record, tmp_path):
    """The time that made attacks take grows in proportion to their number; both sizes take seconds, so it is no noise."""
    sizes = (950, 4_750, 9_500)
    ours = ask(tmp_path / "cache")
    times = [ask(tmp_path / "cache", "--catalog", made(count, tmp_path / str(count))) for count in sizes]
    for count, took in zip(sizes, times, strict=True):
        figures = {"kept parsed": Figure(took.kept, goal=8 if count == sizes[-1] else None), "files new to it": Figure(took.new)}
        what = f"mia feasible with {count:,} attacks more"
        record(f"questions/feasible-{count}", what, "with ours alone", took.kept / ours.kept, None, figures)
    grown = Asked(*((twice - none) / (once - none) for none, once, twice in zip(ours, *times[1:], strict=True)))
    figures = {"files new to it": Figure(grown.new, "times", 3)}
    record("questions/feasible-twice", f"what {sizes[2]:,} attacks add", f"what {sizes[1]:,} add", grown.kept, 3, figures)
    # In proportion it is 2, with the square 4.
    assert max(grown) < 3
