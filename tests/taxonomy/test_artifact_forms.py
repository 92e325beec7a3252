"""What `mia check` tells from the annotation of a step of one's own: whether the store can hold what it returns."""

from __future__ import annotations

from taxonomy.artifact_forms import check
from taxonomy.loading import load
from taxonomy.source import packages_in

CODE = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Tree:
    left: Tree | None
    leaf: Leaf

@dataclass
class Leaf:
    tree: Tree
    odd: Odd
    open: set

class Odd: ...

def step(records) -> Tree: ...
"""
ENTRY = """\
schema: 1
id: mine
title: Mine
summary: Mine.
needs: [discriminative, surrogate]
yields: shadow-data
because: It is mine.
run: mine:step
"""


def test_types_that_hold_each_other_are_told_of_once_and_by_name(tmp_path):
    (tmp_path / "catalog" / "steps").mkdir(parents=True)
    (tmp_path / "catalog" / "steps" / "mine.yaml").write_text(ENTRY)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(CODE)
    found = [f.message for f in check(load([tmp_path / "catalog"]), packages_in(tmp_path / "code"))]
    assert found == [
        "mine:step returns Tree: Leaf: Odd: it is no dataclass",
        "mine:step returns Tree: Leaf: its field open is a set",
    ]
