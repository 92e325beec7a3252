"""The command line is a contract: JSON shapes, exit codes, what files and folders can do. A test a clause."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shorter import SEARCHES

from taxonomy.terms import ASSUMED

TINY = Path(__file__).parents[2] / "data" / "tiny"
SCORES = ["--observation", "black-box", "--model", "discriminative", "--knows", "Q", "--knows", "record.label"]
TINY_RUN = ["run", "--catalog", TINY, "--target", "tiny", "--set", "shadow-models.count=4"]


# -- the catalog


def test_attacks(mia, mia_json):
    data = mia_json("attacks")
    shokri = next(a for a in data["attacks"] if a["id"] == "shokri-2017")
    assert shokri["runs"] is True and shokri["goal"] == "membership" and shokri["title"]
    assert "shokri-2017" in mia("attacks", "--runs").stdout
    assert all("Q.labels" in a["needs"] for a in mia_json("attacks", "--needs", "Q.labels")["attacks"])


def test_show(mia, mia_json):
    data = mia_json("show", "shokri-2017")
    assert data["needs"] == ["discriminative", "Q.scores", "record.label", "shadow-models"]
    assert "Shokri" in data["citations"]["shokri2017"]
    for name in ("Q.scores", "digits-mlp", "prediction-api-scores", "shadow-models-known-recipe"):
        assert mia("show", name).returncode == 0


def test_terms_and_targets(mia_json):
    terms = {t["id"]: t for t in mia_json("terms")["terms"]}
    assert terms["Q.scores"]["grantable"] and not terms["Q"]["grantable"] and not terms["shadow-models"]["grantable"]
    assert {"digits-mlp", "fashion-mlp", "digits-null"} <= {t["id"] for t in mia_json("targets")["targets"]}


# -- questions


def test_feasible(mia, mia_json):
    data = mia_json("feasible", *SCORES)
    assert data["threat_model"]["grants"] == ["Q.scores", "black-box", "discriminative", "record.label", "stand-alone"]
    feasible = {a["id"]: a for a in data["feasible"]}
    infeasible = {a["id"]: a for a in data["infeasible"]}
    assert "shokri-2017" in feasible and "carlini-2022-lira" in infeasible
    assert feasible["ml-leaks-3"]["cost"] == {
        "models": 0,
        "trainings": 0,
        "queries": 0,
        "queries_per_record": 1,
        "rows": 0,
        "queries_at_home": 0,
        "queries_at_home_per_record": 0,
        "cheapest": True,
        "stated": True,
    }
    assert feasible["shokri-2017"]["derivation"][-1]["rule"] == "shokri-2017"
    assert ["D1.samples"] in infeasible["carlini-2022-lira"]["missing"], "with models of a guessed architecture"
    assert infeasible["carlini-2022-lira"]["truncated"] is False
    for attack in infeasible.values():
        sets, needed = attack["missing"], attack["needs_observation"]
        assert len(sets) == len(needed) == len(attack["contradicts"])
        order = [(needs is not None, len(s), s) for s, needs in zip(sets, needed, strict=True)]
        assert order == sorted(order), "by size, then by name, and what a black-box adversary cannot have comes last"
        assert needed == ["white-box" if any(t.startswith("M1") for t in s) else None for s in sets]
    assert "white-box" in infeasible["carlini-2022-gradient-norm"]["needs_observation"]
    assert "(needs white-box observation)" in mia("feasible", *SCORES).stdout


def test_an_attack_of_another_model_type_is_inapplicable(mia_json, tmp_path):
    (tmp_path / "more" / "attacks").mkdir(parents=True)
    (tmp_path / "more" / "attacks" / "on-samples.yaml").write_text(
        "schema: 1\nid: on-samples\ntitle: On samples\nsummary: A test.\nneeds: [generative, Q.samples]\n"
    )
    data = mia_json("feasible", *SCORES, "--catalog", tmp_path / "more")
    assert {"id": "on-samples", "because": ["generative"], "goal": "membership"} in data["inapplicable"]


def test_threat_models_are_files_ids_or_flags(mia_json, tmp_path):
    ready = mia_json("feasible", "--threat-model", "prediction-api-labels")
    assert ready["threat_model"]["knows"] == ["Q.labels", "record.label"]
    (tmp_path / "mine.yaml").write_text(
        "schema: 1\nid: mine\ntitle: Mine\nsummary: A test.\nobservation: black-box\nmodel: discriminative\n"
        "knows: [Q]\nlimits: {queries: 7}\n"
    )
    mine = mia_json("feasible", "--threat-model", "mine.yaml", "--knows", "record.label", "--models", "3")
    assert mine["threat_model"]["knows"] == ["Q.scores", "record.label"]
    assert mine["threat_model"]["limits"] == {"queries": 7, "models": 3, "rows": None}


def test_explain(mia, mia_json):
    yes = mia_json("explain", "shokri-2017", *SCORES)
    assert yes["feasible"] and yes["missing"] == []
    known = {*yes["threat_model"]["grants"], *ASSUMED}
    for line in yes["derivation"]:
        assert {"rule", "needs", "yields", "because"} <= set(line)
        assert set(line["needs"]) <= known
        known.add(line["yields"])
    no = mia_json("explain", "carlini-2022-lira", *SCORES)
    assert not no["feasible"] and no["derivation"] == [] and no["missing"]
    assert "granted Q.scores" in mia("explain", "shokri-2017", *SCORES).stdout
    text = mia("explain", "carlini-2022-lira", *SCORES).stdout
    assert "M2.recipe" not in text and "D1.samples" in text, "what is known of the recipe makes it stronger, not possible"
    sentence = "stand in for it. (shadow-data-from-samples)"
    assert text.count(sentence) == 1 and "comparable-guessed-architecture (see above)" in text, "a sentence is told once"
    assert text.count("log-likelihood ratio") == 1


@pytest.mark.slow
def test_feasible_does_not_load_torch():
    program = (
        "import sys; from attacks.cli.commands import app\n"
        "try: app(['feasible', '--threat-model', 'prediction-api-scores'])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "assert 'torch' not in sys.modules and 'networkx' not in sys.modules and 'pybtex' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_table(mia):
    assert mia("table", "--surveyed").stdout.splitlines()[0].startswith("| attack | name | AO |")
    assert "shokri-2017" in mia("table", "--diff", "--format", "csv").stdout
    assert json.loads(mia("table", "--published", "--json").stdout)["rows"]


def test_export_graph(mia):
    data = json.loads(mia("export", "graph").stdout)
    assert {"terms", "rules", "grantable"} <= set(data)
    assert {r["kind"] for r in data["rules"]} == {"implication", "step", "attack"}
    assert {"Q.scores", "M2.recipe", "participant", "record.label"} <= set(data["grantable"])
    assert not {"Q", "D1", "M2", "black-box", "discriminative", "shadow-models"} & set(data["grantable"])


def test_export_graphml(mia, tmp_path):
    import networkx

    (tmp_path / "atlas.graphml").write_text(mia("export", "graph", "--format", "graphml").stdout)
    graph = networkx.read_graphml(tmp_path / "atlas.graphml")
    assert graph.nodes["rule:shokri-2017"]["kind"] == "attack" and graph.has_edge("Q.scores", "rule:shokri-2017")


@pytest.mark.slow
def test_entries(mia, mia_json):
    assert mia_json("entries")["kinds"]["attacks"] >= 83
    assert len(mia_json("entries", "errata")["entries"]) >= 14
    assert "erratum-" in mia("entries", "errata").stdout
    assert mia("entries", "erata").returncode == 2


@pytest.mark.slow
def test_harden(mia, mia_json):
    data = mia_json("harden", "--threat-model", "prediction-api-labels")
    assert data["cuts"][0] == {
        "withdraw": ["Q.labels"], "replace_by": {}, "by_owner": True,
        "removes": ["li-2021-boundary", "yeom-2018-gap"], "remaining": 0, "defenses": [],
    }  # fmt: skip
    assert data["truncated"] is False
    # What was measured is told of the attacks that are feasible here, and of trainings too, which no cut makes.
    measured = {one["defense"]: one["strongest"] for one in data["measured"] if one["target"] == "rand-mlp"}
    assert "dp-sgd" in measured and "label-only" not in measured
    assert {one["undefended"]["attack"] for one in measured.values()} <= {*data["cuts"][0]["removes"]}
    shown = mia("harden", "--threat-model", "prediction-api-labels").stdout
    assert "Q.labels" in shown and "feasible here" in shown


@pytest.mark.slow
def test_what_if(mia, mia_json):
    flags = ["feasible", "--threat-model", "prediction-api-labels", "--what-if", "+D2.members", "--what-if", "-record.label"]
    change = mia_json(*flags)["what_if"]
    assert change["add"] == ["D2.members"] and change["remove"] == ["record.label"] and "yeom-2018-gap" in change["lost"]
    assert "yeom-2018-gap is no longer feasible" in mia(*flags).stdout


def test_as_surveyed(mia, mia_json):
    rows = mia_json("feasible", "--threat-model", "prediction-api-scores", "--as", "surveyed")["rows"]
    assert len(rows) == 17
    assert "the row says too much" in mia("feasible", "--threat-model", "prediction-api-scores", "--as", "surveyed").stdout


@pytest.mark.slow
def test_gaps_and_compare(mia, mia_json):
    assert len(mia_json("gaps")["cells"]) == 64
    assert "no attack" in mia("gaps").stdout
    assert mia_json("compare", "carlini-2022-lira", "sablayrolles-2019-mast")["dominates"] == "first"
    assert "dominates" in mia("compare", "carlini-2022-lira", "sablayrolles-2019-mast").stdout


def test_defenses_schema_and_bibtex(mia, mia_json, tmp_path):
    assert {"dp-sgd", "memguard"} <= {d["id"] for d in mia_json("defenses")["defenses"]}
    assert "memguard" in mia("defenses").stdout
    assert json.loads(mia("export", "json-schema", "attacks").stdout)["title"] == "Attack"
    assert mia("export", "json-schema", "--out", "schemas").returncode == 0 and (tmp_path / "schemas" / "errata.json").is_file()
    assert mia("export", "bibtex", "shokri-2017").stdout.startswith("@inproceedings{shokri2017")


# -- running


@pytest.mark.slow
def test_run(mia, mia_json, tmp_path):
    data = mia_json(*TINY_RUN, "yeom-2018-loss", "carlini-2022-lira", "--seed", "3", "--out", "out")
    assert {"target", "threat_model", "seed", "results", "skipped", "out"} <= set(data)
    assert data["target"] == "tiny" and data["seed"] == 3 and data["out"] == "out"
    results = {r["attack"]: r for r in data["results"]}
    for r in results.values():
        keys = {"attack", "auc", "auc_ci", "tpr_at_fpr", "balanced_accuracy", "queries", "models", "seconds"}
        assert keys <= set(r)
        assert set(r["tpr_at_fpr"]) == {"0.001", "0.01"} and r["tpr_at_fpr"]["0.001"] is None
    assert results["carlini-2022-lira"]["models"] == 4 and results["yeom-2018-loss"]["models"] == 0
    assert results["yeom-2018-loss"]["balanced_accuracy"] and results["carlini-2022-lira"]["balanced_accuracy"] is None
    with np.load(tmp_path / "out" / "scores.npz") as scores:
        assert set(scores.files) == {"yeom-2018-loss", "carlini-2022-lira", "member"}
        assert scores["yeom-2018-loss"].dtype == np.float64 and scores["member"].dtype == bool
        assert len(scores["member"]) == len(scores["carlini-2022-lira"]) == 240
    assert json.loads((tmp_path / "out" / "results.json").read_text())["results"] == data["results"]
    assert (tmp_path / "out" / "roc.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and "data:image/png;base64," in page
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")], "nothing half-written stays"
    again = mia(*TINY_RUN, "yeom-2018-loss", "carlini-2022-lira", "--seed", "3", "--out", "out")
    assert "Nothing was trained" in again.stdout and "carlini-2022-lira" in again.stdout


@pytest.mark.slow
def test_a_prior_says_how_many_accusations_are_right(mia, mia_json, tmp_path):
    (result,) = mia_json(*TINY_RUN, "yeom-2018-loss", "--prior", "0.02", "--out", "out")["results"]
    (told,) = (found["0.01"] for found in result["ppv"].values())
    hits = result["tpr_at_fpr"]["0.01"]
    assert told["value"] == pytest.approx(0.02 * hits / (0.02 * hits + 0.98 * 0.01))
    assert "<td>2 %</td>" in (tmp_path / "out" / "report.html").read_text()
    assert "so many are members where 2 % of all are" in mia(*TINY_RUN, "yeom-2018-loss", "--prior", "0.02").stdout
    assert "ppv" not in mia_json(*TINY_RUN, "yeom-2018-loss")["results"][0]


@pytest.mark.slow
def test_a_report_that_is_replaced_is_named_with_the_way_to_keep_it(mia, tmp_path):
    told = "UTC (mia run --catalog "
    gap, both = [*TINY_RUN, "yeom-2018-gap"], [*TINY_RUN, "yeom-2018-gap", "yeom-2018-loss"]
    assert [told in mia(*arguments).stdout for arguments in (gap, gap, both, both)] == [False, False, True, False]
    done = " ".join(mia(*gap, COLUMNS="200").stdout.split())
    assert "mia-runs/tiny-seed-0 holds the report of" in done and "will be replaced; --out DIR keeps both." in done
    assert told not in mia(*both, "--out", "kept").stdout and (tmp_path / "kept" / "results.json").is_file()
    (tmp_path / "kept" / "results.json").write_text("[]")
    assert mia(*gap, "--out", "kept").returncode == 0, "what is no report of ours stands in nobody's way"


def test_price_is_shown_first_and_dry_run_runs_nothing(mia, mia_json, tmp_path):
    done = mia(*TINY_RUN, "carlini-2022-lira", "--dry-run")
    assert done.returncode == 0 and "4 shared models" in done.stdout and "Dry run" in done.stdout
    assert mia_json(*TINY_RUN, "carlini-2022-lira", "--dry-run")["models"] == 4
    assert not (tmp_path / "store").exists() and not (tmp_path / "mia-runs").exists()


@pytest.mark.slow
def test_entry_text_is_escaped_in_html(mia, tmp_path):
    (tmp_path / "more" / "attacks").mkdir(parents=True)
    (tmp_path / "more" / "attacks" / "evil.yaml").write_text(
        "schema: 1\nid: evil\ntitle: <script>alert(1)</script> [red]{{ 7 }}\nsummary: A test.\n"
        "needs: [discriminative, Q.top-k]\nrun: attacks.discriminative.threshold:maximum_posterior\n"
    )
    done = mia(*TINY_RUN, "evil", "--catalog", tmp_path / "more", "--out", "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page and "{{ 7 }}" in page
    assert "[red]{{ 7 }}" in mia("attacks", "--catalog", tmp_path / "more").stdout


@pytest.mark.slow
def test_a_failing_attack_keeps_the_others_and_exits_with_1(mia):
    done = mia(*TINY_RUN, "yeom-2018-loss", "du-2026-cmia", "--set", "du-2026-cmia.rounds=40")
    assert done.returncode == 1
    assert "failed du-2026-cmia: each shadow model is attacked with the others" in done.stdout
    assert "yeom-2018-loss" in done.stdout


@pytest.mark.slow
def test_without_a_name_what_cannot_run_is_skipped_and_listed(mia_json):
    few = {"shadow-data-by-queries": {"queries": 4000, "wanted": 40}, **SEARCHES}
    settings = [f"--set={name}.{key}={value}" for name, values in few.items() for key, value in values.items()]
    data = mia_json(*TINY_RUN, *SCORES, *settings)
    skipped = {s["id"]: s["because"] for s in data["skipped"]}
    assert "infeasible" in skipped["carlini-2022-lira"]
    assert {"shokri-2017", "ml-leaks-3"} <= {r["attack"] for r in data["results"]}


def test_a_setting_that_nothing_uses_is_said(mia):
    run = ("run", "--catalog", TINY, "--target", "tiny", "--dry-run", "--set", "shadow-models.count=4")
    assert "--set shadow-models.count changes nothing" in mia(*run, "yeom-2018-gap").stderr
    # The step that is used has no such parameter, though others that make shadow models have it.
    of_another = mia(*run, "--set", "shadow-models.epochs=2", "carlini-2022-lira").stderr
    assert "--set shadow-models.epochs changes nothing" in of_another and "count changes" not in of_another
    assert "changes nothing" not in mia(*run, "yeom-2018-gap", "carlini-2022-lira").stderr


def test_who_is_granted_nothing_by_name_is_granted_all_that_the_target_offers(mia_json):
    """A circumstance that is stated takes nothing away: whose answers were recorded still has them."""
    run = ("run", "--catalog", TINY, "--target", "tiny", "--dry-run")
    every = {one["id"] for one in mia_json(*run)["attacks"]}
    assert {one["id"] for one in mia_json(*run, "--prior", "0.5")["attacks"]} == every
    recorded = mia_json(*run, "--recorded")
    assert {one["id"] for one in recorded["attacks"]} <= every and recorded["threat_model"]["recorded"]
    masked = mia_json(*run, "--prior", "0.5", "--defense", "label-only")["threat_model"]["grants"]
    assert "Q.labels" in masked and not {"Q.scores", "M1.parameters"} & set(masked)


def test_a_target_that_cannot_be_made_is_one_sentence(mia, tmp_path):
    """Whatever a target's code makes of wrong parameters: no traceback, exit code 2, and the place."""
    text = (Path(__file__).parents[3] / "catalog" / "targets" / "digits-federated.yaml").read_text()
    place = tmp_path / "own" / "targets" / "wrong.yaml"
    place.parent.mkdir(parents=True)
    for old, new, message in [
        ("rounds: 40", "rounds: 0", "cannot be made"),
        ("batch: 16", "batch: 0", "cannot be made"),
        ("learning_rate: 0.1", "learning_rate: 0.1, algorithm: gossip", "the algorithm is one of fedavg, fedsgd"),
    ]:
        assert old in text
        place.write_text(text.replace("id: digits-federated\n", "id: wrong\n").replace(old, new))
        done = mia("run", "yeom-2018-gap", "--target", "wrong", "--catalog", tmp_path / "own")
        assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.mark.slow
