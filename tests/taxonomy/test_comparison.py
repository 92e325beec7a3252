"""Comparisons of two attacks, also where the search for what they need was cut short."""

from __future__ import annotations

import io

from hard_catalogs import wide
from rich.console import Console

from attacks.cli import question_tables
from taxonomy import comparison
from taxonomy.answers import Atlas
from taxonomy.entries import Attack


def test_compare(atlas):
    attacks = atlas.catalog.attacks
    found = comparison.compare(atlas, attacks["carlini-2022-lira"], attacks["shokri-2017"])
    assert found.only_first == ("shadow-models.comparable",) and found.only_second == ("shadow-models",)
    assert not found.first_needs_no_more and found.second_needs_no_more
    figures = comparison.compare(atlas, attacks["sablayrolles-2019-mast"], attacks["watson-2022"])
    assert figures.figures and figures.dominates is None, "MAST is better at low FPR and worse in balanced accuracy"
    assert found.orderings == ("ordering-lira-over-shokri", "ordering-lira-over-shokri-low-fpr")
    best = comparison.compare(atlas, attacks["carlini-2022-lira"], attacks["sablayrolles-2019-mast"])
    assert best.dominates == "first"


def test_what_a_search_that_was_cut_short_says_of_two_attacks():
    """An attack with other needs is refuted by any environment; that none refutes it is proved by all of them alone."""
    catalog = wide(12, 3)
    entry = {"schema": 1, "title": "Another", "summary": "Another."}
    attacks = {"less": ["discriminative", "b0"], "other": ["discriminative", "b0", "x"]}
    catalog.terms["x"] = catalog.terms["a0-0"].model_copy(update={"id": "x"})
    for name, needs in attacks.items():
        catalog.attacks[name] = Attack.model_validate({**entry, "id": name, "needs": needs})
    atlas = Atlas(catalog)
    found = comparison.compare(atlas, catalog.attacks["less"], catalog.attacks["wide"])
    assert found.first_needs_no_more is None and found.second_needs_no_more is False
    assert comparison.compare(atlas, catalog.attacks["other"], catalog.attacks["wide"]).first_needs_no_more is False
    text = io.StringIO()
    question_tables.comparison(Console(file=text, width=200), catalog.attacks["less"], catalog.attacks["wide"], found)
    assert "Whether less needs no more than wide is not known: the search was cut short." in text.getvalue()
