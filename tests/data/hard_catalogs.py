"""Catalogs whose questions are too much work to answer in full: what the resolver gives of them is cut short."""

from __future__ import annotations

import random

from taxonomy.catalog import Catalog
from taxonomy.entries import KINDS, Attack, Step
from taxonomy.terms import Term

ASPECTS = {"discriminative": "model-type", "stand-alone": "frame", "black-box": "observation", "white-box": "observation"}


def catalog_of(steps: dict[str, list[list[str]]], attacks: dict[str, list[str]], leaves: list[str]) -> Catalog:
    """Return a catalog of steps (artifact: the ways to make it, each the terms that it needs) and attacks (id: needs)."""
    found = Catalog(kinds={kind: {} for kind in KINDS})
    for name, aspect in [*ASPECTS.items(), *((leaf, "query") for leaf in leaves), *((name, "artifact") for name in steps)]:
        found.terms[name] = Term(id=name, title=name, aspect=aspect, definition=name)
    number = 0
    for name, ways in steps.items():
        for needs in ways:
            text = {"schema": 1, "id": f"step-{number}", "title": "A step", "summary": "A step.", "because": "It is so."}
            found.steps[text["id"]] = Step.model_validate({**text, "needs": needs, "yields": name})
            number += 1
    for name, needs in attacks.items():
        text = {"schema": 1, "id": name, "title": name, "summary": "An attack."}
        found.attacks[name] = Attack.model_validate({**text, "needs": ["discriminative", *needs]})
    return found


def wide(needs: int, ways: int) -> Catalog:
    """Return an attack with so many needs, each of which can be made in so many ways: ways ** needs minimal sets."""
    steps = {f"b{i}": [[f"a{i}-{j}"] for j in range(ways)] for i in range(needs)}
    return catalog_of(steps, {"wide": list(steps)}, [f"a{i}-{j}" for i in range(needs) for j in range(ways)])


def pairs(count: int) -> Catalog:
    """Return an attack that can be made from any of so many disjoint pairs: 2 ** count minimal cuts."""
    steps = {"b": [[f"a{i}", f"c{i}"] for i in range(count)]}
    return catalog_of(steps, {"pairs": ["b"]}, [name for i in range(count) for name in (f"a{i}", f"c{i}")])


def tangled(seed: int, layers: int = 3, width: int = 6, leaves: int = 24) -> Catalog:
    """Return attacks on layers of artifacts, each of which can be made in three or four ways, some of them in circles."""
    draw = random.Random(seed)
    names = [f"{'M1.' if i % 5 == 0 else ''}x{i}" for i in range(leaves)]
    below, steps = names, dict[str, list[list[str]]]()
    for layer in range(layers):
        made = [f"y{layer}-{i}" for i in range(width)]
        for name in made:
            ways = [draw.sample(below, draw.randint(1, 3)) for _ in range(draw.randint(3, 4))]
            steps[name] = [*ways, [draw.choice(made), draw.choice(names)]]
        below = made
    attacks = {f"attack-{i}": draw.sample(below, draw.randint(2, 4)) for i in range(4)}
    return catalog_of(steps, attacks, names)
