"""An audit that is run again: finished work is used, other work is done anew, and the order of files changes nothing."""

from __future__ import annotations

import os

import forest
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from skops import io

from attacks.audit.functions import LARGE, Function

INTERRUPTED = """\
from pathlib import Path

from sklearn.ensemble import RandomForestClassifier


def train(x, y, seed):
    calls = Path(".calls")
    calls.open("a").write("x")
    if Path(".stop").exists() and calls.read_text() == "xxxx":
        raise KeyboardInterrupt
    return RandomForestClassifier(20, random_state=seed).fit(x, y)
"""


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_finds_the_same(folder, mia_json):
    forest.add(
        folder, forest.POPULATION + forest.TRAIN + "attacks: [carlini-2022-lira, zarifzadeh-2024-rmia]\nlimits: {models: 4}\n"
    )
    first = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "one")
    again = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "two")
    trained = [[result["trained"] for result in forest.by_attack(found).values()] for found in (first, again)]
    assert sum(trained[0]) > 0 and sum(trained[1]) == 0
    for name, result in forest.by_attack(again).items():
        assert result["auc"] == forest.by_attack(first)[name]["auc"]


@pytest.mark.slow
@pytest.mark.parametrize("file", ["audit.yaml", "arrays.yaml"])
def test_the_order_of_the_files_changes_no_score(folder, mia_json, file):
    """Of attacks that train on what they are shown too: their batches follow the records and not the rows of a file."""
    suffix = "_answers" if file == "arrays.yaml" else ""
    forest.add(
        folder,
        "attacks: [yeom-2018-loss, ml-leaks-3]\n" if suffix else "attacks: [yeom-2018-loss, ml-leaks-1, li-2021-transfer]\n",
        file,
    )
    mia_json("audit", file, "--out", "one")
    for name in ("train", "holdout"):
        path = folder / f"{name}{suffix}.csv"
        pd.read_csv(path, dtype={"patient": str})[::-1].to_csv(path, index=False)
    mia_json("audit", file, "--out", "two")
    with np.load(folder / "one" / "scores.npz") as one, np.load(folder / "two" / "scores.npz") as two:
        there = [two["id"].tolist().index(name) for name in one["id"].tolist()]
        for name in set(one.files) - {"id"}:
            assert np.allclose(one[name], two[name][there], rtol=0, atol=1e-9), name


@pytest.mark.slow
def test_another_model_or_training_under_the_same_name_is_run_anew(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [yeom-2018-loss, carlini-2022-lira]\nlimits: {models: 2}\n")
    run = ["audit", "audit.yaml", "--trust-code", ".", "--out", "out"]
    first = forest.by_attack(mia_json(*run))
    train = pd.read_csv(folder / "train.csv")
    io.dump(RandomForestClassifier(3, random_state=1).fit(train[forest.COLUMNS], train["outcome"]), folder / "model.skops")
    other = forest.by_attack(mia_json(*run))
    assert other["yeom-2018-loss"]["auc"] != first["yeom-2018-loss"]["auc"]
    assert other["carlini-2022-lira"]["trained"] == 0, "the training is the same"
    sub = (folder / "my_training.py").read_text().replace("RandomForestClassifier(20", "RandomForestClassifier(7")
    (folder / "my_training.py").write_text(sub)
    assert forest.by_attack(mia_json(*run))["carlini-2022-lira"]["trained"] == 2


@pytest.mark.slow
def test_an_interrupted_audit_goes_on_from_there(folder, mia):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [carlini-2022-lira]\nlimits: {models: 4}\n")
    (folder / "my_training.py").write_text(INTERRUPTED)
    (folder / ".stop").touch()
    done = mia("audit", "audit.yaml", "--trust-code", ".")
    calls = folder / ".calls"
    # One call tries the function, and two models were finished before the third was interrupted.
    assert done.returncode == 130 and not (folder / "mia-audits").exists() and calls.read_text() == "xxxx"
    (folder / ".stop").unlink()
    done = mia("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert calls.read_text() == "xxxx" + "x" + "xx"


READS = """\
from pathlib import Path

from sklearn.ensemble import RandomForestClassifier

TREES = Path(__file__).with_name("settings") / "trees.txt"


def train(x, y, seed):
    return RandomForestClassifier(int(TREES.read_text()), random_state=seed).fit(x, y)
"""


def trained(found) -> int:
    return sum(result["trained"] for result in forest.by_attack(found).values())


@pytest.mark.slow
def test_a_file_that_training_may_read_makes_models_anew(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 2}\n")
    (folder / "my_training.py").write_text(READS)
    (folder / "settings").mkdir()
    trees = folder / "settings" / "trees.txt"
    trees.write_text("5")
    run = ["audit", "audit.yaml", "--trust-code", ".", "--format", "sacro"]
    assert [trained(mia_json(*run)), trained(mia_json(*run))] == [2, 0], "reports of this program do not count"
    forest.add(folder, "groups: [sex]\n")
    assert trained(mia_json(*run)) == 0, "nor does the audit file"
    trees.write_text("9")
    assert trained(mia_json(*run)) == 2
    trees.write_text("5")
    assert trained(mia_json(*run)) == 0, "it is what it was"


def test_a_large_file_counts_as_another_when_it_was_written_anew(folder):
    (folder / "code.py").write_text("def train(x, y, seed):\n    return None\n")
    large = folder / "vectors.bin"
    large.write_bytes(bytes(2 * LARGE))
    function = Function(folder / "code.py", "train", folder)
    before = function.identity
    assert function.identity == before
    os.utime(large, ns=(1, 1))
    assert function.identity != before


def test_training_that_writes_into_its_folder_is_told(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 2}\n")
    text = (folder / "my_training.py").read_text().replace("    return", "    open('log.txt', 'a').write('x')\n    return")
    (folder / "my_training.py").write_text(text)
    checks = mia_json("audit", "audit.yaml", "--trust-code", ".", "--dry-run")["checks"]
    (check,) = [check for check in checks if check["code"] == "writes"]
    assert check["severity"] == "warning" and "log.txt" in check["message"]


@pytest.mark.slow
def test_the_price_counts_what_the_store_lacks(folder, mia, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 2}\n")
    run = ["audit", "audit.yaml", "--trust-code", "."]
    before = mia_json(*run, "--dry-run")["price"]
    assert (before["models"], before["to_train"]) == (2, 2) and before["seconds"] > 0
    assert "To train: 2 models, about" in mia(*run).stdout
    after = mia_json(*run, "--dry-run")["price"]
    assert (after["models"], after["to_train"], after["seconds"]) == (2, 0, 0)
    assert "Nothing left to train: 2 models of earlier runs are in the store." in mia(*run, "--dry-run").stdout
