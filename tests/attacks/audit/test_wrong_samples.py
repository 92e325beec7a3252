"""Bad input of audits by samples: one sentence, exit code 2, stdout empty, nothing written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import synthetic
from test_wrong_audits import Change, both, content, more, refused, set_value, table, text

SAMPLES = "synthetic.csv"
TABLES: dict[str, tuple[Change, str]] = {
    "no such samples": (text("file: synthetic.csv", "file: synthetik.csv"), "model: no such file synthetik.csv"),
    "samples lack a column": (
        table(SAMPLES, lambda frame: frame.drop(columns="age")),
        "train.csv and synthetic.csv do not have the same features: age",
    ),
    "samples have one column more": (
        table(SAMPLES, lambda frame: frame.assign(row=1)),
        "train.csv and synthetic.csv do not have the same features: row",
    ),
    "samples with an empty file": (content(SAMPLES, b""), "synthetic.csv: the file is empty"),
    "samples with a header alone": (content(SAMPLES, b"age,income,visits,city\n"), "the file has a header and no records"),
    "samples with text for numbers": (
        table(SAMPLES, set_value("age", 4, "old")),
        "train.csv and synthetic.csv: the column 'age' holds numbers in one and text in the other",
    ),
    "samples with gaps": (table(SAMPLES, set_value("age", 4, None)), "the feature 'age' is missing in 1 records"),
    "samples without the named feature": (
        both(more("features: [age, income]"), table(SAMPLES, lambda frame: frame.drop(columns="age"))),
        "synthetic.csv: there is no column 'age'",
    ),
    "a label": (text("train.csv, id: person", "train.csv, id: person, label: city"), "have no labels; leave `label` out"),
    "a training function": (more("train: {function: a.py:train}"), "a model of the kind samples takes no `train`"),
    "references": (more("references: {file: a.npz}"), "a model of the kind samples takes no `references`"),
    "classes": (text("kind: samples", "kind: samples, classes: [a, b]"), "unknown key 'classes'"),
    "no file of samples": (text(", file: synthetic.csv", ""), "the key 'file' is missing"),
    "a threat model of a classifier": (more("threat_models: [prediction-api-scores]"), "is about a discriminative model"),
    "an attack with latent codes": (more("attacks: [gan-leaks-2]"), "gan-leaks-2 cannot be run in this audit"),
    "the same record on both sides": (
        lambda folder: (
            (folder / "holdout.csv").write_text(
                (folder / "holdout.csv").read_text()
                + (folder / "train.csv").read_text().splitlines()[1].rsplit(",", 1)[0]
                + ",again\n"
            )
            and None
        ),
        "1 records stand among the members and among the non-members (train.csv, holdout.csv): members train-0",
    ),
}


def pictures(made: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Return a change of the samples of an audit of pictures."""
    return lambda folder: np.save(folder / "synthetic.npy", made(np.load(folder / "synthetic.npy")))


PICTURES: dict[str, tuple[Change, str]] = {
    "pictures of another shape": (
        pictures(lambda x: x[:, :14]),
        "a record of train.npz has the shape (28, 28), one of synthetic.npy (14, 28)",
    ),
    "no pictures": (pictures(lambda x: x[:0]), "synthetic.npy: there are no records"),
    "pictures on another scale": (
        pictures(lambda x: x / 255),
        "bring them to one scale",
    ),
    "a table for pictures": (pictures(lambda x: x.reshape(len(x), -1)), "one of synthetic.npy (784,)"),
}


@pytest.mark.parametrize("case", TABLES)
def test_wrong_synthetic_tables(case, mia, tmp_path, monkeypatch):
    change, said = TABLES[case]
    synthetic.write(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml")


@pytest.mark.parametrize("case", PICTURES)
def test_wrong_synthetic_pictures(case, mia, tmp_path, monkeypatch):
    change, said = PICTURES[case]
    synthetic.write_pictures(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml")
