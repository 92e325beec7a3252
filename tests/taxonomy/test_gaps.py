"""Gaps: cells of observation and knowledge, against clingo on the real catalog."""

from __future__ import annotations

import pytest
from test_catalog_on_clingo import _atoms
from test_resolver import ask_clingo

from taxonomy import coverage
from taxonomy.graph import goal


def test_gaps(atlas):
    cells = coverage.gaps(atlas)
    assert len({(c.observation, c.model, c.frame, c.knowledge) for c in cells}) == len(cells)
    for cell in cells:
        assert set(cell.running) <= set(cell.feasible) >= set(cell.published)
        assert cell.observation == "black-box" or (cell.model != "aggregate" and "M" in cell.knowledge)
    scores = next(
        c
        for c in cells
        if (c.observation, c.model, c.frame, c.knowledge) == ("black-box", "discriminative", "stand-alone", ("M", "D", "Q"))
    )
    assert "carlini-2022-lira" in scores.published and "carlini-2022-lira" in scores.running


@pytest.mark.parametrize("number", range(0, 64, 9))
def test_cells_are_clingos(atlas, number):
    cell = coverage.gaps(atlas)[number]
    grants = coverage._everything(atlas, cell.observation, cell.model, cell.frame, cell.knowledge)
    rules, atom = _atoms(atlas.resolver.graph.rules)
    closure = ask_clingo(rules, [atom[t] for t in atlas.resolver.given(grants) if t in atom])
    assert set(cell.feasible) == {a for a in atlas.catalog.attacks if atom[goal(a)] in closure}
