"""The figures of benchmarks in the README and on the site are those of the file of results."""

from __future__ import annotations

import re

import beyond
import performance
import pytest

pytestmark = pytest.mark.slow


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


LAWS = beyond.Laws(
    cpu_seconds=0.1,
    work=3e9,
    parameters=1e7,
    store=1.0,
    memory=5.0,
    memory_at_rest=1e9,
    cores=2,
    memory_here=25e9,
)


def test_what_is_derived_follows_from_the_laws():
    """256 models, each trained 100 times on half of a million records; worked out by hand."""
    passes = 256 * 500_000 * 100
    assert LAWS.core_hours(1_000_000) == pytest.approx(passes * 0.1 / 3600)
    assert LAWS.card_hours(1_000_000, 10e12) == pytest.approx(passes * 3e9 / 10e12 / 3600)
    assert LAWS.store_of_weights() == pytest.approx(256 * 4e7)
    assert LAWS.store_of_answers(1_000_000) == pytest.approx(256 * 80e6)
    assert LAWS.memory_of(1_000_000) == pytest.approx(1e9 + 5 * 12_288e6)


def test_a_limit_is_where_the_resource_is_spent():
    limits = {resource: candidates for candidates, resource in LAWS.limits()}
    assert list(limits.values()) == sorted(limits.values())
    (memory,) = (n for resource, n in limits.items() if "memory" in resource)
    (cores,) = (n for resource, n in limits.items() if "cores" in resource)
    (store,) = (n for resource, n in limits.items() if "terabyte" in resource)
    assert LAWS.memory_of(memory) == pytest.approx(25e9)
    assert LAWS.core_hours(cores) == pytest.approx(24 * 2)
    assert LAWS.store_of_weights() + LAWS.store_of_answers(store) == pytest.approx(1e12)


def test_the_page_says_that_it_is_derived_and_from_what(site):
    """Until all laws are measured it names those that are not, and derives nothing."""
    page, (rows, machines) = (site / "beyond-this-machine.html").read_text(), performance.results()
    assert "Derived, not measured." in page
    missing = beyond.missing(rows)
    assert all(name in page for name in missing) and bool(missing) == ("Not worked out yet" in page)
    if not missing:
        laws = beyond.Laws.of(rows, machines)
        for hours in (laws.core_hours(beyond.RECORDS), laws.card_hours(beyond.RECORDS, beyond.RATES[0])):
            assert f"{hours:,.0f}" in page
