"""Answers of a target of one's own: what was odd about them stands in every result, and broken ones fail every attack."""

from __future__ import annotations

import sys

import pytest

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy.loading import load

ENTRY = """\
schema: 1
id: mine
title: A target of one's own
summary: It answers as its owner happens to have written it.
model: discriminative
frame: stand-alone
data: The handwritten digits of scikit-learn.
offers: [M2, D1.samples, D1.mean-loss, Q.scores, record.label]
run: own_target:build
params: {how: HOW}
"""
CODE = """\
from attacks.handles import Ledger, ScoreOracle
from attacks.targets import classifier

def build(*, how, seed=0):
    target = classifier.build(
        data="digits", hidden=[32], members=120, non_members=120, epochs=40, batch=32, learning_rate=0.003, seed=seed
    )
    scores = target.makers["Q.scores"](Ledger())
    def rounded(x):
        return (scores(x).exp() * 100).round().div(100).log()
    change = {
        "float32": lambda x: scores(x).float(),
        "rounded": rounded,
        "probabilities": lambda x: scores(x).exp(),
        "nothing": lambda x: scores(x) * float("nan"),
    }[how]
    step = 0.01 if how == "rounded" else 0.0
    target.makers["Q.scores"] = lambda ledger: ScoreOracle("scores", change, ledger, resolution=step)
    return target
"""


@pytest.fixture
def own(tmp_path):
    """Run attacks against a target of the user's own, which answers in some way, as often as is asked for."""
    (tmp_path / "catalog" / "targets").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_target.py").write_text(CODE)
    sys.modules.pop("own_target", None)

    def go(how, *names):
        (tmp_path / "catalog" / "targets" / "mine.yaml").write_text(ENTRY.replace("HOW", how))
        catalog = load([tmp_path / "catalog"])
        plan = plans.make(catalog, catalog.target("mine"), None, names, {"shadow-models": {"count": "4"}})
        return Engine(catalog, Store(tmp_path / "store"), code=Code([tmp_path / "code"])).run(plan, 0)

    yield go
    sys.path[:] = [p for p in sys.path if p != str(tmp_path / "code")]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "note"), [("float32", "answers in float32, cast"), ("rounded", "such answers are ties")])
def test_what_was_noted_stands_in_the_result_also_of_finished_work(own, how, note):
    first, again = (own(how, "yeom-2018-loss", "carlini-2022-lira", "ye-2022-attack-p") for _ in range(2))
    assert again.trained == 0
    for outcome in (first, again):
        assert not outcome.failures and len(outcome.results) == 3
        for result in outcome.results:
            found = [warning for warning in result["warnings"] if note in warning]
            # Attack-P asked about other records in a step before, whose note is its own.
            assert len(found) == (2 if result["attack"] == "ye-2022-attack-p" else 1), result["warnings"]
            assert "of 240 answers)" in found[-1]


@pytest.mark.parametrize(
    ("how", "error"), [("probabilities", "look like probabilities"), ("nothing", "not-a-number for 240 of 240")]
)
def test_a_broken_target_of_ones_own_fails_every_attack(own, how, error):
    """Probabilities gave LiRA .579 without a word."""
    outcome = own(how, "yeom-2018-loss", "carlini-2022-lira")
    assert not outcome.results and len(outcome.failures) == 2
    assert all(failure["error"].startswith("the target") and error in failure["error"] for failure in outcome.failures)
