"""How figures spread over models trained anew: each shadow model in the target's place, with nothing that knows its members."""

from __future__ import annotations

import forest
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

FORMULAS = "attacks: [sablayrolles-2019-mast, yeom-2018-loss, shokri-2017, carlini-2022-lira-offline]\n"


def kept_calls(folder) -> None:
    """Write a training function that keeps what it is called with."""
    (folder / "calls").mkdir()
    (folder / "my_training.py").write_text(
        "import numpy as np, uuid\nfrom sklearn.ensemble import RandomForestClassifier\n\n\n"
        "def train(x, y, seed):\n"
        f"    np.savez('{folder}/calls/' + uuid.uuid4().hex, x=x, y=np.array(y, dtype=str), seed=seed)\n"
        "    return RandomForestClassifier(20, random_state=seed).fit(x, y)\n"
    )


@pytest.mark.slow
def test_the_spread_is_what_anybody_works_out(folder, mia_json):
    """MAST by hand: every model once the target, the others but the other half of its deal the shadow models."""
    kept_calls(folder)
    forest.add(folder, forest.TRAIN + "attacks: [sablayrolles-2019-mast, yeom-2018-loss]\nlimits: {models: 6}\n")
    found = forest.by_attack(mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out"))
    rows = pd.concat([pd.read_csv(folder / f"{name}.csv") for name in ("train", "holdout")])
    x = rows[forest.COLUMNS].to_numpy()
    losses, inside = [], []
    for path in (folder / "calls").iterdir():
        with np.load(path) as call:
            held = {tuple(row) for row in call["x"]}
            model = RandomForestClassifier(20, random_state=int(call["seed"])).fit(call["x"], call["y"])
        if len(held) != 60:
            continue  # the part on which training is tried
        p = model.predict_proba(x)[np.arange(len(x)), [list(model.classes_).index(label) for label in rows["outcome"]]]
        # Half a step of one tree in twenty is as near to 0 and 1 as such a forest can tell.
        p = np.where(p > 1 - 1e-9, 1 / 1.025, np.where(p < 1e-9, 0.025 / 1.025, p))
        losses.append(-np.log(p))
        inside.append(np.array([tuple(row) in held for row in x]))
    losses, inside = np.array(losses), np.array(inside)
    assert len(losses) == 6
    areas = {"sablayrolles-2019-mast": [], "yeom-2018-loss": []}
    for k in range(6):
        others = [j for j in range(6) if j != k and (inside[j] & inside[k]).any()]
        assert len(others) == 4
        # What is left knows nothing of the members: every record is in half of it.
        assert (inside[others].sum(axis=0) == 2).all()
        loss, member = losses[others], inside[others]
        middle = (np.where(member, loss, 0).sum(axis=0) / 2 + np.where(~member, loss, 0).sum(axis=0) / 2) / 2
        areas["sablayrolles-2019-mast"].append(roc_auc_score(inside[k], (middle - losses[k]).round(9)))
        areas["yeom-2018-loss"].append(roc_auc_score(inside[k], -losses[k]))
    for name, expected in areas.items():
        spread = found[name]["seed_spread"]
        assert (spread["targets"], spread["models"]) == (6, 4 if name == "sablayrolles-2019-mast" else 0)
        assert spread["auc"]["mean"] == pytest.approx(np.mean(expected), abs=2e-3)
        assert spread["auc"]["sd"] == pytest.approx(np.std(expected, ddof=1), abs=2e-3)
        assert (spread["auc"]["lowest"], spread["auc"]["highest"]) == pytest.approx((min(expected), max(expected)), abs=2e-3)


@pytest.mark.slow
def test_it_costs_no_training_and_is_told_of_formulas_alone(folder, mia_json):
    forest.write(folder, count=120)
    kept_calls(folder)
    forest.add(folder, forest.POPULATION + forest.TRAIN + FORMULAS + "limits: {models: 4}\n")
    found = forest.by_attack(mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out"))
    # A try, and for each of the two sides (models with candidates and without) as many as the attacks take.
    assert len(list((folder / "calls").iterdir())) == 1 + 4 + 4
    assert found["shokri-2017"]["seed_spread"] is None, "it draws at random"
    assert found["carlini-2022-lira-offline"]["seed_spread"]["models"] == 4
    report = (folder / "out" / "report.html").read_text()
    assert "models of the training function, each made with others of these records" in report
    assert "AUC on 4 models trained anew" in report


def test_without_a_training_function_nothing_is_said(folder, mia_json):
    forest.add(folder, "attacks: [yeom-2018-loss]\n")
    found = forest.by_attack(mia_json("audit", "audit.yaml", "--out", "out"))
    assert found["yeom-2018-loss"]["seed_spread"] is None
    assert "models of the training function" not in (folder / "out" / "report.html").read_text()


@pytest.mark.slow
def test_one_deal_of_models_gives_no_spread_to_attacks_that_need_others(folder, mia_json):
    forest.add(folder, forest.TRAIN + "attacks: [sablayrolles-2019-mast, yeom-2018-loss]\nlimits: {models: 2}\n")
    found = forest.by_attack(mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out"))
    assert found["sablayrolles-2019-mast"]["seed_spread"] is None
    assert found["yeom-2018-loss"]["seed_spread"]["targets"] == 2
