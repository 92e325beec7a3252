"""Features and classes meet by name, whatever their order in files, frames and models; changed data is other data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

sys.path.insert(0, str(Path(__file__).parent))
import forest

from attacks import audit as notebook
from attacks.audit import classes, reading, tables
from attacks.audit.own_training import Method
from attacks.audit.rows import Rows, digest_features
from taxonomy.findings import InputError

GAP = "attacks: [yeom-2018-loss]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    forest.write(tmp_path)
    return tmp_path


def auc(found: dict) -> float:
    return found["threat_models"][0]["results"][0]["auc"]


@pytest.mark.slow
def test_features_in_another_order_than_the_model_was_fitted_on(folder, mia_json, mia):
    text = (folder / "audit.yaml").read_text() + GAP
    (folder / "audit.yaml").write_text(text)
    usual = auc(mia_json("audit", "audit.yaml", "--out", "one"))
    (folder / "audit.yaml").write_text(text + f"features: [{', '.join(reversed(forest.COLUMNS))}]\n")
    assert auc(mia_json("audit", "audit.yaml", "--out", "two")) == usual
    (folder / "audit.yaml").write_text(text + "features: [age, income, visits]\n")
    done = mia("audit", "audit.yaml")
    assert done.returncode == 2 and "audit.yaml:" in done.stderr and "risk" in done.stderr


def test_data_frames_in_another_order_in_a_notebook(folder):
    inside, outside = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "holdout"))
    model = RandomForestClassifier(20, random_state=0).fit(inside[forest.COLUMNS], inside["outcome"])
    found = [
        notebook.run(
            model=model,
            members=(inside[one], inside["outcome"]),
            non_members=(outside[other], outside["outcome"]),
            attacks=["yeom-2018-loss"],
        ).table()["auc"][0]
        for one, other in ((forest.COLUMNS, forest.COLUMNS), (forest.COLUMNS, forest.COLUMNS[::-1]), (forest.COLUMNS[::-1],) * 2)
    ]
    assert found[0] == found[1] == found[2]


def test_columns_of_two_tables_meet_by_name():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    one = tables.of_values("members", frame, ["x", "y"])
    other = tables.of_values("non_members", frame[["b", "a"]] + 4, ["x", "y"])
    rows = reading.rows_of([one, other])
    assert rows is not None and rows.known[:, 0].tolist() == [1, 2, 5, 6]
    with pytest.raises(InputError, match="same features: a, c"):
        reading.rows_of([one, tables.of_values("non_members", frame.rename(columns={"a": "c"}), ["x", "y"])])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": "prob"}, "unknown scale 'prob'"),
        ({"model": None}, "model is a NoneType"),
        ({"seed": -1}, "seed is a whole number from 0"),
        ({"attacks": "yeom-2018-loss"}, "attacks is a list of names"),
        ({"members": np.zeros((9, 2))}, "members: give features and labels"),
    ],
)
def test_wrong_arguments_in_a_notebook(wrong, said):
    x, y = np.arange(40.0).reshape(20, 2), np.tile([0, 1], 10)
    right = {"model": lambda rows: np.full((len(rows), 2), 0.5), "members": (x, y), "non_members": (x + 100, y)}
    with pytest.raises(InputError, match=said):
        notebook.run(**{**right, **wrong})


def test_classes_that_only_look_like_numbers_stay_text():
    assert classes.typed(np.array(["01", "1"])).tolist() == ["01", "1"]
    assert classes.typed(np.array([str(2**64 + 7)])).tolist() == [str(2**64 + 7)]
    assert classes.typed(np.array(["-1", "1"])).tolist() == [-1, 1]


def test_a_trained_model_of_other_classes_is_told():
    class Other:
        classes_ = np.array([1, 2])

        def predict_proba(self, x):
            return np.full((len(x), 2), 0.5)

    answer = Method(("01", "02"), "probabilities", "x", local=lambda x, y, seed: Other()).trained(
        np.zeros((2, 1)), np.array([0, 1]), 0
    )
    with pytest.raises(InputError, match="an output of the class '1'"):
        answer(np.zeros((2, 1)))


def test_things_that_are_neither_text_nor_numbers_are_told_apart_and_come_back():
    known = pd.DataFrame({"smokes": pd.Series([True, False, None, True], dtype=object), "age": [1.0, 2.0, 3.0, 4.0]})
    rows = Rows(known)
    assert len(np.unique(rows.x[:, :-1].numpy(), axis=0)) == 3
    changed = rows.x.clone()
    changed[:, -1] += 0.1
    assert rows.decoded(changed)["smokes"].tolist() == [True, False, None, True]


def test_data_in_other_units_is_other_data():
    """What attacks see is standardised, and what the user's function trains on is not."""
    x = np.random.default_rng(0).normal(size=(8, 2))
    assert np.array_equal(Rows(x).x, Rows(x * 2).x) and digest_features(x) != digest_features(x * 2)
    frame = pd.DataFrame({"sex": ["f", "m"], "age": [1.0, 2.0]})
    others = [frame.replace("m", "n"), frame.rename(columns={"age": "years"}), frame.assign(age=[2.0, 4.0])]
    assert len({digest_features(one) for one in (frame, *others)}) == 4


def test_missing_values_in_a_notebook():
    """They are refused unless they are announced, as in a file; a forest with histograms takes them."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(120, 4)), generator.integers(2, size=120)
    x[generator.random(x.shape) < 0.1] = np.nan
    given = {
        "model": HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(x[:60], y[:60]),
        "members": (x[:60], y[:60]),
        "non_members": (x[60:], y[60:]),
        "attacks": ["yeom-2018-loss"],
    }
    with pytest.raises(InputError, match=r"members: features of .* records are not-a-number"):
        notebook.run(**given)
    assert notebook.run(**given, missing_values=True).table()["auc"].item() > 0.5
