"""Audits of generators by their published samples alone: tables with text, and pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent))
import synthetic

from attacks.audit.samples import Drawn, shuffled
from attacks.handles import UnsuitableError

NEAREST = "attacks: [gan-leaks-1]\n"
# Attacks on a released table of a thousand rows.
OF_ONE_TABLE = {"houssiau-2022-closest-distance", "ward-2025-distance-difference"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an audit of a synthetic table."""
    synthetic.write(tmp_path)
    return tmp_path


def add(folder: Path, text: str) -> None:
    with (folder / "audit.yaml").open("a") as file:
        file.write(text)


def by_attack(found: dict) -> dict:
    return {result["attack"]: result for result in found["threat_models"][0]["results"]}


def checked(found: dict, code: str) -> list[str]:
    return [f"{check['severity']}: {check['message']}" for check in found["checks"] if check["code"] == code]


def by_hand(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return minus the distance of each candidate to its nearest sample, and who is a member, worked out from the files."""
    parts = [pd.read_csv(folder / f"{name}.csv") for name in ("train", "holdout", "others", "synthetic")]
    everything = pd.concat(parts, ignore_index=True)
    numbers = everything[["age", "income", "visits"]]
    x = np.hstack([(numbers - numbers.mean()) / numbers.std(ddof=0), pd.get_dummies(everything["city"])]).astype(float)
    candidates, samples = x[:120], x[-len(parts[-1]) :]
    distance = np.linalg.norm(candidates[:, None] - samples[None], axis=2).min(axis=1)
    return -distance, np.arange(120) < 60


def test_the_nearest_sample_is_what_anybody_works_out(folder, mia_json):
    """Columns go by name, text is one column a value, and all sides and the samples are standardised together."""
    add(folder, NEAREST)
    found = mia_json("audit", "audit.yaml", "--out", "out")
    score, member = by_hand(folder)
    with np.load(folder / "out" / "scores.npz") as scores:
        assert np.abs(scores["gan-leaks-1"] - score).max() < 1e-5
    assert by_attack(found)["gan-leaks-1"]["auc"] == pytest.approx(roc_auc_score(member, score), abs=1e-12)


@pytest.mark.slow
def test_every_attack_by_samples_is_run_and_finds_an_overfitted_generator(folder, mia_json):
    add(folder, "threat_models: [published-gan-samples]\n")
    found = mia_json("audit", "audit.yaml", "--out", "out")
    results = by_attack(found)
    of_many = {"gan-leaks-1", "gan-leaks-1-calibrated", "hilprecht-2019-monte-carlo", "vanbreugel-2023-domias"}
    assert results.keys() == of_many | OF_ONE_TABLE
    for name, result in results.items():
        assert result["auc"] > 0.8, name
        assert result["queries"] == (1000 if name in OF_ONE_TABLE else 1200)
    assert "within the limits it had only 1,200 of 20,000" in " ".join(results["gan-leaks-1"]["warnings"])
    assert checked(found, "few-samples")[0].startswith("info: 1,200 samples were published")
    skipped = {one["id"]: one["because"] for one in found["threat_models"][0]["skipped"]}
    assert skipped["logan-2"].startswith("it needs 20,000 rows of what was published; the limit is 1,200")
    assert "infeasible" in skipped["gan-leaks-2"]


def test_without_a_population_the_nearest_sample_is_left(folder, mia_json):
    text = (folder / "audit.yaml").read_text()
    (folder / "audit.yaml").write_text(text.replace("population: {file: others.csv, id: person}\n", ""))
    (threat,) = mia_json("audit", "audit.yaml", "--dry-run")["threat_models"]
    assert [one["id"] for one in threat["attacks"]] == ["gan-leaks-1", "houssiau-2022-closest-distance"]
    unlock = {one["attack"]: one["missing"] for one in threat["unlock"]}
    assert ["D1.samples"] in unlock["vanbreugel-2023-domias"]


@pytest.mark.slow
def test_the_user_says_how_many_samples_are_drawn(folder, mia_json):
    add(folder, "attacks: [gan-leaks-1, hilprecht-2019-monte-carlo]\n")
    fewer = ("--set", "sample-pool.count=100", "--set", "hilprecht-2019-monte-carlo.count=200")
    results = by_attack(mia_json("audit", "audit.yaml", "--out", "out", *fewer))
    assert {name: result["queries"] for name, result in results.items()} == {
        "gan-leaks-1": 100,
        "hilprecht-2019-monte-carlo": 200,
    }


@pytest.mark.slow
def test_copies_of_candidates_among_the_samples_are_counted(folder, mia_json):
    said = checked(mia_json("audit", "audit.yaml", "--dry-run"), "published-copies")
    assert said[0].startswith("warning: 3 of 60 members and 0 of 60 non-members stand among the samples word for word")
    others, samples = (pd.read_csv(folder / f"{name}.csv") for name in ("holdout", "synthetic"))
    rest = samples.iloc[synthetic.COPIED :]
    pd.concat([rest, others[list(samples)][:2], others[list(samples)][:1]]).to_csv(folder / "synthetic.csv", index=False)
    found = mia_json("audit", "audit.yaml", "--dry-run")
    assert checked(found, "published-copies") == [
        "info: 0 of 60 members and 2 of 60 non-members stand among the samples word for word"
    ]
    assert checked(found, "copies") == ["info: 1 of 1,200 samples are exact copies of others of them"]


@pytest.mark.slow
def test_pictures_are_compared_in_one_scale(tmp_path, mia_json):
    synthetic.write_pictures(tmp_path)
    found = mia_json("audit", "audit.yaml", "--out", "out")
    results = by_attack(found)
    assert {"gan-leaks-1", "hilprecht-2019-monte-carlo", "hilprecht-2019-monte-carlo-features"} <= results.keys()
    train, others, made = (np.load(tmp_path / name) for name in ("train.npz", "holdout.npz", "synthetic.npy"))
    candidates = np.concatenate([train["x"], others["x"]]).reshape(60, -1).astype(float)
    distance = np.linalg.norm(candidates[:, None] - made.reshape(1, len(made), -1), axis=2).min(axis=1)
    high = max(float(part.max()) for part in (candidates, made, np.load(tmp_path / "others.npz")["x"]))
    with np.load(tmp_path / "out" / "scores.npz") as scores:
        assert np.allclose(-scores["gan-leaks-1"] * high, distance, rtol=1e-4)


def test_a_file_is_drawn_from_in_an_order_of_its_own_and_no_row_twice():
    rows = torch.arange(9000.0)[:, None]
    mixed = shuffled(rows)
    assert torch.equal(mixed, shuffled(rows.clone())) and not torch.equal(mixed, rows)
    draw = Drawn(mixed)
    drawn = torch.cat([draw(5000), draw(4000)])
    assert torch.equal(drawn.sort(dim=0).values, rows)
    with pytest.raises(UnsuitableError, match="more samples than the 9,000 that were published"):
        draw(1)
