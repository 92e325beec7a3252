"""An audit from its file to its figures, as its user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import forest
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from attacks import audit as notebook
from attacks.audit.result import AuditResult
from taxonomy.loading import load

FEW = "attacks: [yeom-2018-loss, yeom-2018-gap]\n"


def own_scores(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the forest's loss on all candidates, members first, worked out by hand."""
    model_rows = [pd.read_csv(folder / f"{name}_answers.csv") for name in ("train", "holdout")]
    losses = [-np.log(rows["p_sick"].where(rows["outcome"] == "sick", rows["p_well"]).clip(lower=1e-12)) for rows in model_rows]
    return np.concatenate(losses), np.repeat([True, False], [len(losses[0]), len(losses[1])])


def test_figures_are_what_anybody_works_out(folder, mia_json):
    forest.add(folder, FEW)
    found = mia_json("audit", "audit.yaml", "--out", "out")
    loss, member = own_scores(folder)
    assert forest.by_attack(found)["yeom-2018-loss"]["auc"] == pytest.approx(roc_auc_score(member, -loss), abs=1e-12)


@pytest.mark.slow
def test_recorded_answers_and_the_model_itself_give_the_same(folder, mia_json):
    forest.add(folder, FEW)
    forest.add(folder, FEW, "arrays.yaml")
    of_model = forest.by_attack(mia_json("audit", "audit.yaml", "--out", "one"))
    of_arrays = forest.by_attack(mia_json("audit", "arrays.yaml", "--out", "two"))
    for name, result in of_arrays.items():
        assert {key: result[key] for key in ("auc", "auc_ci", "tpr_at_fpr")} == {
            key: of_model[name][key] for key in ("auc", "auc_ci", "tpr_at_fpr")
        }


@pytest.mark.slow
def test_the_contract(folder, mia_json):
    forest.add(folder, FEW + "groups: [sex]\nthreat_models: [prediction-api-scores, prediction-api-labels]\n" + forest.POPULATION)
    found = mia_json("audit", "audit.yaml", "--out", "out")
    assert {"name", "checks", "blind_baseline", "threat_models", "ensemble", "price", "out"} <= found.keys()
    assert [one["id"] for one in found["threat_models"]] == ["prediction-api-scores", "prediction-api-labels"]
    for one in found["threat_models"]:
        assert {"id", "grants", "results", "skipped", "unlock", "control"} <= one.keys()
    assert [check.keys() for check in found["checks"]] == [{"code", "severity", "message"}] * len(found["checks"])
    written = json.loads((folder / "out" / "results.json").read_text())
    assert written["threat_models"] == found["threat_models"]
    with np.load(folder / "out" / "scores.npz") as scores:
        assert set(scores.files) == {
            "member",
            "id",
            "prediction-api-scores/yeom-2018-loss",
            "prediction-api-scores/yeom-2018-gap",
            "prediction-api-labels/yeom-2018-gap",
        }
        assert scores["prediction-api-scores/yeom-2018-loss"].dtype == np.float64
        assert scores["member"].tolist() == [True] * 60 + [False] * 60
        assert scores["id"][0] == str(2**64 + 7)


@pytest.mark.slow
def test_what_one_more_thing_would_unlock(folder, mia, mia_json):
    unlock = {one["attack"]: one["missing"] for one in mia_json("audit", "audit.yaml", "--dry-run")["threat_models"][0]["unlock"]}
    assert ["D1.samples"] in unlock["carlini-2022-lira"]
    assert "Give `population`: " in mia("audit", "audit.yaml", "--out", "out").stdout


@pytest.mark.slow
def test_a_failed_split_is_run_and_is_not_valid(folder, mia_json):
    for name in ("train", "holdout"):
        table = pd.read_csv(folder / f"{name}.csv", dtype={"patient": str})
        table["age"] += 3.0 * (name == "train")
        table.to_csv(folder / f"{name}.csv", index=False)
    forest.add(folder, FEW)
    found = mia_json("audit", "audit.yaml", "--out", "out", code=1)
    assert found["valid"] is False
    (check,) = [check for check in found["checks"] if check["code"] == "blind-baseline"]
    assert check["severity"] == "error" and "measures the split, not the model" in check["message"]
    assert forest.by_attack(found)["yeom-2018-loss"]["auc"] > 0.5


