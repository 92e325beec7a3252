"""`mia frontier`: what is listed, and one sentence for bad input."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_what_attacks_cost_and_find(mia, mia_json):
    (found,) = mia_json("frontier", "digits-mlp")["targets"]
    assert found["target"] == "digits-mlp" and any(attack["front"] for attack in found["attacks"])
    aucs = [attack["auc"]["mean"] for attack in found["attacks"]]
    assert aucs == sorted(aucs, reverse=True)
    (few,) = mia_json("frontier", "digits-mlp", "--models", "0")["targets"]
    assert {attack["models"] for attack in few["attacks"]} == {0}
    shown = mia("frontier", "digits-mlp").stdout
    assert "carlini-2022-lira" in shown and "Pareto front" in shown
    assert "No attack on membership was measured within this budget." in mia("frontier", "digits-null").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [(["digits-mlb"], "digits-mlp"), (["--models", "-1"], "--models"), (["--queries", "many"], "--queries")],
)
def test_wrong_budgets(mia, words, told):
    done = mia("frontier", *words)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
