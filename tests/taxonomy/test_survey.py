"""Table 2 as a projection of the entries."""

from __future__ import annotations

import json

from taxonomy import tables


def test_rows_and_differences(catalog):
    rows = {row["name"]: row for row in tables.surveyed(catalog)}
    shokri = rows["Shokri's [19]"]
    assert [shokri[c] for c in ("AO", "M", "TD", "QA", "TMT", "TF")] == ["B", "M3, M4", "D1", "Q", "D", "S"]
    differing = [(row["attack"], row["column"], row["survey"], row["paper"]) for row in tables.differing(catalog)]
    assert ("shokri-2017", "M", "M3, M4", "M3") in differing


def test_formats(catalog):
    rows = tables.surveyed(catalog)
    assert tables.render(rows, "md").splitlines()[0] == "| attack | name | AO | M | TD | QA | TMT | TF |"
    assert tables.render(rows, "csv").splitlines()[0] == "attack,name,AO,M,TD,QA,TMT,TF"
    assert json.loads(tables.render(rows, "json"))["rows"] == rows
    latex = tables.render([{"a": "50 % & more_"}], "latex")
    assert r"50 \% \& more\_ \\" in latex


def test_markdown_escapes_bars():
    assert r"a \| b" in tables.render([{"x": "a | b"}], "md")
