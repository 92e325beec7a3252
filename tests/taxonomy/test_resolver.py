"""The resolver against clingo on random rule sets, cyclic ones included, and against itself by brute force."""

from __future__ import annotations

import itertools

import clingo
from hypothesis import given, settings
from hypothesis import strategies as st

from taxonomy.graph import Graph, Price, Rule
from taxonomy.resolver import Resolver

TERMS = [f"t{i}" for i in range(9)]

rules = st.lists(
    st.builds(
        lambda number, needs, yields, models, queries: Rule(
            f"r{number}", "step", tuple(needs), yields, "", Price(models, queries)
        ),
        st.integers(0, 10**6),
        st.lists(st.sampled_from(TERMS), min_size=1, max_size=3, unique=True),
        st.sampled_from(TERMS),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=14,
    unique_by=lambda rule: rule.id,
)
grants = st.lists(st.sampled_from(TERMS), max_size=3, unique=True)


def ask_clingo(graph_rules: list[Rule], granted: list[str]) -> set[str]:
    program = [f"{term}." for term in granted] + [f"{r.yields} :- {', '.join(r.needs)}." for r in graph_rules]
    control = clingo.Control(["--warn=none"])
    control.add("base", [], "\n".join(program))
    control.ground([("base", [])])
    found: set[str] = set()
    control.solve(on_model=lambda model: found.update(str(atom) for atom in model.symbols(atoms=True)))
    return found


def clingo_minimal_sets(graph_rules: list[Rule], granted: list[str], goal: str, grantable: list[str]) -> set[frozenset[str]]:
    """Every inclusion-minimal set by enumerating subset-minimal answer sets (domRec with 'false, show')."""
    program = [f"holds({t})." for t in granted]
    program += [f"{{ grant({t}) }}. holds({t}) :- grant({t})." for t in grantable]
    program += [f"holds({r.yields}) :- {', '.join(f'holds({n})' for n in r.needs)}." for r in graph_rules]
    program += [f":- not holds({goal}).", "#show grant/1."]
    control = clingo.Control(["0", "--heuristic=Domain", "--enum-mode=domRec", "--dom-mod=5,show", "--warn=none"])
    control.add("base", [], "\n".join(program))
    control.ground([("base", [])])
    found: set[frozenset[str]] = set()
    control.solve(on_model=lambda m: found.add(frozenset(str(a.arguments[0]) for a in m.symbols(shown=True))))
    return found


@settings(max_examples=150, deadline=None)
@given(rules, grants)
def test_closure_is_clingos(graph_rules, granted):
    assert Resolver(Graph(graph_rules, TERMS)).closure(granted) == ask_clingo(graph_rules, granted)


@settings(max_examples=150, deadline=None)
@given(rules, grants, st.lists(st.sampled_from(TERMS), max_size=6, unique=True))
def test_missing_sets_are_clingos(graph_rules, granted, grantable):
    missing = Resolver(Graph(graph_rules, TERMS)).missing("t0", granted, grantable)
    assert not missing.truncated
    grantable = [t for t in grantable if t not in granted]
    assert set(map(frozenset, missing.sets)) == clingo_minimal_sets(graph_rules, granted, "t0", grantable)
    assert list(missing.sets) == sorted(missing.sets, key=lambda s: (len(s), s))


@settings(max_examples=200, deadline=None)
@given(rules, grants, st.lists(st.sampled_from(TERMS), min_size=1, max_size=2, unique=True))
def test_derivation_is_valid_and_cheapest(graph_rules, granted, goals):
    resolver = Resolver(Graph(graph_rules, TERMS))
    derivation = resolver.derivation(goals, granted)
    if not set(goals) <= ask_clingo(graph_rules, granted):
        assert derivation is None
        return
    assert derivation is not None
    known = set(granted)
    for rule in derivation.rules:
        assert set(rule.needs) <= known, "a rule stands before what it needs"
        known.add(rule.yields)
    assert set(goals) <= known
    assert len({r.id for r in derivation.rules}) == len(derivation.rules), "a rule stands twice"
    assert derivation.cheapest
    assert cost(derivation.rules) == brute_force(graph_rules, granted, goals)


def cost(chosen) -> tuple[int, int, int]:
    return sum(r.price.models for r in chosen), sum(r.price.queries for r in chosen), len(chosen)


def brute_force(graph_rules, granted, goals) -> tuple[int, int, int]:
    """The cheapest cost over all sets of rules that prove the goals."""
    options: dict[str, list[Rule | None]] = {}
    for term in TERMS:
        options[term] = [None, *(r for r in graph_rules if r.yields == term)] if term not in granted else [None]
    best = None
    for choice in itertools.product(*options.values()):
        chosen = [rule for rule in choice if rule is not None]
        if (best is None or cost(chosen) < best) and set(goals) <= Resolver(Graph(chosen, TERMS)).closure(granted):
            best = cost(chosen)
    assert best is not None
    return best


def test_shared_steps_count_once():
    shared = Rule("shared", "step", ("a",), "s", "", Price(models=10))
    own = [Rule(f"own{i}", "step", ("a",), f"p{i}", "", Price(models=6)) for i in range(2)]
    ways = [Rule(f"by-{n}{i}", "step", (n if n == "s" else f"p{i}",), f"q{i}") for i in range(2) for n in ("s", "p")]
    goal = Rule("goal", "attack", ("q0", "q1"), "g")
    derivation = Resolver(Graph([shared, *own, *ways, goal])).derivation(["g"], ["a"])
    assert derivation is not None and derivation.cheapest
    assert derivation.price.models == 10, "summing over sub-goals would have counted the shared step twice"


def test_long_chains_need_no_recursion():
    chain = [Rule(f"r{i}", "step", (f"t{i}",), f"t{i + 1}") for i in range(5000)]
    derivation = Resolver(Graph(chain)).derivation(["t5000"], ["t0"])
    assert derivation is not None and len(derivation.rules) == 5000
    assert not derivation.cheapest, "a search that was cut short must say so"


def test_capped_sets_are_minimal_and_said_to_be_cut(monkeypatch):
    monkeypatch.setattr("taxonomy.resolver.MAX_SETS", 4)
    pairs = [Rule(f"r{i}{j}", "step", (f"a{i}{j}",), f"b{i}") for i in range(3) for j in range(3)]
    goal = Rule("g", "attack", ("b0", "b1", "b2"), "g")
    resolver = Resolver(Graph([*pairs, goal]))
    missing = resolver.missing("g", [], [f"a{i}{j}" for i in range(3) for j in range(3)])
    assert missing.truncated and missing.sets
    for terms in missing.sets:
        assert "g" in resolver.closure(terms)
        assert all("g" not in resolver.closure(set(terms) - {t}) for t in terms)
