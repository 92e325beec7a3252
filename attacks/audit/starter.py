"""A commented audit file to begin with, and one that is filled in from a model or a table as far as can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attacks.audit.kinds.estimators import PICKLES
from taxonomy.findings import InputError, relative

STARTER = """\
# An audit file of MIA Atlas. Every part is a grant: what you hand over decides which attacks can be run.
# Paths are relative to this file. Run it with:  mia audit audit.yaml --dry-run  and then without --dry-run.
schema: 1
name: {name}

# Records that the model was trained on, and records of the same source that it never saw (csv, parquet, npz or npy).
# `label` and `id` name columns; without an id, a record is its row's number.
members: {{file: {members}{label}}}
non_members: {{file: {others}{label}}}

# More records of the same source, which the adversary may have: without them offline attacks cannot run, and shadow models
# train on halves of the records above.
# population: {{file: others.csv{label}}}

# The model: one of the kinds below.
{model}

# A function (x, y, seed) -> model that trains as this model was trained: shadow models, and with them the strongest attacks.
# It is code, so it runs only with --trust-code FOLDER. Torch is seeded for it; all else it seeds with `seed`.
# train: {{function: my_training.py:train}}

# What a record is made of; unstated, all columns but label, id and recorded answers.
# features: [age, income]

# Columns by which results are sliced.
# groups: [sex, age_band]

# Deals the records into sets: can their owner find out that a set was trained on? Takes a population.
# sets: {{size: 20}}

# Which adversaries to ask about (mia entries threat-models); unstated, one who has all that this file grants.
# threat_models: [prediction-api-scores, prediction-api-labels]

# A mask on top of the model's answers (mia defenses), to see what it would change before it is deployed.
# defense: {{id: rounded-scores, params: {{digits: 1}}}}

# How much may be spent: models to train, and calls to a service.
# limits: {{models: 32, queries: 200000}}
"""
KINDS = """\
# model: {kind: sklearn, file: model.skops}                                  # skops.io.dump(model, "model.skops")
# model: {kind: torch, function: net.py:build, file: weights.safetensors}
# model: {kind: onnx, file: model.onnx}
# model: {kind: callable, function: my_model.py:predict}                     # a batch in, probabilities out
# model: {kind: http, url: "http://localhost:8080", model: my-model}         # Open Inference Protocol, version 2
# model: {kind: arrays, scale: probabilities, columns: "p_*"}                # answers that stand in the files themselves
# model: {kind: samples, file: synthetic.csv}                                # a generator, by what it made (then no `label`)
# model: {kind: transformers, folder: tuned, base: original}                 # a language model, and one to compare with; texts"""


def text(source: Path | None = None) -> str:
    """Return the text of a starter; raise InputError for a source that is nothing to begin with."""
    if source is None:
        model = KINDS.removeprefix("# ")
        return STARTER.format(name="my-audit", members="train.csv", others="holdout.csv", label=", label: target", model=model)
    if not source.is_file():
        raise InputError(f"no such file {relative(source)}")
    found = _seen(source)
    return STARTER.format(name=_name(source.stem), **found)


def _seen(source: Path) -> dict[str, Any]:
    ending = source.suffix.lower()
    if ending in (".csv", ".parquet"):
        return _of_table(source)
    kinds = {
        ".skops": f"model: {{kind: sklearn, file: {source.name}}}",
        ".onnx": f"model: {{kind: onnx, file: {source.name}}}",
        ".safetensors": f"model: {{kind: torch, function: net.py:build, file: {source.name}}}   # build() makes the network",
        ".pt": f"model: {{kind: torch, function: net.py:build, file: {source.name}}}   # build() makes the network",
        ".pt2": f"model: {{kind: torch, file: {source.name}}}   # a program: needs --trust-pickle {source.name}",
        ".npz": "model: {kind: arrays, scale: probabilities}   # the arrays `scores` of these files",
    }
    kinds |= dict.fromkeys(
        PICKLES, f"model: {{kind: sklearn, file: {source.name}}}   # a pickle: needs --trust-pickle {source.name}"
    )
    if ending not in kinds:
        raise InputError(
            f"{relative(source)}: begin with a table (.csv, .parquet), arrays (.npz) or a model ({', '.join(kinds)})"
        )
    members = source.name if ending == ".npz" else "train.csv"
    return {"members": members, "others": "holdout" + Path(members).suffix, "label": ", label: target", "model": kinds[ending]}


def _of_table(source: Path) -> dict[str, Any]:
    """Return what a table shows: recorded answers by name, a column that looks like the label, one that looks like an id."""
    from attacks.audit.file import Part
    from attacks.audit.tables import frame

    table = frame([source], Part(file=source.name))
    columns = [str(column) for column in table.columns]
    answers = [column for column in columns if column.startswith("p_")]
    label = next((name for name in ("label", "target", "y", "class", "outcome") if name in columns), columns[-1])
    numbered = [name for name in columns if name.lower() in ("id", "uid", "record", "patient", "row_id")]
    stated = f", label: {label}" + (f", id: {numbered[0]}" if numbered else "")
    model = (
        'model: {kind: arrays, scale: probabilities, columns: "p_*"}'
        if answers
        else "model: {kind: sklearn, file: model.skops}\n" + "\n".join(KINDS.splitlines()[1:])
    )
    return {"members": source.name, "others": f"holdout{source.suffix}", "label": stated, "model": model}


def _name(stem: str) -> str:
    kept = "".join(sign if sign.isalnum() else "-" for sign in stem.lower())
    return "-".join(part for part in kept.split("-") if part) or "my-audit"
