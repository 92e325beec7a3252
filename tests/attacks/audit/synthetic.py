"""Synthetic records that were published in place of people's, with all files that an audit of them takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

AUDIT = """\
schema: 1
name: synthetic-people
members: {file: train.csv, id: person}
non_members: {file: holdout.csv, id: person}
population: {file: others.csv, id: person}
model: {kind: samples, file: synthetic.csv}
"""
CITIES = np.array(["Kyiv", "Lima", "Oslo"])
COPIED = 3


def people(count: int, generator: np.random.Generator) -> pd.DataFrame:
    """Return made-up records: three numbers and a text."""
    table = pd.DataFrame(generator.normal(size=(count, 3)).round(6), columns=["age", "income", "visits"])
    table["city"] = generator.choice(CITIES, count)
    return table


def overfitted(table: pd.DataFrame, count: int, generator: np.random.Generator) -> pd.DataFrame:
    """Return samples of a generator that overfits: records of the table, blurred a little."""
    samples = table.iloc[generator.integers(len(table), size=count)].reset_index(drop=True)
    for column in ("age", "income", "visits"):
        samples[column] += 0.1 * generator.normal(size=count)
    return samples


def write(folder: Path, count: int = 60, samples: int = 1200) -> None:
    """Write the files of an audit: the samples are near the members, and three of these stand among them as they are."""
    generator = np.random.default_rng(0)
    for name, size in (("train", count), ("holdout", count), ("others", 4 * count)):
        table = people(size, generator)
        if name == "train":
            made = pd.concat([table[:COPIED], overfitted(table, samples - COPIED, generator)], ignore_index=True)
            made[["city", "visits", "income", "age"]].to_csv(folder / "synthetic.csv", index=False)
        table["person"] = [f"{name}-{k}" for k in range(size)]
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "audit.yaml").write_text(AUDIT)


def write_pictures(folder: Path, count: int = 30, samples: int = 300) -> None:
    """Write an audit of pictures of 28 x 28 pixels, of which the samples are members, blurred a little."""
    generator = np.random.default_rng(0)
    smooth = np.kron(generator.integers(0, 200, size=(6 * count, 4, 4)), np.ones((7, 7))) + generator.integers(0, 50, (28, 28))
    pictures = smooth.astype(np.uint8)
    parts = {"train": pictures[:count], "holdout": pictures[count : 2 * count], "others": pictures[2 * count :]}
    for name, part in parts.items():
        np.savez(folder / f"{name}.npz", x=part)
    made = parts["train"][generator.integers(count, size=samples)] + generator.integers(0, 6, size=(samples, 28, 28))
    np.save(folder / "synthetic.npy", made.astype(np.uint8))
    text = AUDIT.replace(".csv, id: person", ".npz").replace("synthetic.csv", "synthetic.npy")
    (folder / "audit.yaml").write_text(text)
