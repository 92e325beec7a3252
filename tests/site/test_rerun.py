"""The page of factors shows a curve where there is evidence, and nothing where there is none; statements show their verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from building import ROOT

from taxonomy.loading import load

FACTOR = """\
schema: 1
id: factor-own
title: A factor of one's own
summary: For tests.
where: Nowhere
measure: Somehow.
varies: {axis: epochs, parameter: target.epochs, values: [1, 2], targets: [digits-mlp], attacks: [yeom-2018-loss]}
"""
MEAN = {"mean": 0.6, "ci": [0.55, 0.65]}


def evidence() -> str:
    seeds = [{"seed": 0, "target": {}, "auc": 0.6, "auc_ci": [0.5, 0.7]}]
    points = [{"value": v, "fingerprint": "old", "auc": MEAN, "seeds": seeds} for v in ("1", "2")]
    points[1]["auc_change"] = {"mean": 0.123, "ci": [0.1, 0.15]}
    curves = [{"attack": "yeom-2018-loss", "target": "digits-mlp", "points": points}]
    return json.dumps(
        {"schema": 1, "factor": "factor-own", "axis": "epochs", "versions": {}, "commit": "c" * 40, "curves": curves}
    )


@pytest.mark.slow
def test_a_factor_shows_its_curve_and_a_statement_its_verdict(tmp_path: Path):
    assert ROOT  # which puts the site's sources on the path
    import render

    own = tmp_path / "own"
    for name, text in (("factors/factor-own.yaml", FACTOR), ("evidence/factors/factor-own.json", evidence())):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    catalog = load([own])
    site = render.Site(catalog, tmp_path / "docs")
    entries = [catalog.kinds["factors"][name] for name in ("factor-own", "factor-unusual-records")]
    site.page("factors.md", "factors.md.j2", entries=entries)
    shown, without = site.pages["factors.md"].split("Unusual records")
    assert shown.count("<svg") == 1 and "0.123<small>0.100 to 0.150</small>" in shown
    assert "Means over 1 seed with" in shown and "Measured at cccccccccccc. Stale:" in shown
    assert "<svg" not in without and "Not measured here: How unusual" in without
    import rerun

    statements = rerun.statements(catalog)
    site.page("statements.md", "statements.md.j2", **statements)
    page = site.pages["statements.md"]
    assert page.count("<tr id=") == len(statements["judged"]) == sum(count for _, count in statements["counts"])
    assert "<td>not testable here</td>" in page and "<td>holds</td>" in page
