"""The page of the matrix, and what a defense's page says of it: figures that were measured, and the privacy-utility picture."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from building import ROOT

from taxonomy.figures import Average
from taxonomy.loading import load

TINY = ROOT / "tests" / "data" / "tiny"


ENTRY = """\
schema: 1
id: {id}
title: {id}
summary: For tests.
category: generalization
standing: later
mechanism: What it does.
changes: training
utility_cost: Not known.
run: attacks.defenses.regularised:dropout
params: {{inputs: 0.5, hidden: 0.5}}
"""


def mean(value: float) -> dict[str, object]:
    return {"mean": value, "ci": [value - 0.05, value + 0.05]}


def leak(auc: float, change: float | None = None) -> dict[str, object]:
    found = {"auc": mean(auc), "tpr_at_fpr": {"0.01": mean(0.1), "0.001": None}}
    return found if change is None else {**found, "auc_change": mean(change), "tpr_change": {"0.01": mean(0.0), "0.001": None}}


def cell(attack: str, undefended: float, adaptive: float | None, *, inside: bool = False) -> dict[str, object]:
    found = {"attack": attack, "inside": inside, "fingerprint": "f", "undefended": leak(undefended)}
    found["seeds"] = [{"seed": 0, "undefended": undefended}]
    if adaptive is not None:
        both = {name: leak(adaptive, adaptive - undefended) for name in ("naive", "adaptive")}
        found |= {**both, "knowing": mean(0.0)}
    return found


def put(folder: Path, defense: str, accuracy: float, cells: list[dict[str, object]]) -> None:
    """Write a defense, and what would have been measured of it on the tiny target."""
    (folder / "defenses").mkdir(parents=True, exist_ok=True)
    (folder / "defenses" / f"{defense}.yaml").write_text(ENTRY.format(id=defense))
    share = {"undefended": mean(0.9), "defended": mean(accuracy), "change": mean(accuracy - 0.9)}
    one = {"target": "tiny", "test_accuracy": share, "facts": {"epsilon": [2.5]}, "attacks": cells}
    one["training_seconds"] = {"undefended": 1.5, "defended": 3.25}
    found = {"schema": 1, "defense": defense, "params": {}, "versions": {}, "commit": None, "targets": [one]}
    (folder / "evidence" / "defenses").mkdir(parents=True, exist_ok=True)
    (folder / "evidence" / "defenses" / f"{defense}.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    import matrix
    import render

    folder = tmp_path_factory.mktemp("matrix")
    put(folder / "own", "tiny-dropout", 0.85, [cell("yeom-2018-loss", 0.7, 0.55), cell("nasr-2018", 0.8, 0.75, inside=True)])
    put(folder / "own", "tiny-l2", 0.8, [cell("yeom-2018-loss", 0.7, 0.65)])
    put(folder / "own", "tiny-labels", 0.9, [cell("yeom-2018-loss", 0.7, None), cell("yeom-2018-gap", 0.6, 0.6)])
    site = render.Site(load([TINY, folder / "own"]), folder / "docs")
    site.page("matrix.md", "matrix.md.j2", **matrix.shown(site.catalog, site.defended))
    for name in ("tiny-dropout", "tiny-labels"):
        entry = site.catalog.defenses[name]
        site.page(f"defenses/{name}.md", "defense.md.j2", entry=entry, **site.around("defenses", name))
    return folder / "docs"


def test_the_page_shows_every_figure_that_was_measured(pages):
    text = (pages / "matrix.md").read_text(encoding="utf-8")
    tiny = text[text.index("{ #tiny }") :]
    for shown in ("0.850", "-0.050", "1.5 → 3.25", "1 of 2", "stopped", "holds the model", "stale"):
        assert shown in tiny, shown
    assert "epsilon 2.500" in (pages / "defenses" / "tiny-dropout.md").read_text(encoding="utf-8")
    masked = (pages / "defenses" / "tiny-labels.md").read_text(encoding="utf-8")
    assert "stopped" in masked and "0.600" in masked and "measured on" not in masked


def test_the_front_is_drawn(pages):
    text = (pages / "matrix.md").read_text(encoding="utf-8")
    picture = text[text.index('<svg class="picture utility"') : text.index("</svg>")]
    assert picture.count("<circle") == 4 and picture.count('class="chosen"') == 2
    for shown in ("tiny-dropout*", "tiny-labels*", "tiny-l2<", "no defense<"):
        assert shown in picture, shown


def test_points_lie_inside_the_picture():
    import picture

    from taxonomy.defense_matrix import Point

    points = [Point("a", Average(mean=1.0, ci=(0.97, 1.0)), Average(mean=0.5, ci=(0.45, 0.55)), front=True)]
    drawn = picture.utility(points, "One")
    across, down = map(float, re.search(r'cx="([\d.]+)" cy="([\d.]+)"', drawn).groups())
    assert across == 56 + 420 and 12 < down < 312
