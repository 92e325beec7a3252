"""Bad input never costs anything: one sentence that names place and remedy, exit code 2, stdout empty, nothing written."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import forest
import numpy as np
import pandas as pd
import pytest

Change = Callable[[Path], None]


def text(old: str, new: str, file: str = "audit.yaml") -> Change:
    """Return a change of one text in a file, which must stand there."""

    def change(folder: Path) -> None:
        path = folder / file
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))

    return change


def more(line: str, file: str = "audit.yaml") -> Change:
    """Return a change that adds a line to a file."""
    return lambda folder: (folder / file).open("a").write(line + "\n") and None


def table(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Change:
    """Return a change of a table."""

    def change(folder: Path) -> None:
        frame = pd.read_csv(folder / name, dtype={"patient": str})
        done = edit(frame)
        (frame if done is None else done).to_csv(folder / name, index=False)

    return change


def content(name: str, data: bytes) -> Change:
    """Return a change that writes a file anew."""
    return lambda folder: (folder / name).write_bytes(data) and None


def moved(name: str, to: str) -> Change:
    """Return a change of a file's name."""
    return lambda folder: (folder / name).rename(folder / to) and None


def both(*changes: Change) -> Change:
    """Return several changes."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def set_value(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return edit


def arrays_of(**arrays: np.ndarray) -> Change:
    """Return a change that puts npz files in place of the tables."""

    def change(folder: Path) -> None:
        for name in ("train", "holdout"):
            np.savez(folder / f"{name}.npz", **arrays)
        (folder / "audit.yaml").write_text(
            "schema: 1\nname: forest\nmembers: {file: train.npz}\nnon_members: {file: holdout.npz}\n"
            "model: {kind: sklearn, file: model.skops}\n"
        )

    return change


def predictor(body: str) -> Change:
    """Return a change that audits a function in place of the file."""

    def change(folder: Path) -> None:
        (folder / "net.py").write_text(f"import numpy as np\n\ndef predict(rows):\n    {body}\n")
        text("{kind: sklearn, file: model.skops}", "{kind: callable, function: net.py:predict, classes: [sick, well]}")(folder)
        text("outcome, id: patient}\nmodel", "outcome, id: patient}\nfeatures: [age, income, visits, risk]\nmodel")(folder)

    return change


def trainer(body: str) -> Change:
    return both(
        more(forest.POPULATION + forest.TRAIN), content("my_training.py", f"def train(x, y, seed):\n    {body}\n".encode())
    )


ROWS = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 2

# name of the case -> what is wrong, and what the message says
WRONG: dict[str, tuple[Change, str]] = {
    # the audit file
    "no schema": (text("schema: 1\n", ""), "audit.yaml:1:1: error MIA007: the key 'schema' is missing"),
    "unknown key": (more("popluation: {file: x.csv}"), "unknown key 'popluation' (did you mean population?)"),
    "unknown kind": (text("kind: sklearn", "kind: sklaern"), "unknown kind of model 'sklaern' (did you mean sklearn?)"),
    "no kind": (text("{kind: sklearn, file: model.skops}", "{file: model.skops}"), "the key 'kind' is missing"),
    "no model": (text("model: {kind: sklearn, file: model.skops}\n", ""), "the key 'model' is missing"),
    "model is text": (text("{kind: sklearn, file: model.skops}", "model.skops"), "expected a mapping with `kind`"),
    "key of another kind": (text("file: model.skops", "path: model.skops"), "unknown key 'path'"),
    "not YAML": (text("schema: 1", "schema: [1"), "error MIA002"),
    "name is no id": (text("name: forest", "name: My Forest"), "audit.yaml:2:7"),
    "negative limit": (more("limits: {models: -1}"), "greater than or equal to 0"),
    "unknown threat model": (more("threat_models: [prediction-api-scroes]"), "unknown threat model 'prediction-api-scroes'"),
    "threat model of a generator": (more("threat_models: [published-gan-samples]"), "is about a generative model"),
    "threat model twice": (more("threat_models: [prediction-api-labels, prediction-api-labels]"), "a second time"),
    "unknown attack": (more("attacks: [lirra]"), "unknown attack 'lirra'"),
    "attack out of reach": (more("attacks: [carlini-2022-lira]"), "carlini-2022-lira cannot be run in this audit"),
    "inline threat model with an unknown term": (
        more("threat_models: [{id: mine, observation: black-box, knows: [Q.scoers]}]"),
        "unknown term 'Q.scoers': did you mean Q.scores?",
    ),
    "no such audit file": (lambda folder: (folder / "audit.yaml").unlink(), "no such file; `mia audit --init`"),
    "no features": (more("features: []"), "audit.yaml:6:11: error MIA008: there is no feature here"),
    "a feature twice": (more("features: [age, age, income, visits, risk]"), "'age' stands here a second time"),
    # files of records
    "a folder": (
        both(text("train.csv", "data"), lambda folder: (folder / "data").mkdir()),
        "data is a folder; name the files in it",
    ),
    "no pattern": (text("train.csv", '"a**b*.csv"'), "a**b*.csv is no pattern of file names"),
    "an array named npz": (
        both(
            text("{file: train.csv, label: outcome, id: patient}", "{file: one.npz}"),
            lambda folder: np.save(folder / "one.npy", np.ones((3, 4))),
            moved("one.npy", "one.npz"),
        ),
        "it holds one array, as npy files do; name it .npy",
    ),
    "arrays named npy": (
        both(
            text("{file: train.csv, label: outcome, id: patient}", "{file: some.npy}"),
            lambda folder: np.savez(folder / "some.npz", x=ROWS),
            moved("some.npz", "some.npy"),
        ),
        "it holds several arrays, as npz files do; name it .npz",
    ),
    "one value": (
        both(
            text("{file: train.csv, label: outcome, id: patient}", "{file: one.npz}"),
            lambda folder: np.savez(folder / "one.npz", x=np.array(3.0), y=np.array(1)),
        ),
        "x is one value; an array has an entry for each record",
    ),
    "an empty model": (content("model.skops", b""), "model.skops is empty"),
    "no such table": (text("train.csv", "trian.csv"), "no such file"),
    "another ending": (
        both(text("train.csv", "train.xlsx"), content("train.xlsx", b"PK")),
        "expected one of .csv, .parquet, .npz, .npy",
    ),
    "empty file": (content("train.csv", b""), "the file is empty"),
    "header alone": (content("train.csv", b"age,income,visits,risk,sex,outcome,patient\n"), "has a header and no records"),
    "ragged line": (more("1,2,3,4,f,sick,9,9,9,9", "train.csv"), "Expected 7 fields in line 62, saw 10"),
    "not UTF-8": (content("train.csv", "age,outcome,patient\n1,caf\xe9,2\n".encode("latin-1")), "the file is not UTF-8"),
    "column twice": (text("age,income", "age,age", "train.csv"), "the column 'age' stands twice"),
    "wrong label column": (
        text("train.csv, label: outcome", "train.csv, label: outcom"),
        "there is no column 'outcom' (did you mean outcome?)",
    ),
    "wrong id column": (
        text("train.csv, label: outcome, id: patient", "train.csv, label: outcome, id: patent"),
        "did you mean patient?",
    ),
    "wrong feature": (more("features: [age, incmoe]"), "was not fitted on the feature 'incmoe' (did you mean income?)"),
    "wrong group": (more("groups: [sx]"), "there is no column 'sx'"),
    "feature is missing": (
        table("train.csv", set_value("age", 4, None)),
        "the feature 'age' is missing in 1 records, the first of them record 5",
    ),
    "feature is infinite": (table("train.csv", set_value("age", 4, float("inf"))), "the feature 'age' is infinite"),
    "text among numbers": (
        table("train.csv", set_value("age", 4, "old")),
        "the same columns hold numbers in one and text in the other",
    ),
    "label is missing": (table("train.csv", set_value("outcome", 2, None)), "record 3 has no label"),
    "label of no class": (
        table("train.csv", set_value("outcome", 2, "sikc")),
        "record 3 has the label 'sikc'; the model has no output of it (did you mean sick?",
    ),
    "label with a fraction": (arrays_of(x=ROWS, y=Y + 0.5), "the label 0.5 of record 1 is no whole number"),
    "labels one-hot": (arrays_of(x=ROWS, y=np.eye(2)[Y]), "one-hot labels"),
    "labels with gaps": (arrays_of(x=ROWS, y=np.where(Y == 1, np.nan, Y)), "the label of record 2 is missing"),
    "same id on both sides": (
        lambda folder: table("holdout.csv", set_value("patient", 0, str(2**64 + 9)))(folder),
        f"1 ids stand among the members and among the non-members (train.csv, holdout.csv): ids {2**64 + 9}",
    ),
    "same record on both sides": (
        lambda folder: (
            (folder / "holdout.csv").write_text(
                (folder / "holdout.csv").read_text()
                + (folder / "train.csv").read_text().splitlines()[1].rsplit(",", 1)[0]
                + ",777\n"
            )
            and None
        ),
        f"1 records stand among the members and among the non-members (train.csv, holdout.csv): members {2**64 + 7}",
    ),
    "id twice": (table("train.csv", set_value("patient", 1, str(2**64 + 7))), f"the id '{2**64 + 7}' stands 2 times"),
    "lengths differ": (arrays_of(x=ROWS, y=Y[:-1]), "the arrays differ in length: x 60, y 59"),
    "a pickle in npz": (arrays_of(x=np.array([{}] * 60, dtype=object), y=Y), "Python objects, which are never unpickled"),
    "features of one axis": (arrays_of(x=ROWS[:, 0], y=Y), "features are of shape (records, ...), not (60,)"),
    "features are NaN": (arrays_of(x=np.where(ROWS > 2, np.nan, ROWS), y=Y), "are not-a-number, the first of them record"),
    "no npz": (both(arrays_of(x=ROWS, y=Y), content("train.npz", b"PK\x03\x04 no")), "it cannot be read"),
    # models
    "no such model": (text("model.skops", "modle.skops"), "no such file"),
    "model is no skops": (content("model.skops", b"nothing"), "is no skops file that can be read"),
    "a pickle": (
        both(content("model.pkl", pickle.dumps({"a": 1})), text("model.skops", "model.pkl")),
        "is a pickle, which can run any code",
    ),
    "code that nobody trusts": (more(forest.POPULATION + forest.TRAIN), "add --trust-code"),
    # recorded answers
    "sums of .9": (text("scale: probabilities}", "scale: probabilities}", "arrays.yaml"), ""),
}
RECORDED: dict[str, tuple[Change, str]] = {
    "probabilities that sum to .9": (
        table("train_answers.csv", lambda frame: frame.assign(p_sick=(frame["p_sick"] * 0.9), p_well=frame["p_well"] * 0.9)),
        "add up to 0.9 in place of 1",
    ),
    "logits called probabilities": (
        table("train_answers.csv", lambda frame: frame.assign(p_sick=frame["p_sick"] + 2.5)),
        "which is no probability",
    ),
    "probabilities called logits": (
        text("scale: probabilities", "scale: logits", "arrays.yaml"),
        "look like probabilities, not logits",
    ),
    "probabilities called log-probabilities": (
        text("scale: probabilities", "scale: log-probabilities", "arrays.yaml"),
        "look like probabilities",
    ),
    "no scale": (text(", scale: probabilities", "", "arrays.yaml"), "the key 'scale' is missing"),
    "no column of answers": (
        text("scale: probabilities", 'scale: probabilities, columns: "q_*"', "arrays.yaml"),
        "no column matches `columns: q_*`",
    ),
    "one column of answers": (table("train_answers.csv", lambda frame: frame.drop(columns="p_sick")), "columns of answers"),
    "answers with gaps": (
        table("train_answers.csv", set_value("p_sick", 7, None)),
        "the column 'p_sick' has no number for record 8",
    ),
    "answers are text": (
        table("train_answers.csv", set_value("p_sick", 7, "much")),
        "the column 'p_sick' holds text where answers are numbers",
    ),
    "references without a file": (more("references: {file: refs.npz}", "arrays.yaml"), "references: no such file"),
    "references of other records": (
        both(
            more("references: {file: refs.npz}", "arrays.yaml"),
            lambda folder: np.savez(folder / "refs.npz", scores=np.full((2, 7, 2), 0.5), trained_on=np.zeros((2, 7), dtype=bool)),
        ),
        "with 120 records, members first, then non-members; found (2, 7, 2)",
    ),
    "references that are numbers": (
        both(
            more("references: {file: refs.npz}", "arrays.yaml"),
            lambda folder: np.savez(folder / "refs.npz", scores=np.full((2, 120, 2), 0.5), trained_on=np.zeros((2, 120))),
        ),
        "trained_on is bool of shape (models, records)",
    ),
    "a function beside recorded answers": (more(forest.TRAIN, "arrays.yaml"), "recorded answers cannot be asked again"),
}
TRUSTED: dict[str, tuple[Change, str]] = {
    "predict raises": (predictor("raise KeyError('oops')"), "KeyError: 'oops' (net.py:4"),
    "predict answers labels": (predictor("return np.array(['sick'] * len(rows))"), "does it answer labels"),
    "predict answers one column": (predictor("return np.full((len(rows), 1), .5)"), "one column; give one for each class"),
    "predict answers three columns": (
        predictor("return np.full((len(rows), 3), 1/3)"),
        "answers with 3 columns, and there are 2 classes",
    ),
    "predict answers too few": (predictor("return np.full((1, 2), .5)"), "answers 8 records with an array of shape (1, 2)"),
    "predict answers NaN": (predictor("return np.full((len(rows), 2), np.nan)"), "not-a-number"),
    "no such function": (
        both(predictor("return 1"), text("net.py:predict", "net.py:predcit")),
        "has no function 'predcit' (did you mean predict?)",
    ),
    "a module that does not import": (
        both(predictor("return 1"), content("net.py", b"import nothing_here\n")),
        "No module named 'nothing_here'",
    ),
    "train raises": (trainer("raise ValueError('too few')"), "the training function failed on"),
    "train returns nothing": (trainer("return None"), "the training function returned a NoneType"),
    "train takes other arguments": (
        both(more(forest.POPULATION + forest.TRAIN), content("my_training.py", b"def train(x):\n    return 1\n")),
        "the training function failed",
    ),
}
del WRONG["sums of .9"]


def refused(mia, folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, file: str, *more: str) -> None:
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.rglob("*"))
    done = mia("audit", file, "--json", *more, MIA_STORE=str(folder.parent / f"{folder.name}-store"))
    assert said in " ".join(done.stderr.split()), done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    left = [path.name for path in folder.rglob("*") if "__pycache__" not in str(path)]
    assert sorted(left) == [name for name in before if "__pycache__" not in name]


@pytest.mark.parametrize("case", WRONG)
def test_wrong_audits(case, mia, tmp_path, monkeypatch):
    change, said = WRONG[case]
    forest.write(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml")


@pytest.mark.parametrize("case", RECORDED)
def test_wrong_recorded_answers(case, mia, tmp_path, monkeypatch):
    change, said = RECORDED[case]
    forest.write(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "arrays.yaml")


@pytest.mark.parametrize("case", TRUSTED)
def test_wrong_functions(case, mia, tmp_path, monkeypatch):
    change, said = TRUSTED[case]
    forest.write(tmp_path)
    change(tmp_path)
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml", "--trust-code", ".")


def test_there_are_forty_wrong_audits():
    assert len(WRONG) + len(RECORDED) + len(TRUSTED) >= 60
