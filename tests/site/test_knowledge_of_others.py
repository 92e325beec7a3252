"""What the site says to other knowledge bases, and which edition of the catalog a page is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_pages import Page, words

from taxonomy import clauses, edition
from taxonomy.exports import atlas
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def test_every_page_says_which_edition_it_is_of(site):
    told = str(edition.of(load()))
    pages = [path for path in site.rglob("*.html") if path.name != "404.html"]
    assert len(pages) > 1000
    assert [str(path) for path in pages if told not in path.read_text(encoding="utf-8")] == []


def test_the_edition_is_no_answer_of_the_search(site):
    """Only where it is part of what a page says."""
    told = str(edition.of(load()))
    documents = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    found = {one["location"] for one in documents if told in one["text"]}
    assert found <= {"atlas-contribution.html#draft", "changes.html#evidence", "cli.html"}, "cli.html shows what commands print"


def test_auditors_find_every_clause_with_how_it_is_known(site):
    page, text = Page(site / "clauses.html"), words(site / "clauses.html")
    for clause in load().kinds["clauses"].values():
        assert clause.id in page.ids and f"({clause.source})" in text and clause.title in text
        for answer in clause.answered:
            assert answer.command in text, clause.id
        if clause.short:
            assert " ".join(clause.short.split()) in text, clause.id


def test_pages_show_what_entries_are_mapped_to(site):
    catalog = load()
    for kind, entries in (("attacks", catalog.attacks), ("defenses", catalog.defenses)):
        for name, entry in entries.items():
            page = Page(site / kind / f"{name}.html")
            assert ("clauses" in page.ids) is bool(entry.maps.codes), name
            for clause in clauses.of(catalog, entry):
                assert f"../clauses.html#{clause.id}" in page.links, name


def test_the_draft_for_atlas_is_shown_with_what_to_check(site):
    text = words(site / "atlas-contribution.html")
    assert "it was sent to nobody" in text
    for check in atlas.CHECKS:
        assert check in text
    draft = json.loads((site / "assets" / "atlas-contribution.json").read_text(encoding="utf-8"))
    assert draft["contact"] == {"name": None, "emails": None}
    assert draft["submissions"][0]["study"]["procedure"][-1]["description"] in text.replace('\\"', '"')


def test_what_changed_is_the_changelog(site):
    text = words(site / "changes.html")
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    for heading in (line.lstrip("# ") for line in changelog.splitlines()[1:] if line.startswith("#")):
        assert heading.replace("[", "").replace("]", "") in text.replace("[", "").replace("]", "")