@pytest.mark.slow
def test_the_control_is_at_chance(folder, mia_json):
    forest.add(folder, FEW)
    control = mia_json("audit", "audit.yaml", "--out", "out")["threat_models"][0]["control"]
    assert {row["attack"] for row in control} == {"yeom-2018-loss", "yeom-2018-gap"}
    for row in control:
        assert row["auc_ci"][0] <= 0.5 <= row["auc_ci"][1]


@pytest.mark.slow
def test_what_a_function_prints_stays_out_of_the_results(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 2}\n")
    (folder / "my_training.py").write_text(
        "from sklearn.ensemble import RandomForestClassifier\n\nprint('imported')\n\n\nclass Loud(RandomForestClassifier):\n"
        "    def predict_proba(self, x):\n        print('asked')\n        return super().predict_proba(x)\n\n\n"
        "def train(x, y, seed):\n    print('training')\n    return Loud(5, random_state=seed).fit(x, y)\n"
    )
    assert mia_json("audit", "audit.yaml", "--trust-code", ".", "--workers", "2")["threat_models"][0]["results"]


def test_a_builder_that_raises_is_told_with_its_line(folder, mia):
    (folder / "my_training.py").write_text("def build():\n    return {}['forest']\n")
    text = (folder / "audit.yaml").read_text()
    (folder / "audit.yaml").write_text(text.replace("file: model.skops", "function: my_training.py:build"))
    done = mia("audit", "audit.yaml", "--trust-code", ".")
    assert done.returncode == 2 and not done.stdout
    assert "KeyError" in done.stderr and "my_training.py:2" in done.stderr


def test_a_folder_that_cannot_be_written_is_told_and_nothing_else(folder, mia):
    forest.add(folder, FEW)
    (folder / "taken").write_text("")
    done = mia("audit", "audit.yaml", "--out", "taken")
    assert done.returncode == 2 and not done.stdout and "--out" in done.stderr


@pytest.mark.slow
def test_lira_by_a_function_is_lira_by_hand(folder, mia_json):
    """The training function is called on records and labels as they stand in the file, by seeds that follow from the run's."""
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 8}\n")
    calls = folder / "calls"
    calls.mkdir()
    (folder / "my_training.py").write_text(
        "import numpy as np, uuid\nfrom sklearn.ensemble import RandomForestClassifier\n\n\n"
        "def train(x, y, seed):\n"
        f"    np.savez('{calls}/' + uuid.uuid4().hex, x=x, y=np.array(y, dtype=str), seed=seed)\n"
        "    return RandomForestClassifier(20, random_state=seed).fit(x, y)\n"
    )
    mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    table = pd.read_csv(folder / "train.csv")
    candidates = pd.concat([table, pd.read_csv(folder / "holdout.csv")])
    known = {tuple(row): label for row, label in zip(candidates[forest.COLUMNS].to_numpy(), candidates["outcome"], strict=True)}
    losses_in, losses_out = [[] for _ in range(120)], [[] for _ in range(120)]
    found = [np.load(path) for path in calls.iterdir()]
    trained = [one for one in found if len(one["x"]) == 60]
    assert len(trained) == 8
    for one in trained:
        for row, label in zip(one["x"], one["y"], strict=True):
            assert known.get(tuple(row), label) == label
        model = RandomForestClassifier(20, random_state=int(one["seed"])).fit(one["x"], one["y"])
        answers = model.predict_proba(candidates[forest.COLUMNS].to_numpy())
        held = {tuple(row) for row in one["x"]}
        for k, (row, label) in enumerate(zip(candidates[forest.COLUMNS].to_numpy(), candidates["outcome"], strict=True)):
            p = answers[k, list(model.classes_).index(label)]
            # Half a step of one tree in twenty is as near to 0 and 1 as such a forest can tell.
            p = {0.0: 0.025 / 1.025, 1.0: 1 / 1.025}.get(round(p, 9), p)
            (losses_in if tuple(row) in held else losses_out)[k].append(-np.log(p))
    loss = own_scores(folder)[0]
    loss = -np.log(np.where(np.exp(-loss) > 1 - 1e-9, 1 / 1.025, np.where(np.exp(-loss) < 1e-9, 0.025 / 1.025, np.exp(-loss))))
    midpoint = np.array([(np.mean(a) + np.mean(b)) / 2 for a, b in zip(losses_in, losses_out, strict=True)])
    with np.load(folder / "out" / "scores.npz") as scores:
        mine, theirs = midpoint - loss, scores["sablayrolles-2019-mast"]
    assert np.corrcoef(mine, theirs)[0, 1] > 0.999
    assert np.abs(mine - theirs).max() < 1e-6


