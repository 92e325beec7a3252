"""The page of what attacks cost: the figures of evidence, and a picture with a number for every attack on the front."""

from __future__ import annotations

import itertools
import re

import pytest
from test_pages import Page, words

from taxonomy.current import measured
from taxonomy.figures import Average
from taxonomy.frontier import Priced, frontiers
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def test_every_target_with_two_attacks_has_its_front(site):
    catalog = load()
    found = {target: attacks for target, attacks in frontiers(catalog, *measured(catalog)).items() if len(attacks) > 1}
    page, text = Page(site / "frontier.html"), words(site / "frontier.html")
    assert found and [target for target in found if target not in page.ids] == []
    for attacks in found.values():
        assert sum(p.front for p in attacks) > 0
        for p in attacks:
            assert f"{p.auc.mean:.3f}" in text and f"attacks/{p.attack}.html" in page.links


def test_numbers_on_the_front_stand_apart():
    import picture

    points = [
        Priced(name, "answers", 0, 1.0, Average(mean=0.6 - 0.001 * i, ci=(0.5, 0.7)), None, front=True)
        for i, name in enumerate("abc")
    ]
    drawn = picture.price(points, "Three")
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="[\d.]+">\d</text>', drawn)]
    assert len(places) == 3 and min(b - a for a, b in itertools.pairwise(places)) >= 12
