"""What a reader meets first: the measured sentence with its picture, three doors, the index of attacks, results at a glance."""

from __future__ import annotations

import re

import home
import pytest
from by_target import ByTarget
from test_pages import Page, words

from taxonomy import evidence
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def test_the_first_page_says_what_was_measured(site):
    catalog = load()
    found = home.found(catalog, {home.ATTACK: evidence.find(catalog, home.ATTACK)}, {})
    assert found is not None and found.low < found.found < found.high
    text, written = words(site / "index.html"), (site / "index.html").read_text(encoding="utf-8")
    assert f"of {found.members} members {found.found} [{found.low} to {found.high}]" in text
    assert f"{found.accused} of {found.others} others are accused" in text
    assert written.count('<circle class="chosen"') == found.found + found.accused
    assert written.count("<circle class=") == found.members + found.others
    assert {"audit", "new", "look-up"} <= Page(site / "index.html").ids


def test_nothing_is_said_of_what_was_not_measured_or_is_old():
    catalog = load()
    measured = {home.ATTACK: evidence.find(catalog, home.ATTACK)}
    assert home.found(catalog, {}, {}) is None
    assert home.found(catalog, measured, {home.ATTACK: [home.TARGET]}) is None


def test_the_index_of_attacks_shows_the_largest_figure(site):
    written = (site / "attacks" / "index.html").read_text(encoding="utf-8")
    figures = [float(value) for value in re.findall(r'data-value="([\d.]+)"', written)]
    assert len(figures) > 30 and written.count('<svg class="bar"') == len(figures) and max(figures) <= 1


def test_results_at_a_glance_put_controls_last(site):
    catalog = load()
    by_target = ByTarget(catalog, {name: found for name in catalog.attacks if (found := evidence.find(catalog, name))})
    controls = [catalog.targets[name].control for name in by_target.targets()]
    assert controls == sorted(controls) and True in controls
    columns, rows = by_target.overview()
    assert "digits-mlp" in columns and not any(catalog.targets[name].control for name in columns)
    text = words(site / "results.html")
    for attack, found in rows:
        assert attack.title in text
        assert all(f"{one.auc.mean:.3f}" in text for one in found.values())


def test_orderings_are_counted_by_verdict(site):
    measured = evidence.find_orderings(load())
    text = words(site / "orderings.html")
    for verdict, told in (("holds", "hold"), ("does not hold", "do not hold"), ("undecided", "are undecided")):
        assert f"{sum(one.verdict == verdict for one in measured)} {told}" in text