@pytest.mark.slow
def test_false_accusations_are_told_record_by_record(folder, mia_json):
    forest.write(folder, count=120)
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 4}\n")
    found = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")["record_alarms"]
    # Each candidate is in half of four models, so that two never saw it.
    assert found["records"] == 240 and found["models"] == [2, 2]
    assert 0 < found["pooled_fpr"] < 1
    assert "False accusations, record by record" in (folder / "out" / "report.html").read_text()


def test_in_a_notebook(folder):
    rows = {name: pd.read_csv(folder / f"{name}.csv") for name in ("train", "holdout", "others")}
    pairs = {name: (table[forest.COLUMNS], table["outcome"]) for name, table in rows.items()}
    model = RandomForestClassifier(20, random_state=0).fit(*pairs["train"])
    result = notebook.run(model=model, members=pairs["train"], non_members=pairs["holdout"], attacks=["yeom-2018-loss"])
    loss, member = own_scores(folder)
    assert result.table()["auc"].tolist() == [pytest.approx(roc_auc_score(member, -loss), abs=1e-12)]
    assert "of 60 members" in result.sentences()[0] or "too few" in result.sentences()[0]
    assert "<table" in result._repr_html_()


def test_what_makes_figures_worthless_is_said_before_them():
    checks = [{"severity": "error", "message": "the split is wrong"}, {"severity": "warning", "message": "no more than that"}]
    data = {"name": "mine", "valid": False, "checks": checks, "threat_models": [{"id": "a", "title": "Somebody", "results": []}]}
    printed = repr(AuditResult(data, {}, np.zeros(0, dtype=bool), np.zeros(0), load())).splitlines()
    assert printed[:2] == ["Audit of mine", "Warning: the split is wrong."] and printed[2].startswith("Somebody: ")
    assert len(printed) == 3


def test_a_starter_is_an_audit_file(folder, mia):
    done = mia("audit", "--init")
    assert done.returncode == 0
    starter = done.stdout.replace("label: target", "label: outcome, id: patient")
    (folder / "starter.yaml").write_text(starter + FEW)
    done = mia("audit", "starter.yaml", "--dry-run")
    assert done.returncode == 0, done.stderr
    done = mia("audit", "--init", "--from", "train_answers.csv")
    assert 'columns: "p_*"' in done.stdout and "id: patient" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("separator", [",", ";"])
