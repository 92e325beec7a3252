"""A small forest on people's records, with all files that an audit of it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from skops import io

COLUMNS = ["age", "income", "visits", "risk"]
TRAINING = """\
from sklearn.ensemble import RandomForestClassifier


def train(x, y, seed):
    return RandomForestClassifier(20, random_state=seed).fit(x, y)
"""
AUDIT = """\
schema: 1
name: forest
members: {file: train.csv, label: outcome, id: patient}
non_members: {file: holdout.csv, label: outcome, id: patient}
model: {kind: sklearn, file: model.skops}
"""
POPULATION = "population: {file: others.csv, label: outcome, id: patient}\n"
TRAIN = "train: {function: my_training.py:train}\n"


def people(count: int, seed: int) -> pd.DataFrame:
    """Return made-up records: four numbers, a sex, an outcome with a name, and ids that no float holds."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(generator.normal(size=(count, len(COLUMNS))).round(6), columns=COLUMNS)
    sick = table["risk"] + generator.normal(size=count) > 0
    table["sex"] = np.where(generator.random(count) < 0.5, "f", "m")
    table["outcome"] = np.where(sick, "sick", "well")
    table["patient"] = [str(2**64 + 7 + k) for k in range(count)]
    return table


def write(folder: Path, count: int = 60) -> pd.DataFrame:
    """Write the files of an audit into a folder; return all records, members first."""
    table = people(4 * count, 0)
    parts = {"train": table[:count], "holdout": table[count : 2 * count], "others": table[2 * count :]}
    for name, part in parts.items():
        part.to_csv(folder / f"{name}.csv", index=False)
    model = RandomForestClassifier(20, random_state=0).fit(parts["train"][COLUMNS], parts["train"]["outcome"])
    io.dump(model, folder / "model.skops")
    (folder / "my_training.py").write_text(TRAINING)
    (folder / "audit.yaml").write_text(AUDIT)
    for name in ("train", "holdout"):
        answers = pd.DataFrame(model.predict_proba(parts[name][COLUMNS]), columns=[f"p_{one}" for one in model.classes_])
        answers["outcome"], answers["patient"] = parts[name]["outcome"].to_numpy(), parts[name]["patient"].to_numpy()
        answers.to_csv(folder / f"{name}_answers.csv", index=False)
    (folder / "arrays.yaml").write_text(
        AUDIT.replace("train.csv", "train_answers.csv")
        .replace("holdout.csv", "holdout_answers.csv")
        .replace("{kind: sklearn, file: model.skops}", "{kind: arrays, scale: probabilities}")
    )
    return table


def add(folder: Path, text: str, file: str = "audit.yaml") -> None:
    """Add text to an audit file."""
    path = folder / file
    path.write_text(path.read_text() + text)


def by_attack(found: dict) -> dict:
    """Return the results of an audit's first threat model by attack."""
    return {result["attack"]: result for result in found["threat_models"][0]["results"]}
