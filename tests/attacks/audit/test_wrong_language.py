"""Bad input of audits of language models: one sentence, exit code 2, nothing written; no model is read for any of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import forest
from test_wrong_audits import Change, both, content, more, refused, text

TRAIN = "train.jsonl"
MODEL = "{kind: transformers, folder: tuned}"


def write(folder: Path) -> None:
    """Write an audit of a folder that looks like a model's."""
    for name in ("train", "holdout"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": f"{name} {k}"}) + "\n" for k in range(20)))
    (folder / "tuned").mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / "tuned" / name).write_text("{}")
    (folder / "audit.yaml").write_text(
        f"schema: 1\nname: tuned\nmembers: {{file: train.jsonl}}\nnon_members: {{file: holdout.jsonl}}\nmodel: {MODEL}\n"
    )


def without(name: str) -> Change:
    """Return a change that takes a file away."""
    return lambda folder: (folder / "tuned" / name).unlink()


WRONG: dict[str, tuple[Change, str]] = {
    "no such folder": (text("folder: tuned", "folder: tunde"), "model: no such folder tunde"),
    "no configuration": (without("config.json"), "there is no config.json in tuned; save the model with"),
    "no tokenizer": (without("tokenizer.json"), "there is no tokenizer in tuned; save it with tokenizer.save_pretrained"),
    "no weights": (without("model.safetensors"), "there are no weights in tuned; save the model as safetensors"),
    "weights as a pickle": (
        both(without("model.safetensors"), content("tuned/pytorch_model.bin", b"\x80")),
        "pytorch_model.bin is a pickle, which can run any code in tuned; save the model as safetensors",
    ),
    "no folder": (text(", folder: tuned", ""), "the key 'folder' is missing"),
    "another column": (
        text("train.jsonl", "train.jsonl, text: comment"),
        "train.jsonl: there is no column 'comment'",
    ),
    "no column of texts": (
        both(content("t.csv", b"comment,n\nyes,1\n"), text("train.jsonl", "t.csv")),
        "t.csv: there is no column 'text' (known: comment, n); `text` names the one that holds texts",
    ),
    "an empty text": (content(TRAIN, b'{"text": "one"}\n{"text": " "}\n'), "train.jsonl: the text of record 2 is empty"),
    "a missing text": (content(TRAIN, b'{"text": "one"}\n{"text": null}\n'), "train.jsonl: the text of record 2 is empty"),
    "a number for a text": (content(TRAIN, b'{"text": 7}\n'), "train.jsonl: the text of record 1 is no text: 7"),
    "an empty line": (
        both(content("t.txt", b"one\n\ntwo\n"), text("train.jsonl", "t.txt")),
        "t.txt: the text of record 2 is empty",
    ),
    "no texts": (content(TRAIN, b""), "train.jsonl: there are no records"),
    "no JSON": (content(TRAIN, b"one\n"), "train.jsonl: line 1 is no JSON"),
    "no object": (content(TRAIN, b'["one"]\n'), "train.jsonl: line 1 is no JSON object"),
    "an id of lines": (
        both(content("t.txt", b"one\n"), text("train.jsonl", "t.txt, id: k")),
        "a file of lines has no columns",
    ),
    "one text on both sides": (
        content(TRAIN, b'{"text": "holdout 3"}\n{"text": "two"}\n'),
        "1 texts stand among the members and among the non-members (train.jsonl, holdout.jsonl): members 1",
    ),
    "arrays": (both(content("t.npz", b""), text("train.jsonl", "t.npz")), "expected one of .csv, .parquet, .jsonl, .txt"),
    "sets of nothing": (more("sets: {}"), "the key 'size' is missing"),
    "sets of one": (
        more("sets: {size: 1}"),
        "audit.yaml:6:14: error MIA008: input should be greater than or equal to 2",
    ),
    "features": (more("features: [text]"), "a language model takes no `features`"),
    "a label": (text("train.jsonl", "train.jsonl, label: y"), "have no labels; leave `label` out"),
    "a training function": (more("train: {function: a.py:train}"), "a model of the kind transformers takes no `train`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_language_models(case, mia, tmp_path, monkeypatch):
    change, said = WRONG[case]
    write(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml")


@pytest.mark.slow
def test_what_is_no_model_is_told(mia, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    write(tmp_path)
    refused(mia, tmp_path, monkeypatch, "tuned is no causal language model that can be read", "audit.yaml")


def test_texts_of_a_classifier(mia, tmp_path, monkeypatch):
    forest.write(tmp_path)
    text("train.csv, label", "train.csv, text: age, label")(tmp_path)
    refused(mia, tmp_path, monkeypatch, "`text` is for language models, and this is a model of the kind sklearn", "audit.yaml")
