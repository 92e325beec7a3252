"""The resolver against clingo on random rule sets, cyclic ones included, and against itself by brute force."""

from __future__ import annotations

import itertools
import random

import clingo
import pytest
from hard_catalogs import tangled, wide
from hypothesis import given, settings
from hypothesis import strategies as st

from taxonomy import minimal_sets
from taxonomy.answers import Atlas
from taxonomy.graph import Graph, Price, Rule
from taxonomy.resolver import Missing, Resolver

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_long_chains_need_no_recursion():
    chain = [Rule(f"r{i}", "step", (f"t{i}",), f"t{i + 1}") for i in range(5000)]
    derivation = Resolver(Graph(chain)).derivation(["t5000"], ["t0"])
    assert derivation is not None and len(derivation.rules) == 5000
    assert not derivation.cheapest, "a search that was cut short must say so"


def minimal(resolver: Resolver, goal: str, granted: list[str], terms: tuple[str, ...]) -> bool:
    """Whether a set makes the goal derivable, and no part of it does."""
    return goal in resolver.closure([*granted, *terms]) and all(
        goal not in resolver.closure([*granted, *terms[:i], *terms[i + 1 :]]) for i in range(len(terms))
    )


@settings(max_examples=100, deadline=None)
@given(rules, grants, st.lists(st.sampled_from(TERMS), max_size=6, unique=True), st.sampled_from([1, 4, 10, 30, 100]))
def test_sets_under_any_budget_are_minimal_and_if_it_suffices_all(graph_rules, granted, grantable, work):
    """With however little work: every set that is given is one of clingo's, and all are given unless that is said."""
    resolver = Resolver(Graph(graph_rules, TERMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minimal_sets, "WORK", work)
        patch.setattr(minimal_sets, "FEW", 2)
        missing = resolver.missing("t0", granted, grantable)
    expected = clingo_minimal_sets(graph_rules, granted, "t0", [t for t in grantable if t not in granted])
    assert set(map(frozenset, missing.sets)) <= expected
    assert missing.truncated or set(map(frozenset, missing.sets)) == expected
    assert len(set(missing.sets)) == len(missing.sets)


@pytest.mark.parametrize(("needs", "ways"), [(12, 3), (14, 2), (40, 10)])
def test_more_sets_than_can_be_listed_are_cut_short(needs, ways):
    """12 needs of 3 ways each have half a million minimal sets. Some are given, and it is said that there are more."""
    atlas = Atlas(wide(needs, ways))
    missing = atlas.resolver.missing("attack:wide", ["discriminative"], atlas.catalog.grantable)
    assert missing.truncated and missing.sets
    assert all(
        len(terms) == needs and minimal(atlas.resolver, "attack:wide", ["discriminative"], terms) for terms in missing.sets
    )


def test_what_fits_the_budget_is_complete():
    atlas = Atlas(wide(6, 3))
    missing = atlas.resolver.missing("attack:wide", ["discriminative"], atlas.catalog.grantable)
    assert len(missing.sets) == 3**6 and not missing.truncated


@pytest.mark.parametrize("seed", range(6))
def test_tangled_catalogs_are_cut_short_and_what_is_given_is_minimal(seed):
    atlas = Atlas(tangled(seed))
    cut_short = 0
    for name in atlas.catalog.attacks:
        missing = atlas.resolver.missing(f"attack:{name}", ["discriminative"], atlas.catalog.grantable)
        assert missing.sets
        assert all(minimal(atlas.resolver, f"attack:{name}", ["discriminative"], terms) for terms in missing.sets)
        cut_short += missing.truncated
    assert cut_short, "these are meant to be too much work"


def test_a_goal_that_nothing_unlocks_is_not_cut_short(monkeypatch):
    monkeypatch.setattr(minimal_sets, "WORK", 10)
    rules = [Rule(f"r{i}", "step", ("nobody-has-it", f"a{i}"), "g") for i in range(20)]
    assert Resolver(Graph(rules)).missing("g", [], [f"a{i}" for i in range(20)]) == Missing((), False)


def test_a_proof_in_a_maze_of_prices_is_found_within_its_work(monkeypatch):
    """Which shared steps cover all needs is the set cover problem: the search ends, and does not call its proof the cheapest."""
    draw = random.Random(1)
    needs = [Rule(f"r{i}-{s}", "step", (f"s{s}",), f"b{i}") for i in range(60) for s in draw.sample(range(40), 4)]
    steps = [Rule(f"s{s}", "step", ("a",), f"s{s}", "", Price(1)) for s in range(40)]
    goal = Rule("g", "attack", tuple(f"b{i}" for i in range(60)), "g")
    resolver = Resolver(Graph([*needs, *steps, goal]))
    derivation = resolver.derivation(["g"], ["a"])
    assert derivation is not None and not derivation.cheapest
    known = {"a"}
    for rule in derivation.rules:
        assert set(rule.needs) <= known
        known.add(rule.yields)
    monkeypatch.setattr("taxonomy.proofs.PROOF_WORK", 0)
    first = resolver.derivation(["g"], ["a"])
    assert first is not None and not first.cheapest and first.price.models >= derivation.price.models
