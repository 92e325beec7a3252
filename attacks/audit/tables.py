"""Reads what the user hands over: records, labels, identities, groups and recorded answers, from csv, parquet, npz and npy."""

from __future__ import annotations

import fnmatch
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit import classes
from attacks.audit.file import Part
from taxonomy.findings import InputError, nearest, quoted, relative

if TYPE_CHECKING:
    from pandas import DataFrame

ENDINGS = (".csv", ".parquet", ".npz", ".npy")
# What a record is made of: columns by name, or an array (n, ...).
Features = Any


@dataclass(frozen=True)
class Wanted:
    """Which columns of a file are what: features (None: all others), groups, and the pattern of recorded answers.

    A file with the same features as `order` names, in whatever order, has them in this one.
    """

    features: Sequence[str] | None = None
    groups: Sequence[str] = ()
    answers: str | None = None
    missing_values: bool = False
    order: Sequence[str] | None = None


@dataclass(frozen=True)
class Side:
    """The records of one side: members, non-members or population.

    `features` is a data frame, an array (n, ...) or None; `label` are names of classes (n,) or None; `ids` are texts (n,);
    `groups` has a text (n,) a column; `answers` float64 (n, columns) are recorded ones, of the classes `answered`, where these
    have names. `identified` is false where ids are only the numbers of rows. `columns` are the names of the features, if any.
    """

    name: str
    where: str
    features: Features
    label: classes.Names | None
    ids: NDArray[Any]
    groups: dict[str, NDArray[Any]] = field(default_factory=dict)
    answers: NDArray[np.float64] | None = None
    answered: list[str] | None = None
    identified: bool = False
    columns: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)


def read(folder: Path, name: str, part: Part, wanted: Wanted) -> Side:
    """Return the records of one side; raise InputError with file and column, and what was expected."""
    paths = files(folder, part.file, name)
    ending = paths[0].suffix.lower()
    if ending in (".csv", ".parquet"):
        return of_frame(frame(paths, part), name, _where(paths), part, wanted)
    return _of_arrays(paths, name, part, wanted)


