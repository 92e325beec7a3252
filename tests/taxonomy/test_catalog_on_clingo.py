"""The real catalog: random threat models answered by the resolver and by clingo alike."""

from __future__ import annotations

import random

import pytest
from test_resolver import ask_clingo, clingo_minimal_sets

from taxonomy.graph import Rule, goal
from taxonomy.terms import FRAMES, MODEL_TYPES, RECORDED


def _atoms(rules: list[Rule]) -> tuple[list[Rule], dict[str, str]]:
    names = sorted({t for r in rules for t in (*r.needs, r.yields)})
    atom = {name: f"x{i}" for i, name in enumerate(names)}
    return [Rule(r.id, r.kind, tuple(atom[n] for n in r.needs), atom[r.yields]) for r in rules], atom


@pytest.mark.parametrize("seed", range(12))
def test_feasibility_and_missing_sets(atlas, seed):
    choose = random.Random(seed)
    resolver, catalog = atlas.resolver, atlas.catalog
    model, frame = choose.choice(MODEL_TYPES), choose.choice(FRAMES)
    grantable = [n for n in catalog.grantable if catalog.terms[n].applies(model, frame)]
    granted = [model, frame, *choose.sample(grantable, choose.randint(0, min(5, len(grantable))))]
    # Half of these adversaries cannot ask by earlier answers.
    granted = [*granted, RECORDED] if choose.random() < 0.5 else resolver.given(granted)
    rules, atom = _atoms(resolver.graph.rules)
    closure = ask_clingo(rules, [atom[t] for t in granted if t in atom])
    assert {atom[t] for t in resolver.closure(granted) if t in atom} == closure
    for attack in choose.sample(sorted(catalog.attacks), min(8, len(catalog.attacks))):
        missing = resolver.missing(goal(attack), granted, grantable)
        back = {v: k for k, v in atom.items()}
        rest = [atom[t] for t in grantable if t in atom and t not in granted]
        expected = clingo_minimal_sets(rules, [atom[t] for t in granted if t in atom], atom[goal(attack)], rest)
        assert set(map(frozenset, missing.sets)) == {frozenset(back[a] for a in s) for s in expected}, attack
        assert not missing.truncated
