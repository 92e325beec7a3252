"""Limits, withdrawals and guarantees as a person asks for them and is told of them."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attacks.cli import questions, run
from attacks.cli.commands import app
from taxonomy import strengths

TINY = Path(__file__).parents[2] / "data" / "tiny"
SCORES = ["--threat-model", "prediction-api-scores"]
LABELS = ["--threat-model", "prediction-api-labels"]


@pytest.fixture
def ask(catalog, monkeypatch, tmp_path):
    """Ask as a user would, on the catalog that the session has loaded; return what is printed, in one line a row."""
    monkeypatch.setattr(questions, "load", lambda extra: catalog)
    monkeypatch.setattr(run, "load_sound", lambda extra, names: catalog)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))  # not that of whoever runs the tests

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    return ask


def first_column(text: str, heading: str) -> list[str]:
    """Return the first column of the table with this heading."""
    lines = text[text.index(f" {heading} ") :].splitlines()[2:]
    rows = lines[: next(i for i, line in enumerate(lines) if not line.strip())]
    return [line.split()[0] for line in rows if not line.startswith("  ")]  # the second line of a cell is indented


def test_what_does_not_fit_is_listed_with_the_number_that_would_do(ask):
    text = ask("feasible", *LABELS, "--queries", "100")
    assert first_column(text, "feasible") == ["yeom-2018-gap"] and "enough for 100 records" in text
    assert first_column(text, "infeasible within the limits") == ["li-2021-boundary"]
    assert "51,000 queries (not 100)" in text and "M1.parameters" in text
    told = ask("explain", "li-2021-boundary", *LABELS, "--queries", "100")
    assert "does not fit the limits. What would do: 51,000 queries (not 100)." in told
    data = json.loads(ask("explain", "li-2021-boundary", *LABELS, "--queries", "100", "--json"))
    assert not data["feasible"] and data["limits_that_would_do"] == [{"queries": 51_000}]


def test_smaller_amounts_are_said(ask):
    told = ask("explain", "zarifzadeh-2024-rmia", *SCORES, "--models", "4")
    assert "4 models (each a training of the target)" in told
    assert "only 4 of 16 (shadow-models-known-recipe.count)" in told and "cheapest" not in told
    assert "cheapest derivation within the limits" in ask("explain", "yeom-2018-loss", *SCORES, "--models", "4")


def test_harden_lists_what_owners_can_do(ask):
    text = ask("harden", *SCORES)
    assert "Q.scores → Q.labels" in text and "label-only" in text
    assert "Q.scores → Q.top-k" in text.split("stops nothing")[1] and "top-k-scores" in text
    assert "record.label" not in text.split("in whose hand")[1] and "not in the owner's hand alone" in text
    assert "record.label" in ask("harden", *SCORES, "--all").split("in whose hand")[1]


def test_what_if_says_what_was_not_granted(ask):
    text = ask("feasible", *LABELS, "--what-if", "-M2", "--what-if", "-Q.labels")
    assert "M2.recipe was not granted" in text and "yeom-2018-gap is no longer feasible" in text


def test_a_guarantee_is_a_bound_and_no_wall(ask):
    """TPR at most e^epsilon * FPR + delta: e^2 * 0.01 + 0.001 and e^2 * 0.001 + 0.001."""
    data = json.loads(ask("feasible", *SCORES, "--guarantee", "2,0.001,record", "--json"))
    assert data["threat_model"]["guarantee"] == {"epsilon": 2.0, "delta": 0.001, "protects": "record"}
    bounds = {a["id"]: a["guarantee"]["tpr_at_most"] for a in data["feasible"]}
    assert bounds["carlini-2022-lira"] == {
        "0.01": pytest.approx(math.exp(2) * 0.01 + 0.001),
        "0.001": pytest.approx(math.exp(2) * 0.001 + 0.001),
    }
    assert [a["id"] for a in data["feasible"]] == [a["id"] for a in json.loads(ask("feasible", *SCORES, "--json"))["feasible"]]
    text = ask("feasible", *SCORES, "--guarantee", "2,0.001,record")
    assert "at 1 % FPR a TPR of at most 0.0749, at 0.1 % FPR a TPR of at most 0.00839" in text
    assert "at 1 % FPR any TPR" in ask("explain", "yeom-2018-loss", *SCORES, "--guarantee", "800")


def test_a_guarantee_bounds_membership_alone(ask, catalog):
    told = ask("explain", "melis-2019-property", "--threat-model", "honest-but-curious-participant", "--knows", "D1.property",
               "--knows", "M1.others-updates", "--knows", "M1.own-updates", "--guarantee", "1")  # fmt: skip
    assert "Feasible" in told and "does not bound what this attack finds out" in told


@pytest.mark.parametrize(
    ("attack", "threat"),
    [
        ("jefferson-2022-stored-records", "released-nearest-neighbours-model"),
        ("li-2024-s2mia", "retrieval-augmented-chat"),
        ("nasr-2019-passive-server", "honest-but-curious-server"),
    ],
)
def test_a_guarantee_bounds_what_is_learned_from_the_trained_model(ask, attack, threat):
    """Records in its file, a store beside it and uploads before any noise are none of that."""
    told = ask("explain", attack, "--threat-model", threat, "--guarantee", "1,1e-5,user")
    assert "Feasible" in told and "does not bound what this attack finds out" in told


def test_an_answer_that_is_pieced_together_has_no_price_a_record(ask):
    told = ask("explain", "carlini-2021-perplexity", "--threat-model", "language-model-api-own-tokens", "--queries", "50")
    assert "or more, since an answer is pieced together from several" in told and "enough for" not in told


def test_lists_begin_with_the_strongest_measured(ask, catalog):
    text = ask("feasible", *SCORES)
    listed = first_column(text, "feasible")
    order, shown = strengths.ranked([n for n in listed if catalog.attacks[n].goal == "membership"], strengths.measured(catalog))
    assert listed[: len(order)] == order
    assert all(catalog.attacks[name].goal != "membership" for name in listed[len(order) :])
    figures = [shown[name].tpr for name in order if name in shown and shown[name].target == shown[order[0]].target]
    assert figures == sorted(figures, reverse=True) and len(figures) > 10
    marked = re.findall(r"TPR [\d.]+ at 1 % FPR, [a-z0-9-]+\*", text)
    assert bool(marked) == any(found.stale for found in shown.values())
    assert "(weaker here)" not in text.split("infeasible")[0] or "`mia explain` says" in text


def test_strongest_of_targets_that_do_not_compare():
    found = strengths.Strength
    measured = {
        "a": [found("x", 0.6, 0.1, False), found("y", 0.9, 0.9, False)],
        "b": [found("x", 0.7, 0.2, True)],
        "c": [found("y", 0.8, None, False)],
        "d": [found("z", None, None, False)],
    }
    order, shown = strengths.ranked(["d", "c", "b", "a", "e"], measured)
    assert order == ["b", "a", "c", "d", "e"], "on x two were measured, then y decides, then the names"
    assert shown["a"].target == "x" and shown["b"].stale and "d" not in shown


def test_figures_are_kept_and_read_anew_when_a_file_changes(catalog, tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_CATALOG_CACHE", str(tmp_path))
    calls = []
    monkeypatch.setattr(strengths, "_read", lambda catalog: calls.append(1) or {"a": [strengths.Strength("x", 0.5, None, True)]})
    stamp = ["one"]
    monkeypatch.setattr(strengths, "_stamps", lambda folders: list(stamp))
    first = strengths.measured(catalog)
    assert strengths.measured(catalog) == first and len(calls) == 1
    stamp[0] = "another"
    assert strengths.measured(catalog) == first and len(calls) == 2


def test_what_does_not_apply_is_said_in_words(ask):
    told = ask("explain", "gan-leaks-1", *SCORES)
    assert "does not apply: it is for a generative model, and this is a discriminative model." in told
    text = ask("feasible", *SCORES)
    assert "more attacks do not apply: they are for published statistics, and this is a discriminative model." in text


def test_gaps_and_comparisons_know_limits(ask):
    cells = {}
    for name, flags in {"none": [], "no models": ["--models", "0"]}.items():
        for cell in json.loads(ask("gaps", *flags, "--json"))["cells"]:
            key = cell["observation"], cell["model"], cell["frame"], tuple(cell["knowledge"])
            cells.setdefault(key, {})[name] = set(cell["feasible"])
    assert all(found["no models"] <= found["none"] for found in cells.values())
    black = cells["black-box", "discriminative", "stand-alone", ("M", "D", "Q")]
    assert "carlini-2022-lira" in black["none"] - black["no models"] and "yeom-2018-loss" in black["no models"]
    text = ask("compare", "carlini-2022-lira", "yeom-2018-loss", "--models", "1")
    assert "nobody can mount carlini-2022-lira within the limits" in text


def plan(ask, *flags: str):
    return json.loads(ask("run", "--target", "digits-mlp", "--dry-run", "--json", *flags))


def test_a_run_asks_a_copy_at_home_for_nothing(ask):
    made = plan(ask, "li-2021-boundary", "--threat-model", "open-weights-model", "--queries", "0")
    cost = made["attacks"][0]["cost"]
    assert cost["queries"] == cost["queries_per_record"] == 0 and cost["queries_at_home"] == 50_000
    owner = plan(ask, "yeom-2018-loss", "--queries", "0")
    home = {"Q.scores", "Q.top-k", "Q.labels", "Q.embeddings"}
    assert not home & set(owner["granted"]), "what is at home is not asked of the service"
    assert home <= set(plan(ask, "yeom-2018-loss")["granted"])


def test_a_plan_says_what_it_made_smaller(ask):
    made = plan(ask, "zarifzadeh-2024-rmia", *SCORES, "--models", "4")
    assert made["models"] == 4
    assert made["attacks"][0]["reduced"] == [
        {"rule": "shadow-models-known-recipe", "parameter": "count", "wanted": 16, "used": 4}
    ]


@pytest.mark.slow
def test_a_run_says_what_it_made_smaller(mia):
    done = mia("run", "--catalog", TINY, "--target", "tiny", "zarifzadeh-2024-rmia", "--models", "4", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["models"] == 4 and any("only 4 of 16 (shadow-models-known-recipe.count)" in w for w in result["warnings"])


def test_what_a_user_set_is_never_made_smaller(mia):
    flags = ["--models", "4", "--set", "shadow-models.count=8", "--dry-run"]
    done = mia("run", "zarifzadeh-2024-rmia", *flags, COLUMNS=os.environ.get("COLUMNS", "200"))
    assert done.returncode == 2 and "needs 8 models and the limit is 4" in done.stderr
