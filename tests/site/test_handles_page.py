"""The page of handles: every handle with all that it offers, and text as it was typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from building import ROOT  # noqa: F401  puts site/ on the path
from test_pages import NASTY, Page

from taxonomy.handles import HandleOffers, Kind, offered, packages
from taxonomy.loading import load
from taxonomy.offers import Offer, Type

pytestmark = pytest.mark.slow


def as_code(doc: str) -> str:
    """Return what is read of a docstring: what stands between its backticks is shown as code."""
    return re.sub(r"`([^`\n]+)`", r"\1", doc)


def test_every_handle_is_there_with_all_that_it_offers(site):
    page = Page(site / "handles.html")
    text = "".join(page.words)
    for handle in offered(load(), packages()):
        assert handle.name in page.ids
        for kind in handle.kinds:
            assert as_code(kind.type.doc) in text, kind.type.name
            for offer in kind.type.offers:
                assert offer.written(handle.name, typed=True) in text and as_code(offer.doc) in text, (handle.name, offer.name)
    assert "handles.html#scores" in " ".join(Page(site / "terms" / "Q.scores.html").links)


def test_text_of_handles_is_shown_as_typed(tmp_path):
    from reference import type_link
    from render import Site

    offer = Offer("odd", f".odd({NASTY})", f".odd({NASTY})", NASTY, NASTY)
    kinds = (Kind(Type(("somebody", NASTY), NASTY, (offer,)), ("generative",), False),)
    site = Site(load(), tmp_path)
    site.page("handles.md", "handles.md.j2", handles=[HandleOffers("odd", (), kinds)], type=type_link)
    made = Page(Path(tmp_path) / "handles.md")
    assert made.scripts == 0 and "".join(made.words).count(NASTY) >= 4
