"""An attack and a mask of one's own in an audit: code of a folder that the command line trusts, and of no other."""

from __future__ import annotations

import forest
import numpy as np
import pytest

ATTACK = """\
schema: 1
id: own-attack
title: An attack of one's own
summary: Accuses records whose label the target finds likely.
needs: [discriminative, Q.scores, record.label]
run: my_attack:infer
cost: {queries_per_record: 1}
targets: {others: [digits-mlp], null: digits-null}
"""
DEFENSE = """\
schema: 1
id: own-mask
title: A mask of one's own
summary: The service answers as if it were less sure.
category: output-masking
standing: later
mechanism: Scores are flattened.
changes: answers
utility_cost: None.
replaces: {Q.scores: Q.rounded-scores}
run: my_mask:flat
params: {temperature: 4.0}
ranges: {temperature: {above: 0}}
"""
INFER = """\
from attacks.handles import Records, ScoreOracle
from torch import Tensor


def infer(records: Records, scores: ScoreOracle) -> Tensor:
    return scores(records.x).gather(1, records.label[:, None]).squeeze(1)
"""
CUT = """\
from torch import Tensor


def flat(log_probs: Tensor, *, temperature: float) -> Tensor:
    return (log_probs / temperature).log_softmax(dim=-1)
"""
TRUSTED = ("--catalog", "mine", "--trust-code", "code")
MASKED = "attacks: [yeom-2018-loss]\ndefense: {id: own-mask}\n"
RUNS = "attacks: [own-attack, yeom-2018-loss]\n"


@pytest.fixture
def own(folder):
    for path, text in {
        "mine/attacks/own-attack.yaml": ATTACK,
        "mine/defenses/own-mask.yaml": DEFENSE,
        "code/my_attack.py": INFER,
        "code/my_mask.py": CUT,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_an_attack_of_ones_own_is_run(own, mia_json):
    forest.add(own, RUNS, "arrays.yaml")
    found = forest.by_attack(mia_json("audit", "arrays.yaml", *TRUSTED, "--out", "out"))
    assert found["own-attack"]["auc"] == pytest.approx(found["yeom-2018-loss"]["auc"])


def test_a_mask_of_ones_own_is_put_on_answers(own, mia_json):
    forest.add(own, MASKED, "arrays.yaml")
    found = mia_json("audit", "arrays.yaml", *TRUSTED, "--out", "out")
    assert found["defense"]["id"] == "own-mask" and found["defense"]["params"] == {"temperature": 4.0}
    with np.load(own / "out" / "scores.npz") as file:
        masked = dict(file)["yeom-2018-loss"]
    (own / "arrays.yaml").write_text((own / "arrays.yaml").read_text().replace("defense: {id: own-mask}\n", ""))
    mia_json("audit", "arrays.yaml", *TRUSTED, "--out", "plain")
    with np.load(own / "plain" / "scores.npz") as file:
        assert not np.allclose(masked, dict(file)["yeom-2018-loss"]), "attacks see what it leaves"


UNTRUSTED = "lies in no installed catalog's package; --trust-code DIR runs code of a folder that you trust"
WRONG = {
    "an attack that nobody trusts": (RUNS, TRUSTED[:2], {}, f"my_attack:infer {UNTRUSTED}"),
    "a mask that nobody trusts": (MASKED, TRUSTED[:2], {}, f"arrays.yaml:7:15: error MIA008: my_mask:flat {UNTRUSTED}"),
    "no such folder": (MASKED, (*TRUSTED[:3], "nowhere"), {}, "--trust-code nowhere: no such folder"),
    "a mask that raises": (
        MASKED,
        TRUSTED,
        {"code/my_mask.py": CUT.replace("/ temp", "/ few_temp")},
        "own-mask cannot be simulated; NameError: name 'few_temperature' is not defined (code/my_mask.py:5)",
    ),
    "a mask that is no Python": (MASKED, TRUSTED, {"code/my_mask.py": "def"}, "code/my_mask.py:1:4: this is no Python"),
    "a mask of another shape": (
        MASKED,
        TRUSTED,
        {"code/my_mask.py": CUT.replace("(dim=-1)", "(dim=-1)[:, :1]")},
        "flat must show float64 (1, 2), NaN where a class is hidden, not torch.float64 (1, 1)",
    ),
    "an entry that is wrong": (
        MASKED,
        TRUSTED,
        {"mine/defenses/own-mask.yaml": DEFENSE.replace("standing", "standin")},
        "own-mask.yaml:6:1: error MIA006: unknown key 'standin'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_run_is_told_in_a_sentence(case, own, mia):
    more, arguments, files, said = WRONG[case]
    forest.add(own, more, "arrays.yaml")
    for path, text in files.items():
        (own / path).write_text(text)
    done = mia("audit", "arrays.yaml", *arguments, "--dry-run")
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert said in done.stderr and "Traceback" not in done.stderr, done.stderr
