"""The page of the matrix, and what a defense's page says of it: figures that were measured, and the privacy-utility picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from building import ROOT
from measured_defenses import cell, put

from taxonomy.figures import Average
from taxonomy.loading import load

TINY = ROOT / "tests" / "data" / "tiny"


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
    attack = site.catalog.attacks["yeom-2018-loss"]
    site.page("attacks/yeom-2018-loss.md", "attack.md.j2", **site.of_attack(attack))
    return folder / "docs"


def test_an_attack_says_what_defenses_leave_of_it(pages):
    text = (pages / "attacks" / "yeom-2018-loss.md").read_text(encoding="utf-8")
    rows = text[text.index("{ #defended }") : text.index("{ #derivation }")]
    for shown in ("tiny-dropout", "tiny-l2", "tiny-labels", "0.550", "0.650", "stopped"):
        assert shown in rows, shown


def test_the_page_shows_every_figure_that_was_measured(pages):
    text = (pages / "matrix.md").read_text(encoding="utf-8")
    tiny = text[text.index("{ #tiny }") :]
    for shown in ("0.850", "-0.050", "1.5 → 3.25", "1 of 2", "stopped", "holds the model", "stale"):
        assert shown in tiny, shown
    assert "epsilon 2.5." in (pages / "defenses" / "tiny-dropout.md").read_text(encoding="utf-8")
    masked = (pages / "defenses" / "tiny-labels.md").read_text(encoding="utf-8")
    assert "stopped" in masked and "0.600" in masked and "measured on" not in masked


def test_the_front_is_drawn(pages):
    text = (pages / "matrix.md").read_text(encoding="utf-8")
    (picture,) = [one for one in re.findall(r'<svg class="picture utility".*?</svg>', text, re.DOTALL) if "tiny-dropout" in one]
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
