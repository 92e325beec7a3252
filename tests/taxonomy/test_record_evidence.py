"""Scores of single records as evidence: what is wrong with a file is told, and what is older than the code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from taxonomy import record_evidence
from taxonomy.findings import InputError
from taxonomy.loading import load


def stored():
    (path,) = record_evidence.files(load())
    return json.loads(path.read_text())


@pytest.fixture
def told(tmp_path):
    """Return what is said of a changed file, without any code: then no fingerprint is today's."""
    folder = tmp_path / "catalog"
    (folder / "attacks").mkdir(parents=True)
    (folder / "evidence" / "records").mkdir(parents=True)

    def check(**changes):
        text = json.dumps({**stored(), **changes})
        (folder / "evidence" / "records" / "digits-mlp.json").write_text(text)
        catalog = replace(load([folder]), folders=[folder])  # ours has a file of this name, and an earlier folder goes first
        return list(record_evidence.check(catalog, []))

    return check


def test_a_file_that_an_earlier_folder_has_too_is_told(tmp_path):
    (tmp_path / "attacks").mkdir()
    (tmp_path / "evidence" / "records").mkdir(parents=True)
    (tmp_path / "evidence" / "records" / "digits-mlp.json").write_text(json.dumps(stored()))
    (finding,) = [f for f in record_evidence.check(load([tmp_path]), []) if str(tmp_path) in f.file]
    assert (
        finding.code == "MIA028" and "this file is not read" in finding.message and "another id than digits-mlp" in finding.hint
    )


def test_what_is_older_than_the_code_is_told_by_attack(told):
    (finding,) = told()
    assert finding.code == "MIA028" and all(one["attack"] in finding.message for one in stored()["attacks"])
    assert "scored_records" in finding.hint


@pytest.mark.slow
def test_unknown_names_and_missing_scores_are_told(told):
    (finding,) = told(attacks=[{**one, "attack": one["attack"].replace("loss", "lost")} for one in stored()["attacks"]])
    assert finding.code == "MIA029" and "yeom-2018-lost" in finding.message and "yeom-2018-loss" in finding.hint
    records = stored()["records"]
    records[0]["scores"].pop()
    (finding,) = told(records=records)
    assert finding.code == "MIA029" and "record 0 has 2 scores" in finding.message
    messages = [finding.message for finding in told(target="digits-forest")]
    assert "named after digits-mlp" in messages[0] and "unknown target 'digits-forest'" in messages[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"picture": "0"}, "not all of as many pixels"),
        ({"label": 10}, "the label of a class that is not answered"),
        ({"answer": [2.0] + [0.0] * 9}, "records.0.answer.0: input should be less than or equal to 1"),
        ({"scores": [float("nan"), 0.0, 0.0]}, "records.0.scores.0: input should be a finite number"),
    ],
)
def test_a_record_that_cannot_be_is_told(told, changed, said):
    first, *others = stored()["records"]
    (finding,) = told(records=[{**first, **changed}, *others])
    assert finding.code == "MIA029" and said in finding.message


def test_a_damaged_file_is_one_sentence(tmp_path):
    path = tmp_path / "digits-mlp.json"
    path.write_text(json.dumps({**stored(), "seed": "first"}))
    with pytest.raises(InputError, match="seed"):
        record_evidence.read(path)