def files(folder: Path, pattern: str, name: str, allowed: Sequence[str] = ENDINGS) -> list[Path]:
    """Return the files that a path or a pattern names, in order; raise InputError if there are none, or not of one kind."""
    path = folder / pattern
    found = [path] if path.is_file() else matching(folder, pattern)
    if path.is_dir():
        raise InputError(f"{name}: {relative(path)} is a folder; name the files in it, as in {pattern.rstrip('/')}/*.csv")
    if not found:
        others = [p.name for p in path.parent.iterdir() if p.suffix in allowed] if path.parent.is_dir() else []
        raise InputError(f"{name}: no such file {relative(path)}" + (f" ({nearest(path.name, others)})" if others else ""))
    endings = {p.suffix.lower() for p in found}
    if len(endings) > 1 or not endings <= set(allowed):
        raise InputError(f"{name}: {pattern} names files of {', '.join(sorted(endings))}; expected one of {', '.join(allowed)}")
    return found


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern of names stands for, in order; none of a path that is no pattern."""
    if not any(sign in pattern for sign in "*?[") or Path(pattern).is_absolute():
        return []
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{pattern} is no pattern of file names ({error})") from error


def _where(paths: Sequence[Path]) -> str:
    return relative(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


# -- tables ------------------------------------------------------------------------------------------------------------


def frame(paths: Sequence[Path], part: Part) -> DataFrame:
    """Return the tables of files behind each other; raise InputError for one that cannot be read, or has other columns."""
    import pandas as pd

    frames = [_csv(path, part) if path.suffix.lower() == ".csv" else _parquet(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if list(frame.columns) != list(frames[0].columns):
            odd = set(frame.columns) ^ set(frames[0].columns)
            raise InputError(
                f"{relative(path)} has other columns than {relative(paths[0])}: {', '.join(map(str, sorted(odd)[:5]))}"
            )
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _csv(path: Path, part: Part) -> DataFrame:
    import pandas as pd

    where = relative(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: the file is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"{where}: the file cannot be read ({error.strerror})") from error
    if not header.strip():
        raise InputError(f"{where}: the file is empty; the first line names the columns")
    separator = max(",;\t", key=header.count)
    names = [name.strip().strip('"') for name in header.strip("\r\n").split(separator)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{where}: the column {quoted(min(twice))} stands twice")
    as_text = {name: str for name in (part.id, part.label, part.text) if name}
    try:
        frame: DataFrame = pd.read_csv(
            path, sep=separator, encoding="utf-8-sig", dtype=as_text, skipinitialspace=True, **_exact()
        )
    except pd.errors.ParserError as error:
        raise InputError(f"{where}: {str(error).replace('Error tokenizing data. C error: ', '').strip()}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: the file is not UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise InputError(f"{where}: the table cannot be read ({error})") from error
    if not len(frame):
        raise InputError(f"{where}: the file has a header and no records")
    return frame


def _exact() -> dict[str, Any]:
    """Return how numbers are read to the last digit: from pandas 3 on they always are, and saying so is deprecated."""
    import pandas as pd

    return {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}


def _parquet(path: Path) -> DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise InputError(f"{relative(path)}: reading parquet takes pyarrow (`pip install pyarrow`)") from error
    except Exception as error:
        raise InputError(f"{relative(path)}: the file is no parquet that can be read ({error})") from error


def of_frame(frame: DataFrame, name: str, where: str, part: Part, wanted: Wanted) -> Side:
    """Return the records of one side that are rows of a table; raise InputError with the column that is wrong."""
    columns = [str(column) for column in frame.columns]
    frame.columns = columns
    label = classes.names(_column(frame, part.label, where).to_numpy(), where) if part.label else None
    ids = _ids(_column(frame, part.id, where).astype(str).to_numpy(), where) if part.id else _numbered(len(frame))
    groups = {column: _column(frame, column, where).astype(str).to_numpy() for column in wanted.groups}
    matched = [column for column in columns if wanted.answers and fnmatch.fnmatchcase(column, wanted.answers)]
    answers = _recorded(frame, matched, where) if wanted.answers else None
    if wanted.answers and not matched:
        raise InputError(f"{where}: no column matches `columns: {wanted.answers}` (columns: {', '.join(columns[:8])})")
    if wanted.features is None:
        kept = [column for column in columns if column not in {part.label, part.id, *matched}]
    else:
        kept = [str(_column(frame, column, where).name) for column in wanted.features]
    if wanted.order is not None and set(kept) == set(wanted.order):
        kept = list(wanted.order)
    features = _features(frame[kept], where, wanted) if kept else None
    return Side(
        name, where, features, label, ids, groups, answers, _named(matched, wanted.answers), part.id is not None, tuple(kept)
    )


def _column(frame: DataFrame, column: str, where: str) -> Any:
    if column not in frame.columns:
        raise InputError(f"{where}: there is no column {quoted(column)} ({nearest(column, map(str, frame.columns))})")
    return frame[column]


def _named(matched: Sequence[str], pattern: str | None) -> list[str] | None:
    """Return the classes that columns are named for: what `*` stands for in their pattern."""
    if not pattern or not matched or pattern.count("*") != 1:
        return None
    head, _, tail = pattern.partition("*")
    return [classes.whole(column[len(head) : len(column) - len(tail)]) for column in matched]


def _recorded(frame: DataFrame, columns: Sequence[str], where: str) -> NDArray[np.float64]:
    for column in columns:
        if frame[column].dtype.kind not in "fiu":
            raise InputError(f"{where}: the column {quoted(column)} holds text where answers are numbers")
        if (missing := frame[column].isna()).any():
            row = int(np.flatnonzero(missing.to_numpy())[0]) + 1
            raise InputError(
                f"{where}: the column {quoted(column)} has no number for record {row} ({int(missing.sum()):,} in all)"
            )
    found: NDArray[np.float64] = frame[list(columns)].to_numpy(dtype=np.float64)
    return found


def _features(frame: DataFrame, where: str, wanted: Wanted) -> Features:
    """Return features as float64 (n, d) where all are numbers, else as the data frame that they stand in."""
    if not wanted.missing_values:
        for column in frame.columns:
            if (missing := frame[column].isna()).any():
                raise InputError(
                    f"{where}: the feature {quoted(column)} is missing in {int(missing.sum()):,} records, the first of them "
                    f"record {int(np.flatnonzero(missing.to_numpy())[0]) + 1}; set `missing_values` to true if it takes them"
                )
    numbers = all(frame[column].dtype.kind in "fiub" for column in frame.columns)
    if not numbers:
        return frame.reset_index(drop=True)
    found: NDArray[np.float64] = frame.to_numpy(dtype=np.float64)
    if np.isinf(found).any():
        column = frame.columns[int(np.isinf(found).any(axis=0).argmax())]
        raise InputError(f"{where}: the feature {quoted(column)} is infinite in {int(np.isinf(found).sum()):,} places")
    return found


def of_values(name: str, x: Any, y: Any, *, missing_values: bool = False) -> Side:
    """Return the records of one side from features (n, ...) and labels (n,) as a program holds them: arrays, or a data frame."""
    wanted = Wanted(missing_values=missing_values)
    if hasattr(x, "iloc"):
        frame = x.copy()
        frame.columns = [str(column) for column in frame.columns]
        features, columns = _features(frame, name, wanted), tuple(frame.columns)
    else:
        columns = None
        features = _checked(np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x), name, wanted)
    label = classes.names(np.asarray(y.detach().cpu().numpy() if hasattr(y, "detach") else y), name)
    if len(label) != len(features):
        raise InputError(f"{name}: there are {len(features):,} records and {len(label):,} labels")
    if not len(label):
        raise InputError(f"{name}: there are no records")
    return Side(name, name, features, label, _numbered(len(label)), columns=columns)


# -- arrays ------------------------------------------------------------------------------------------------------------


def _of_arrays(paths: Sequence[Path], name: str, part: Part, wanted: Wanted) -> Side:
    where = _where(paths)
    if wanted.groups:
        raise InputError(f"{where}: groups are columns of a table; these records are arrays (csv or parquet has columns)")
    loaded = [_arrays(path, part, wanted) for path in paths]
    if not all(each.keys() == loaded[0].keys() for each in loaded):
        raise InputError(f"{where}: the files do not hold the same arrays")
    if single := [key for each in loaded for key, array in each.items() if array.ndim == 0]:
        raise InputError(f"{where}: {single[0]} is one value; an array has an entry for each record")
    try:
        arrays = {key: np.concatenate([each[key] for each in loaded]) for key in loaded[0]}
    except ValueError as error:
        raise InputError(f"{where}: the arrays of several files do not fit together ({error})") from error
    if not arrays:
        raise InputError(f"{where}: the file holds neither records (`x`) nor answers")
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{where}: the arrays differ in length: {', '.join(f'{key} {n:,}' for key, n in lengths.items())}")
    count = next(iter(lengths.values()))
    if not count:
        raise InputError(f"{where}: there are no records")
    features = _checked(arrays["x"], where, wanted) if "x" in arrays else None
    label = classes.names(arrays["y"], where) if "y" in arrays else None
    ids = _ids(arrays["id"].astype(str).astype(object), where) if "id" in arrays else _numbered(count)
    answers = None
    if wanted.answers:
        answers = arrays["answers"].astype(np.float64)
        if answers.ndim != 2:
            raise InputError(f"{where}: answers are of shape (records, classes), not {answers.shape}")
    return Side(name, where, features, label, ids, {}, answers, None, "id" in arrays)


def _arrays(path: Path, part: Part, wanted: Wanted) -> dict[str, NDArray[Any]]:
    where = relative(path)
    keys = {"x": "x", "y": part.label or "y", "id": part.id or "id"}
    try:
        if path.suffix.lower() == ".npy":
            beside = {"y": part.label, "id": part.id}
            named = {"x": path, **{key: path.parent / file for key, file in beside.items() if file}}
            found = {key: np.load(file, allow_pickle=False) for key, file in named.items()}
            if odd := [key for key, array in found.items() if isinstance(array, np.lib.npyio.NpzFile)]:
                raise InputError(f"{relative(named[odd[0]])}: it holds several arrays, as npz files do; name it .npz")
            return found
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise InputError(f"{where}: it holds one array, as npy files do; name it .npy, or save several with numpy.savez")
        with loaded as file:
            if wanted.answers:
                keys["answers"] = "scores" if "*" in wanted.answers else wanted.answers
            required = [key for key in ("answers",) if key in keys] + [
                key for key, stated in (("y", part.label), ("id", part.id)) if stated
            ]
            for key in required:
                if keys[key] not in file.files:
                    raise InputError(f"{where}: there is no array {quoted(keys[key])} ({nearest(keys[key], file.files)})")
            return {key: file[stored] for key, stored in keys.items() if stored in file.files}
    except FileNotFoundError as error:
        raise InputError(
            f"{relative(Path(str(error.filename)))}: no such file; of npy files, `label` and `id` name files"
        ) from error
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        pickled = "object" in str(error).lower() or "pickle" in str(error).lower()
        message = (
            "it holds Python objects, which are never unpickled; save numbers and text"
            if pickled
            else f"it cannot be read ({error})"
        )
        raise InputError(f"{where}: {message}") from error


def _checked(x: NDArray[Any], where: str, wanted: Wanted) -> NDArray[Any]:
    if x.dtype.kind not in "fiub":
        raise InputError(f"{where}: features are numbers, not {x.dtype}; text stands in csv or parquet")
    if x.ndim < 2:
        raise InputError(f"{where}: features are of shape (records, ...), not {x.shape}")
    if x.dtype.kind == "f":
        missing = np.isnan(x) if not wanted.missing_values else np.zeros(0, dtype=bool)
        for what, bad in (("not-a-number", missing), ("infinite", np.isinf(x))):
            if bad.any():
                rows = np.flatnonzero(bad.reshape(len(x), -1).any(axis=1))
                hint = "; set `missing_values` to true if it takes them" if what == "not-a-number" else ""
                raise InputError(
                    f"{where}: features of {len(rows):,} records are {what}, the first of them record {rows[0] + 1}{hint}"
                )
    return x


# -- identities --------------------------------------------------------------------------------------------------------


def _numbered(count: int) -> NDArray[Any]:
    """Return the numbers of rows, from 1, as texts."""
    return np.array([str(k) for k in range(1, count + 1)], dtype=object)


def _ids(ids: NDArray[Any], where: str) -> NDArray[Any]:
    found = np.array([str(one).strip() for one in ids.tolist()], dtype=object)
    if (empty := np.flatnonzero((found == "") | (found == "nan"))).size:
        raise InputError(f"{where}: record {int(empty[0]) + 1} has no id ({empty.size:,} have none)")
    unique, counts = np.unique(found.astype(str), return_counts=True)
    if (counts > 1).any():
        again = unique[counts > 1][0]
        raise InputError(f"{where}: the id {quoted(str(again))} stands {int(counts.max()):,} times; an id is of one record")
    return found