def test_store(mia, mia_json, tmp_path):
    assert mia("store", "where").stdout.strip() == str(tmp_path / "store")
    mia(*TINY_RUN, "yeom-2018-gap")
    assert {n["kind"] for n in mia_json("store", "ls")["nodes"]} == {"model", "attack", "blind baseline"}
    assert "nodes" in mia("store", "ls").stdout
    assert mia_json("store", "gc", "--all")["dropped"] == 3


@pytest.mark.slow
def test_check(mia, mia_json, tmp_path):
    done = mia("check")
    assert done.returncode == 0 and "0 errors" in done.stdout
    (tmp_path / "bad" / "attacks").mkdir(parents=True)
    (tmp_path / "bad" / "attacks" / "x.yaml").write_text("schema: 1\nid: x\ntitle: X\nsummary: x\nneeds: [Q.scoers]\n")
    assert mia("check", "bad").returncode == 1
    assert mia_json("check", "bad", code=1)["findings"][0]["code"] == "MIA012"
    log = json.loads(mia("check", "bad", "--format", "sarif").stdout)
    result = log["runs"][0]["results"][0]
    assert log["version"] == "2.1.0" and result["ruleId"] == "MIA012"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 5


# -- bad files and folders (names and values: test_bad_input.py)


def test_broken_yaml_is_reported_with_its_place(mia, tmp_path):
    (tmp_path / "mine.yaml").write_text("schema: 1\nid: [\n")
    done = mia("feasible", "--threat-model", "mine.yaml")
    assert done.returncode == 2 and "mine.yaml:3:1: error MIA002" in done.stderr


def test_unwritable_folder(mia, tmp_path):
    (tmp_path / "file").write_text("")
    done = mia(*TINY_RUN, "yeom-2018-gap", "--out", "file/out")
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    done = mia(*TINY_RUN, "yeom-2018-gap", MIA_STORE=str(tmp_path / "file" / "store"))
    assert done.returncode == 2 and "set MIA_STORE" in done.stderr


def test_corrupt_store(mia, tmp_path):
    assert mia(*TINY_RUN, "yeom-2018-gap").returncode == 0
    for path in (tmp_path / "store").rglob("weights.safetensors"):
        path.write_bytes(b"damaged")
    done = mia(*TINY_RUN, "yeom-2018-loss")
    assert done.returncode == 2 and "mia store gc" in done.stderr and "Traceback" not in done.stderr
    assert mia("store", "gc").returncode == 0
    assert mia(*TINY_RUN, "yeom-2018-loss").returncode == 0
