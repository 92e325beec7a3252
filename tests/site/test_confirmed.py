"""Pages say where evidence was measured, and what confirmed it since."""

from __future__ import annotations

import pytest
from jinja2.sandbox import SandboxedEnvironment

from taxonomy import evidence, figures
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def test_a_page_says_where_its_figures_are_from(site):
    catalog = load()
    for name in catalog.attacks:
        found = evidence.find(catalog, name)
        if found is not None:
            page = (site / "attacks" / f"{name}.html").read_text(encoding="utf-8")
            assert all(sentence in page for sentence in figures.provenance(found)), name


def test_an_ordering_says_what_confirmed_it():
    from building import ROOT

    source = (ROOT / "site" / "pages" / "orderings.md.j2").read_text(encoding="utf-8")
    cell = source[source.index("{% for o in measured_orderings") : source.index("</td></tr>\n{% endfor %}</tbody>")]
    stamp = figures.Confirmed(commit="b" * 40, date="2026-01-02", seed=0, compared="figures", versions={})
    rows = [
        figures.Ordered(ordering="an-ordering", target="one", fingerprint="f", verdict="undecided", confirmed=confirmed)
        for confirmed in (stamp, None)
    ]
    entry = {"id": "an-ordering"}
    text = SandboxedEnvironment().from_string(cell)
    shown = text.render(measured_orderings={"an-ordering": rows}, e=entry, link=str, confirmation=figures.confirmation)
    assert shown.count("confirmed at bbbbbbbbbbbb on 2026-01-02 by seed 0 (figures)") == 1
