"""What the page of defenses shows: the matrix of every target, and its privacy-utility picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import picture
from markupsafe import Markup

from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import Cell, DefenseEvidence
from taxonomy.defense_matrix import Matrix, matrices, unmeasured
from taxonomy.entries import Defense, Effect


def shown(catalog: Catalog, found: Mapping[str, DefenseEvidence]) -> dict[str, Any]:
    """Return what the page's template takes."""
    every = matrices(found)
    pictures = {one.target: drawn(catalog, one) for one in every}
    return {"matrices": every, "drawn": pictures, "any_cell": any_cell, "missing": unmeasured(catalog, found), "found": found}


def drawn(catalog: Catalog, matrix: Matrix) -> str:
    """Return the privacy-utility picture of a target; none if no accuracy is known."""
    points = matrix.points()
    title = f"Accuracy and the strongest attack with each defense on {catalog.targets[matrix.target].title}"
    return Markup(picture.utility(points, title)) if points else ""


def any_cell(cells: Mapping[tuple[str, str], Cell], attack: str) -> Cell:
    """Return what was measured of an attack with one of the defenses: without it, all of them found the same."""
    return next(cell for (name, _), cell in cells.items() if name == attack)


def told(catalog: Catalog) -> list[tuple[Defense, Effect, bool]]:
    """Return what works say of defenses and attacks: the defense, what was shown, and whether it helps."""
    return [
        (defense, effect, helps)
        for _, defense in sorted(catalog.defenses.items())
        for helps, effects in ((True, defense.mitigates), (False, defense.fails_against))
        for effect in effects
        if effect.attack
    ]


def against(found: Mapping[str, DefenseEvidence], attack: str) -> list[tuple[str, str, Cell]]:
    """Return what was measured of an attack with each defense: the defense, the target, and the figures."""
    return [
        (name, one.target, cell)
        for name, evidence in sorted(found.items())
        for one in evidence.targets
        for cell in one.attacks
        if cell.attack == attack
    ]
