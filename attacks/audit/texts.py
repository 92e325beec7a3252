"""Reads texts: a column of a table, a field of JSON lines, or a file with one text a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attacks.audit import tables
from attacks.audit.file import Part
from attacks.audit.tables import Side, Wanted
from taxonomy.findings import InputError, nearest, quoted, relative

if TYPE_CHECKING:
    from pandas import DataFrame

ENDINGS = (".csv", ".parquet", ".jsonl", ".txt")
TEXT = "text"


def read(folder: Path, name: str, part: Part, wanted: Wanted) -> tuple[Side, list[str]]:
    """Return the records of one side, which have no features, and their texts; raise InputError with file, column and record."""
    paths = tables.files(folder, part.file, name, ENDINGS)
    ending = paths[0].suffix.lower()
    if ending == ".txt":
        if part.text or part.id or wanted.groups:
            raise InputError(f"{name}: a file of lines has no columns; `text`, `id` and `groups` name those of csv or jsonl")
        frame = _frame([{TEXT: line} for path in paths for line in _lines(path)], paths[0])
    elif ending == ".jsonl":
        frame = _frame([_object(line, number, path) for path in paths for number, line in enumerate(_lines(path), 1)], paths[0])
    else:
        frame = tables.frame(paths, part)
    where, column = relative(paths[0]), part.text or TEXT
    if column not in frame.columns:
        hint = nearest(column, map(str, frame.columns))
        raise InputError(f"{where}: there is no column {quoted(column)} ({hint}); `text` names the one that holds texts")
    texts = [_text(value, row, column, where) for row, value in enumerate(frame[column].tolist(), 1)]
    side = tables.of_frame(frame, name, where, part, Wanted((), wanted.groups))
    return side, texts


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{relative(path)}: the file is not UTF-8 (byte {error.start})") from error


def _object(line: str, number: int, path: Path) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise InputError(f"{relative(path)}: line {number} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"{relative(path)}: line {number} is no JSON object")
    return found


def _frame(rows: list[dict[str, object]], path: Path) -> DataFrame:
    import pandas as pd

    if not rows:
        raise InputError(f"{relative(path)}: there are no records")
    return pd.DataFrame(rows)


def _text(value: object, row: int, column: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if value is None or value != value or isinstance(value, str) else f"is no text: {value!r}"
        raise InputError(f"{where}: the {column} of record {row} {what}")
    return value


def refuse_overlap(members: Side, texts: list[str], others: Side, other_texts: list[str]) -> None:
    """Raise InputError, with examples by id, if a text stands among the members and among the non-members."""
    places = np.flatnonzero(np.isin(np.array(texts, dtype=object), np.array(other_texts, dtype=object)))
    if len(places):
        examples = ", ".join(str(members.ids[k]) for k in places[:3])
        raise InputError(
            f"{len(places):,} texts stand among the members and among the non-members ({members.where}, {others.where}): "
            f"members {examples}{', …' if len(places) > 3 else ''}; each record is on one side"
        )
