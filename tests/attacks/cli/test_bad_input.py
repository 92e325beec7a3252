"""What a user types wrongly is told in one message, with exit code 2 and without a traceback."""

from __future__ import annotations

import pytest

SCORES = ["--observation", "black-box", "--model", "discriminative", "--knows", "Q", "--knows", "record.label"]
BAD = {
    "unknown attack": (["run", "shokri-2071"], "did you mean shokri-2017?"),
    "unknown attack to explain": (["explain", "lirra", *SCORES], "did you mean carlini-2022-lira (LiRA)?"),
    "ambiguous name": (["explain", "logan", *SCORES], "may be any of logan-1, logan-2, logan-3, logan-3-generative"),
    "unknown target": (["run", "--target", "digits"], "did you mean digits-"),
    "unknown term": (["feasible", *SCORES, "--knows", "Q.lables"], "did you mean Q.labels?"),
    "unknown threat model": (["feasible", "--threat-model", "prediction-api-score"], "did you mean prediction-api-scores?"),
    "missing file": (["feasible", "--threat-model", "no/such.yaml"], "no such file"),
    "contradiction": (["feasible", *SCORES, "--knows", "M1"], "black-box with M1.parameters"),
    "nothing stated": (["feasible"], "states no observation"),
    "no model type": (["feasible", "--observation", "black-box"], "states no model type"),
    "unknown goal": (["feasible", *SCORES, "--goal", "membershp"], "did you mean membership?"),
    "other model type": (["run", "--observation", "black-box", "--model", "generative"], "digits-mlp is a discriminative model"),
    "infeasible attack": (["run", "carlini-2022-lira", *SCORES], "infeasible under this threat model"),
    "limit too low": (["run", "carlini-2022-lira", "--models", "1"], "models and the limit is 1 (--models), and with 2 it is"),
    "no query at all": (
        ["run", "yeom-2018-gap", *SCORES, "--queries", "0"],
        "it needs queries: 1 for each record; the limit is 0",
    ),
    "negative count": (["run", "--set", "shadow-models.count=-1", "--dry-run"], "shadow-models.count must be at least 1"),
    "batch of nothing": (["run", "--set", "hui-2021-blindmi.batch=0", "--dry-run"], "hui-2021-blindmi.batch must be at least 1"),
    "fewer than the method takes": (
        ["run", "carlini-2022-lira", "--set", "shadow-models.count=1", "--dry-run"],
        "is set to 1, and the method takes 2 at least",
    ),
    "two values": (
        ["run", "--set", "shadow-models.count=4", "--set", "shadow-models.count=8"],
        "shadow-models.count is given two values: 4 and 8",
    ),
    "two defenses": (["run", "--defense", "memguard", "--defense", "rounded-scores"], "--defense is given more than once"),
    "two observations": (["feasible", *SCORES, "--observation", "white-box"], "--observation is given more than once"),
    "both adversaries": (
        ["run", "--defense", "memguard", "--naive", "--adaptive"],
        "--adaptive / --naive is given more than once",
    ),
    "a defense that is not there": (
        ["run", "--set", "memguard.budget=1"],
        "add --defense memguard to mia run, or its id and params under `defense` to an audit file",
    ),
    "an attack beside itself": (["compare", "yeom-2018-loss", "yeom-2018-loss"], "yeom-2018-loss is named twice"),
    "no folder to check": (["check", "nowhere"], "nowhere: no such folder"),
    "two formats": (["check", "--json", "--format", "sarif"], "use one of them"),
    "a folder for an audit": (["audit", "."], ".: a folder, and no file"),
    "a defense of an audit": (
        ["audit", "audit.yaml", "--defense", "rounded-scores"],
        "mia audit takes no --defense: it stands in the audit file, under `defense`",
    ),
    "a threat model of an audit": (["audit", "audit.yaml", "--threat-model", "x"], "in the audit file, under `threat_models`"),
    "no option of an audit": (["audit", "audit.yaml", "--dryrun"], "No such option '--dryrun'"),
    "no threat model": (["feasible", "--threat-model", ""], "unknown threat model ''"),
    "query limit too low": (["run", "yeom-2018-gap", *SCORES, "--queries", "10"], "needs 800 queries"),
    "negative limit": (["feasible", *SCORES, "--queries", "-1"], "at least 0"),
    "negative rows": (["feasible", *SCORES, "--rows", "-1"], "--rows must be at least 0"),
    "negative limit of gaps": (["gaps", "--models", "-1"], "--models must be at least 0"),
    "guarantee without a number": (["feasible", *SCORES, "--guarantee", "strong"], "expected EPSILON[,DELTA[,WHOSE]]"),
    "guarantee for nobody": (["explain", "yeom-2018-loss", *SCORES, "--guarantee", "1,0,group"], "record, sequence or user"),
    "guarantee below nothing": (["harden", *SCORES, "--guarantee", "-1"], "epsilon at least 0"),
    "guarantee without end": (["feasible", *SCORES, "--guarantee", "inf"], "expected EPSILON"),
    "guarantee of too much": (["feasible", *SCORES, "--guarantee", "1,0,record,user"], "expected EPSILON"),
    "what follows from white-box": (
        ["feasible", "--observation", "white-box", "--model", "aggregate"],
        "M1.parameters does not apply to an aggregate model in the stand-alone frame, and it follows from white-box",
    ),
    "bad --set": (["run", "--set", "count=3"], "expected NAME.PARAM=VALUE"),
    "unknown name in --set": (["run", "--set", "shadow-modles.count=4"], "did you mean shadow-models?"),
    "unknown parameter": (["run", "--set", "shadow-models.cuont=4"], "did you mean count?"),
    "defense with a slip in --set": (
        ["run", "--defense", "rounded-scores", "--set", "rounded-score.digits=2"],
        "unknown attack, step, artifact or defense 'rounded-score': did you mean rounded-scores?",
    ),
    "no defense": (["run", "yeom-2018-loss", "--defense", "", "--dry-run"], "unknown defense ''"),
    "a defense as an attack": (["run", "memguard"], "memguard is one of the defenses, not an attack"),
    "a defense to try": (["check", "--try", "memguard"], "memguard is one of the defenses, not an attack"),
    "a term as an attack": (["explain", "Q.scores", *SCORES], "Q.scores is one of the terms, not an attack"),
    "an attack as a target": (["run", "--target", "yeom-2018-loss"], "yeom-2018-loss is one of the attacks, not a target"),
    "a target as a defense": (["run", "--defense", "digits-mlp"], "digits-mlp is one of the targets, not a defense"),
    "a defense to bench": (["bench", "memguard"], "memguard is one of the defenses: mia bench --only memguard measures it"),
    "an attack as a group": (
        ["bench", "--only", "yeom-2018-loss"],
        "yeom-2018-loss is one of the attacks: mia bench yeom-2018-loss measures it",
    ),
    "bad value": (["run", "--set", "shadow-models.count=many"], "must be a whole number"),
    "unknown device": (["run", "--device", "cud"], "unknown device 'cud': did you mean cuda"),
    "no such catalog": (["attacks", "--catalog", "no-such-folder"], "no such folder"),
    "no such trusted folder": (["run", "yeom-2018-gap", "--trust-code", "nowhere"], "no such folder"),
    "unknown entry": (["show", "shokri"], "unknown entry"),
    "bad what-if": (["feasible", *SCORES, "--what-if", "M2"], "expected +TERM or -TERM"),
    "unknown term in what-if": (["feasible", *SCORES, "--what-if", "+M22"], "unknown term"),
    "what-if both ways": (["feasible", *SCORES, "--what-if", "+M2", "--what-if", "-M2"], "both grants and withdraws"),
    "unknown way to answer": (["feasible", *SCORES, "--as", "survey"], "did you mean surveyed?"),
    "compare with nothing": (["compare", "shokri-2017", "shokri-2018"], "did you mean shokri-2017?"),
    "schema of nothing": (["export", "json-schema", "attack"], "did you mean attacks?"),
    "two tables": (["table", "--surveyed", "--diff"], "choose one"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_input(mia, case):
    arguments, message = BAD[case]
    done = mia(*arguments)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["run", "--workers", "0"], ["run", "--seed", "x"], ["table", "--format", "pdf"]]
)
def test_usage_errors(mia, arguments):
    done = mia(*arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr
