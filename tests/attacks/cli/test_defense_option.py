"""`mia run --defense`: what is printed and written, and what is refused before anything is trained."""

from __future__ import annotations

import json

import pytest
from test_cli import TINY_RUN

BAD = {
    "unknown defense": (["--defense", "rounded-score"], "did you mean rounded-scores?"),
    "unknown parameter": (["--defense", "rounded-scores", "--set", "rounded-scores.digit=1"], "did you mean digits?"),
    "bad parameter": (
        ["--defense", "rounded-scores", "--set", "rounded-scores.digits=-1"],
        "rounded-scores.digits must be at least 0 and at most 15 (found -1)",
    ),
    "setting of a defense that is not there": (["--set", "dropout.hidden=0.1"], "add --defense dropout"),
    "knowledge of no defense": (["--naive"], "add --defense ID"),
    "defense that does not fit": (["--defense", "dropout", "--target", "digits-gan"], "digits-gan is not discriminative"),
    "attack that a defense stops": (["shokri-2017", "--defense", "label-only"], "infeasible under this threat model"),
    "more scores than classes": (
        [*TINY_RUN[1:], "yeom-2018-loss", "--defense", "top-k-scores", "--set", "top-k-scores.k=11"],
        "11 scores cannot be shown: the target tells 10 classes apart",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_is_refused_before_anything_is_trained(mia, case):
    arguments, message = BAD[case]
    done = mia("run", *arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr + done.stdout
    assert json.loads(mia("store", "ls", "--json").stdout)["nodes"] == []


def test_a_run_says_what_a_defense_costs_and_leaves(mia, mia_json, tmp_path):
    data = mia_json(*TINY_RUN, "yeom-2018-loss", "--defense", "top-k-scores", "--set", "top-k-scores.k=1", "--naive")
    defense = data["defense"]
    assert defense["id"] == "top-k-scores" and defense["params"] == {"k": 1} and defense["adaptive"] is False
    accuracy = defense["utility"]["test_accuracy"]
    assert accuracy["defended"] == accuracy["undefended"] == data["target_facts"]["test_accuracy"]
    assert "Q.top-k" in data["granted"] and "Q.scores" not in data["granted"]
    assert data["out"] == "mia-runs/tiny-top-k-scores-seed-0"
    assert "tiny with top-k-scores" in (tmp_path / data["out"] / "report.html").read_text()
    done = mia(*TINY_RUN, "yeom-2018-loss", "--defense", "top-k-scores")
    assert "Defense top-k-scores (k 3), against an adversary who knows of it" in done.stdout
    assert "Without and with top-k-scores: test accuracy" in done.stdout and "training seconds" in done.stdout
    assert mia_json(*TINY_RUN, "yeom-2018-loss")["defense"] is None
