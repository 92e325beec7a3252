"""Files for others: what trusted research environments read, and a checklist that judges by the user's thresholds alone."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import yaml
from audited import API, EVIL, IDS, MEMBER, audit
from scipy import stats

from attacks.audit import report
from attacks.audit.report import checklist
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load()
NAMED = checklist.thresholds(["tpr@0.01=0.05", "auc=0.99", "tpr@.001=0.5", "tpr@0.010=0.05"])


def write(folder, formats=report.FORMATS, named=NAMED, **more):
    data, scores = audit(**more)
    given = {"ids": IDS, "exhibits": {}, "catalog": CATALOG, "formats": formats, "thresholds": named}
    report.write(data, scores, MEMBER, folder, **given)
    return data, scores


def test_what_lies_in_the_folder(tmp_path):
    data, scores = write(tmp_path)
    own = {"report.html", "results.json", "scores.npz", f"roc-1-{API}.png", "roc-2-own-model.png"}
    assert {path.name for path in tmp_path.iterdir()} == own | {
        "target.yaml",
        "report.json",
        "summary.txt",
        "aisvs.md",
        "aisvs.json",
    }
    assert json.loads((tmp_path / "results.json").read_text()) == data
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as found:
        assert set(found.files) == {*scores, "member", "id"} and found["id"].tolist() == IDS
        assert all(np.array_equal(found[name], score) for name, score in scores.items())


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="'pdf' is unknown; there are sacro, aisvs"):
        write(tmp_path, formats=("pdf",))
    assert not list(tmp_path.iterdir())


def test_sacro_has_the_keys_that_its_readers_look_for(tmp_path):
    _, scores = write(tmp_path)
    found = json.loads((tmp_path / "report.json").read_text())
    assert len(found) == 3
    name, one = next(iter(found.items()))
    assert name == f"yeom-2018-loss_{one['log_id']}" and re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", one["log_time"])
    assert one["metadata"]["attack_name"] == "Attack yeom-2018-loss"
    figures = one["attack_experiment_logger"]["attack_instance_logger"]["instance_0"]
    assert {
        "AUC",
        "P_HIGHER_AUC",
        "ACC",
        "FDIF01",
        "PDIF01",
        "TPR",
        "FPR",
        "PPV",
        "TPR@1%",
        "n_pos_test_examples",
    } <= figures.keys()
    assert "TPR@0.1%" not in figures, "400 non-members do not resolve it"
    # Written again, by sacroml's definitions.
    score = scores[f"{API}/yeom-2018-loss"]
    called = score >= 0.5
    assert figures["ACC"] == pytest.approx(np.mean(called == MEMBER)) and figures["PPV"] == pytest.approx(MEMBER[called].mean())
    order = np.argsort(score)
    difference = MEMBER[order[-80:]].mean() - MEMBER[order[:80]].mean()
    assert figures["FDIF01"] == pytest.approx(difference)
    p = stats.norm.sf(difference, scale=np.sqrt(2 * 0.25 / 80))
    assert figures["PDIF01"] == pytest.approx(-np.log(p))
    test = stats.mannwhitneyu(score[MEMBER], score[~MEMBER], alternative="greater", method="asymptotic", use_continuity=False)
    assert figures["P_HIGHER_AUC"] == pytest.approx(test.pvalue, rel=1e-6)
    target = yaml.safe_load((tmp_path / "target.yaml").read_text())
    assert target["model_name"] == f"forest {EVIL}" and target["n_samples"] == 400 and target["X_train_path"] == ""
    summary = (tmp_path / "summary.txt").read_text()
    assert summary.startswith("TARGET MODEL SUMMARY\nmodel_name: forest")
    against, release = summary.split("Evidence supporting rejection:")[1].split("Evidence supporting release:")
    assert "tpr@0.01 at most 0.05" in against and "auc at most 0.99" in release and "not measured" in release.split("Open:")[1]


def test_without_thresholds_nothing_is_judged(tmp_path):
    write(tmp_path, named={})
    assert "no figure is held for or against" in (tmp_path / "summary.txt").read_text()
    assert "None was named, so nothing is judged" in (tmp_path / "aisvs.md").read_text()
    assert json.loads((tmp_path / "aisvs.json").read_text())["thresholds"] == []


def test_a_threshold_is_met_missed_or_open():
    data, _ = audit()
    strongest = data["threat_models"][0]["results"][0]
    reached, (_, high) = strongest["tpr_at_fpr"]["0.01"], strongest["tpr_at_fpr_ci"]["0.01"]
    data["ensemble"] = None
    for threat in data["threat_models"]:
        threat["failures"] = []
    for at_most, met in ((high, True), (reached, None), (reached - 1e-6, False)):
        (one,) = checklist.judge(data, {"tpr@0.01": at_most})
        assert (one.met, one.value, one.attack) == (met, reached, strongest["title"])
    data["threat_models"][-1]["failures"] = [{"attack": "shokri-2017", "error": "ValueError: boom"}]
    (one,) = checklist.judge(data, {"tpr@0.01": high})
    assert one.met is None and "failed, and might have found more" in one.verdict
    data["ensemble"] = {"tpr_at_fpr": {"0.01": 0.9}, "tpr_at_fpr_ci": {"0.01": [0.8, 0.95]}, "attacks": [1, 2], "exposed": []}
    assert checklist.judge(data, {"tpr@0.01": 0.5})[0].attack == "all attacks together"
    assert checklist.judge(data, {"tpr@0.001": 0.5})[0].verdict == "not measured"


def test_where_only_a_weaker_attack_reaches_beyond_the_threshold_that_one_is_named():
    data, _ = audit(ensemble=None)
    narrow = {"auc": 0.60, "auc_ci": [0.59, 0.61], "title": "narrow"}
    wide = {"auc": 0.55, "auc_ci": [0.40, 0.70], "title": "wide"}
    base = data["threat_models"][0]["results"][0]
    data["threat_models"] = [{**data["threat_models"][0], "results": [{**base, **narrow}, {**base, **wide}]}]
    (one,) = checklist.judge(data, {"auc": 0.65})
    assert one.met is None and one.attack == "wide"


def test_the_checklist_says_the_control_what_was_measured_and_what_is_not_covered(tmp_path):
    write(tmp_path, valid=False)
    data = json.loads((tmp_path / "aisvs.json").read_text())
    assert data["standard"]["control"] == "11.2.5" and data["standard"]["level"] == 3
    assert [one["met"] for one in data["thresholds"]] == [False, None, None]
    assert "failed" in data["thresholds"][1]["verdict"], "an attack that failed might have found more"
    there = {row["asked"]: row["there"] for row in data["evidence"]}
    assert (
        there["parts of the population"] and there["a blind baseline of the split"] and not there["a split that is no giveaway"]
    )
    told = (tmp_path / "aisvs.md").read_text()
    assert not there["attacks that did not fail"] and "might have found, no figure here says" in told
    assert "11.2.4" in told and "no verdict above is about the model" in told
    assert "<script" not in re.sub(r"`[^`]*`", "", told).replace("\\<", "")
    assert all(line.count("|") - line.count("\\|") == 6 for line in told.splitlines() if line.startswith("| tpr"))


@pytest.mark.parametrize(
    "text", ["tpr=0.1", "tpr@1=0.1", "tpr@0=0.1", "auc=1.1", "auc=", "auc 0.5", "tpr@0.01=-1", "tpr@0.0=0.5"]
)
def test_what_has_not_the_form_of_a_threshold_is_refused(text):
    with pytest.raises(InputError, match=r"expected auc=VALUE or tpr@RATE=VALUE"):
        checklist.thresholds([text])


def test_thresholds_are_read():
    assert NAMED == {"tpr@0.01": 0.05, "auc": 0.99, "tpr@0.001": 0.5}
    assert checklist.thresholds(["auc=1", "tpr@.5=0"]) == {"auc": 1.0, "tpr@0.5": 0.0}
