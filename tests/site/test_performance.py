"""The figures of benchmarks in the README and on the site are those of the file of results."""

from __future__ import annotations

import re

import performance
import pytest


def test_the_readme_shows_what_was_measured():
    assert performance.BLOCK.search(performance.README.read_text())[2] == performance.in_readme(), (
        "run: python site/performance.py"
    )


def test_every_row_is_on_the_page(site):
    page = (site / "performance.html").read_text()
    rows, machines = performance.results()
    shown = re.findall(r'<tr id="([^"]+)">', page)
    assert sorted(shown) == sorted(name.replace("/", "-") for name in rows)
    for row in rows.values():
        assert row["date"] in page and row["machine"] in machines


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0000602, "0.0000602"), (1230.0, "1,230"), (0.5, "0.5"), (11_200_000.0, "11,200,000"), (None, "–")]
)
def test_numbers_are_written_out(value, shown):
    assert performance.number(value) == shown
