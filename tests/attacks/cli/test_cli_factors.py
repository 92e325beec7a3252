"""`mia factors`: what is listed, measured and written, and one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TINY = Path(__file__).parents[2] / "data" / "tiny"
FACTOR = """\
schema: 1
id: factor-tiny
title: A factor
summary: For tests.
where: Nowhere
measure: Somehow.
varies:
  axis: epochs
  parameter: target.epochs
  values: [1, 40]
  targets: [tiny]
  attacks: [yeom-2018-gap]
"""


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    (tmp_path / "own" / "factors").mkdir(parents=True)
    (tmp_path / "own" / "factors" / "factor-tiny.yaml").write_text(FACTOR)
    return ["--catalog", str(TINY), "--catalog", str(tmp_path / "own")]


def test_factors_are_listed(mia, mia_json):
    listed = {f["id"]: f for f in mia_json("factors")["factors"]}
    assert listed["factor-training-set-size"]["varies"]["targets"] == ["mnist-mlp"]
    assert listed["factor-unusual-records"]["missing"] and "evidence" in listed["factor-unusual-records"]
    text = mia("factors").stdout
    assert "records in the training set" in text and "not here" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainin-set-size"], "unknown factor 'trainin-set-size': did you mean factor-training-set-size?"),
        (["factor-unusual-records"], "factor-unusual-records cannot be measured here: How unusual"),
        (["--save"], "name the factor that is to be measured"),
        (["overfitting", "--save", "--out", "here"], "use one of them"),
        (["overfitting", "--seeds", "0"], "0 is not in the range"),
    ],
)
def test_bad_input_gets_one_sentence(mia, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = mia("factors", *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_measures_nothing(mia_json, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = mia_json("factors", "tiny", *own, "--dry-run", "--seeds", "2")
    assert told["factor"] == "factor-tiny" and told["seeds"] == [0, 1]
    assert (told["expected"][0]["runs"], told["expected"][0]["targets"]) == (4, ["tiny", "tiny~1"])
    assert not (tmp_path / "mia-runs").exists()


@pytest.mark.parametrize("values", ["[0.1, -1]", "[0.1, far]", "[0.1, true]", "[[0.1], [0.2]]", "[0.1, 0.1]"])
def test_a_factor_that_is_wrong_is_not_measured(mia, own, tmp_path, monkeypatch, values):
    monkeypatch.chdir(tmp_path)
    text = FACTOR.replace("target.epochs", "adversarial-training.bound").replace("[1, 40]", values)
    (tmp_path / "own" / "factors" / "factor-tiny.yaml").write_text(text)
    done = mia("factors", "tiny", *own)
    assert done.returncode == 2 and "factor-tiny.yaml:10:" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "mia-runs").exists()


@pytest.mark.slow
def test_a_factor_is_measured_once(mia, mia_json, own, tmp_path):
    first = mia_json("factors", "factor-tiny", *own, "--seeds", "1", "--out", str(tmp_path / "out"))
    (curve,) = first["evidence"]["curves"]
    assert first["trained"] == 2 and [p["value"] for p in curve["points"]] == ["1", "40"]
    assert curve["points"][1]["auc_change"]["mean"] > 0
    assert json.loads((tmp_path / "out" / "factor-tiny.json").read_text()) == first["evidence"]
    assert (tmp_path / "out" / "factor-tiny.svg").read_text().startswith("<svg")
    saved = mia("factors", "tiny", *own, "--seeds", "1", "--save")
    assert saved.returncode == 0 and "0 models trained" in saved.stdout and "yeom-2018-gap on tiny" in saved.stdout
    kept = tmp_path / "own" / "evidence" / "factors"
    assert [path.name for path in kept.iterdir()] == ["factor-tiny.json"]
    assert (kept / "factor-tiny.json").read_bytes() == (tmp_path / "out" / "factor-tiny.json").read_bytes()
    (listed,) = (f for f in mia_json("factors", *own)["factors"] if f["id"] == "factor-tiny")
    assert listed["evidence"] == first["evidence"]