def test_tables_of_other_programs(folder, mia_json, separator):
    """With a byte-order mark, Windows' line ends, and semicolons."""
    forest.add(folder, FEW)
    before = mia_json("audit", "audit.yaml", "--out", "one")
    for name in ("train", "holdout"):
        text = (folder / f"{name}.csv").read_text().replace(",", separator).replace("\n", "\r\n")
        (folder / f"{name}.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert forest.by_attack(mia_json("audit", "audit.yaml", "--out", "two")) == forest.by_attack(before)


def test_columns_go_by_name_in_whatever_order_a_side_has_them(folder, mia_json):
    forest.add(folder, FEW)
    before = mia_json("audit", "audit.yaml", "--out", "one")
    table = pd.read_csv(folder / "holdout.csv", dtype={"patient": str})
    table[table.columns[::-1]].to_csv(folder / "holdout.csv", index=False)
    assert forest.by_attack(mia_json("audit", "audit.yaml", "--out", "two")) == forest.by_attack(before)


def test_without_a_population_shadow_models_are_trained_on_the_candidates(folder, mia_json):
    """Who has a training function and no other records: half of the candidates a model, and members are not marked."""
    forest.add(folder, forest.TRAIN + "attacks: [carlini-2022-lira]\nlimits: {models: 4}\n")
    calls = folder / "calls"
    calls.mkdir()
    (folder / "my_training.py").write_text(
        "import numpy as np, uuid\nfrom sklearn.ensemble import RandomForestClassifier\n\n\n"
        "def train(x, y, seed):\n"
        f"    np.save('{calls}/' + uuid.uuid4().hex, x)\n"
        "    return RandomForestClassifier(20, random_state=seed).fit(x, y)\n"
    )
    found = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    assert list(forest.by_attack(found)) == ["carlini-2022-lira"] and "D2.superset" in found["threat_models"][0]["grants"]
    sides = [pd.read_csv(folder / f"{name}.csv")[forest.COLUMNS].to_numpy() for name in ("train", "holdout")]
    members, others = ({tuple(row) for row in side} for side in sides)
    trained = [{tuple(row) for row in x} for x in map(np.load, calls.iterdir()) if len(x) == len(members)]
    assert len(trained) == 4
    for rows in trained:
        assert rows <= members | others and rows & members and rows & others


def test_with_a_population_nobody_is_given_the_candidates_as_a_pool(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + FEW)
    found = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    assert "D2.superset" not in found["threat_models"][0]["grants"]


def test_references_alone_run_all_that_they_allow(folder, mia_json):
    """What needs the records that reference models were trained on is left out with the reason, and is no failure."""
    generator = np.random.default_rng(0)
    inside = np.stack([generator.permutation(6) < 3 for _ in range(120)], axis=1)
    sure = np.clip(generator.beta(6, 2, size=inside.shape) + 0.1 * inside, 0.01, 0.99)
    np.savez(folder / "refs.npz", scores=np.stack([sure, 1 - sure], axis=2), trained_on=inside)
    forest.add(folder, "references: {file: refs.npz}\n", "arrays.yaml")
    found = mia_json("audit", "arrays.yaml", "--out", "out")["threat_models"][0]
    assert not found["failures"]
    assert {"carlini-2022-lira", "carlini-2022-lira-offline"} <= {result["attack"] for result in found["results"]}
    (reason,) = [one["because"] for one in found["skipped"] if one["id"] == "brannvall-2026-bavaria-offline"]
    assert "records that the reference models were trained on" in reason


@pytest.mark.slow
def test_what_a_threat_model_grants_and_nobody_hands_over_is_said(folder, mia, mia_json):
    forest.add(folder, "threat_models: [prediction-api-scores]\n")
    done = mia("audit", "audit.yaml", "--dry-run")
    assert "which the audit file does not hand over" in " ".join(done.stdout.split())
    (threat,) = mia_json("audit", "audit.yaml", "--out", "out")["threat_models"]
    assert "Records of the same distribution (D1.samples)" in threat["left_out"][0]
    assert "which the audit file does not hand over" in (folder / "out" / "report.html").read_text()


@pytest.mark.slow
def test_attacks_that_the_records_do_not_suit_are_counted(folder, mia):
    few = pd.read_csv(folder / "others.csv", dtype={"patient": str})[:20]
    few.to_csv(folder / "others.csv", index=False)
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [yeom-2018-gap, carlini-2022-lira-offline]\n")
    done = mia("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    assert "1 of the attacks could not be run (carlini-2022-lira-offline)" in " ".join(done.stdout.split())


def test_sides_that_look_swapped(folder, mia_json):
    forest.add(folder, FEW)
    path = folder / "audit.yaml"
    path.write_text(
        path.read_text().replace("train.csv", "x.csv").replace("holdout.csv", "train.csv").replace("x.csv", "holdout.csv")
    )
    checks = mia_json("audit", "audit.yaml", "--dry-run")["checks"]
    assert [check["severity"] for check in checks if check["message"].endswith("are the two swapped?")] == ["warning"]


def test_no_labels_are_told(folder, mia_json):
    path = folder / "audit.yaml"
    path.write_text(path.read_text().replace("label: outcome, ", ""))
    checks = mia_json("audit", "audit.yaml", "--dry-run")["checks"]
    assert "unlabelled" in {check["code"] for check in checks}


def test_a_model_is_no_audit_file(folder, mia):
    done = mia("audit", "model.skops")
    assert done.returncode == 2 and "mia audit --init --from model.skops > audit.yaml" in done.stderr


def test_coins_bound_the_privacy_from_below(folder, mia_json):
    """Where a coin decided who was trained on, guesses that are nearly all right show that epsilon is not small."""
    for name, sure in (("train", 0.99), ("holdout", 0.6)):
        table = pd.read_csv(folder / f"{name}_answers.csv", dtype={"patient": str})
        table["p_sick"] = np.where(table["outcome"] == "sick", sure, 1 - sure)
        table["p_well"] = 1 - table["p_sick"]
        table.to_csv(folder / f"{name}_answers.csv", index=False)
    forest.add(folder, "coins: {delta: 0.00001}\nattacks: [steinke-2023-one-run-audit]\n", "arrays.yaml")
    (result,) = mia_json("audit", "arrays.yaml", "--out", "out")["threat_models"][0]["results"]
    assert result["metric"]["name"] == "lower bound on epsilon" and result["metric"]["value"] > 1.0


@pytest.mark.slow
@pytest.mark.parametrize("file", ["audit.yaml", "arrays.yaml"])
def test_the_place_of_a_record_tells_nothing(folder, file):
    """Members stand first in the files, and an attack that ranks by place would be perfect if they did for attacks."""
    from attacks.audit import reading, running
    from attacks.audit.file import read
    from attacks.audit.reading import Trust
    from attacks.handles import Ledger
    from taxonomy.loading import load

    parts = reading.parts(read(folder / file), Trust())
    with running.prepared(load(), parts, attacks=["yeom-2018-loss"]) as ready:
        records = ready.target.records(Ledger(), with_label=False)
        member = ready.target.member.numpy()
        for shown in (
            -np.arange(len(member)),
            -records.x[:, 0].double().numpy() if parts.rows is None else records.ids.astype(float),
        ):
            assert 0.35 < roc_auc_score(member, shown) < 0.65
        assert parts.as_in_files(member).tolist() == [True] * 60 + [False] * 60


@pytest.mark.slow
def test_classes_go_by_name_whatever_their_order(folder, mia_json):
    found = []
    for names in (["sick", "well"], ["well", "sick"]):
        (folder / "net.py").write_text(
            "import numpy as np\n\n\ndef predict(rows):\n    sick = 1 / (1 + np.exp(-rows[:, 3]))\n"
            f"    return np.stack([{'sick, 1 - sick' if names[0] == 'sick' else '1 - sick, sick'}], axis=1)\n"
        )
        (folder / "named.yaml").write_text(
            forest.AUDIT.replace(
                "{kind: sklearn, file: model.skops}",
                f"{{kind: callable, function: net.py:predict, classes: [{', '.join(names)}]}}",
            )
            + f"features: [{', '.join(forest.COLUMNS)}]\n{FEW}"
        )
        found.append(forest.by_attack(mia_json("audit", "named.yaml", "--trust-code", ".", "--out", "out")))
    for name, result in found[0].items():
        assert result["auc"] == found[1][name]["auc"]
