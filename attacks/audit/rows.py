"""The user's own rows behind the tensors that attacks see: encoded for attacks, and given back as they were to the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit.tables import Features, Side
from attacks.seeds import digest, digest_arrays, record_ids
from taxonomy.findings import InputError, quoted

if TYPE_CHECKING:
    from pandas import DataFrame


# So many different texts a column may hold: attacks see each as a column of its own, which for free text fits no memory.
MOST_VALUES = 1_000
# So many numbers of records are worked on at a time.
BLOCK = 2**22
# Kinds of dtypes that are numbers.
NUMBERS = "fiub"


@dataclass(frozen=True)
class Column:
    """How one column of a table becomes numbers: they are standardised, text is one column a value, and so is a gap.

    `values` are the texts of what stands in a column that holds other things than numbers, and `things` what these texts are of.
    """

    name: Any
    mean: float = 0.0
    spread: float = 1.0
    values: tuple[str, ...] = ()
    things: tuple[Any, ...] = ()
    gaps: bool = False

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return (len(self.values) or 1) + self.gaps

    def encode(self, column: NDArray[Any]) -> NDArray[np.float32]:
        """Return the column (n,) as float32 (n, width)."""
        if self.values:
            missing = _missing(column)
            texts = _texts(column)
            parts = [((texts == value) & ~missing).astype(np.float32) for value in self.values]
        else:
            numbers = column.astype(np.float64)
            missing = np.isnan(numbers)
            parts = [np.where(missing, 0.0, (numbers - self.mean) / self.spread).astype(np.float32)]
        return np.stack([*parts, *([missing.astype(np.float32)] if self.gaps else [])], axis=1)

    def decode(self, encoded: NDArray[np.float32]) -> NDArray[Any]:
        """Return what stands behind float32 (n, width): the nearest text, or the number, or a gap."""
        gap = encoded[:, -1] > 0.5 if self.gaps else np.zeros(len(encoded), dtype=bool)
        if self.values:
            found = _objects(self.things)[encoded[:, : len(self.values)].argmax(axis=1)]
            found[gap] = None
            named: NDArray[Any] = found
            return named
        return np.where(gap, np.nan, encoded[:, 0].astype(np.float64) * self.spread + self.mean)


class Rows:
    """All records of an audit, as the user gave them and as attacks see them.

    Tables are standardised column by column, so that what an attack learns of them does not hang on units; pictures and other
    arrays are cast to float32. A record that an attack changed is turned back; one that it did not change is the user's own, bit
    for bit.
    """

    def __init__(self, known: Features):
        self.known = known
        self.columns = _columns(known)
        self._numbers = _numbers(self.columns) if isinstance(known, np.ndarray) and self.columns else None
        self.x = self.encode(known)
        ids = record_ids(self.x.numpy())
        self._sums = np.sort(_sums(self.x.numpy()))
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        self.ids = ids
        self._asked: tuple[Tensor, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def merged(self) -> int:
        """How many records look to attacks as others do, though they differ: they differ by less than float32 can tell."""
        same = np.flatnonzero(self._ids[1:] == self._ids[:-1])
        one, other = self._order[same], self._order[same + 1]
        return sum(not equal(take(self.known, one[k : k + 1]), take(self.known, other[k : k + 1])) for k in range(len(same)))

    def encode(self, features: Features) -> Tensor:
        """Return features as attacks see them, float32 (n, ...)."""
        if self.columns is None:
            return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        parts = [column.encode(_of(features, k, column.name)) for k, column in enumerate(self.columns)]
        return torch.from_numpy(np.ascontiguousarray(np.concatenate(parts, axis=1)))

    def places(self, x: Tensor) -> NDArray[np.int64]:
        """Return which of the known records each of x (n, ...) is, int64 (n,); -1 for one that is none of them."""
        # Attack after attack asks about the same records.
        if self._asked is None or x.shape != self._asked[0].shape or not torch.equal(x, self._asked[0]):
            found = np.full(len(x), -1)
            # Attacks on labels ask about millions of made-up records, most of which are told by their sums, faster than by ids.
            maybe = np.flatnonzero(_spots(self._sums, _sums(x.numpy()))[1])
            spots, held = _spots(self._ids, record_ids(x.numpy()[maybe]))
            maybe, known = maybe[held], self._order[spots[held]]
            # Two records may have one id by chance; what is taken for a known record has its numbers.
            same = _same(x, maybe, self.x, known)
            found[maybe[same]] = known[same]
            self._asked = x.clone(), found
        return self._asked[1]

    def decoded(self, x: Tensor) -> Features:
        """Return what stands behind records x (n, ...) that are not among the known ones, in the form of these."""
        array = x.numpy()
        if self.columns is None:
            return _cast(array, self.known.dtype)
        if self._numbers is not None:
            return _cast(array.astype(np.float64) * self._numbers[1] + self._numbers[0], self.known.dtype)
        start, parts = 0, []
        for column in self.columns:
            parts.append(column.decode(array[:, start : start + column.width]))
            start += column.width
        if isinstance(self.known, np.ndarray):
            return _cast(np.stack(parts, axis=1), self.known.dtype)
        import pandas as pd

        frame = pd.DataFrame({column.name: part for column, part in zip(self.columns, parts, strict=True)})
        return frame.astype({name: kind for name, kind in self.known.dtypes.items() if kind.kind in "fO"})

    def original(self, places: NDArray[np.int64]) -> Features:
        """Return known records by place, as the user gave them: a copy."""
        return take(self.known, places)


def _sums(x: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a checksum of each record x (n, ...), uint64 (n,), the same for records with the same id."""
    width, found = math.prod(x.shape[1:]), np.empty(len(x), dtype=np.uint64)
    weights = 2 * np.random.default_rng(0).integers(2**63, size=width, dtype=np.uint64) + np.uint64(1)
    for part in _blocks(len(x), width):
        rows = np.ascontiguousarray(x[part], dtype=np.float32).reshape(-1, width) + np.float32(0)
        found[part] = rows.view(np.uint32).astype(np.uint64) @ weights
    return found


def _same(one: Tensor, places: NDArray[np.int64], other: Tensor, known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether records of one (n, ...) at some places (k,) hold the numbers of those of the other that are known, (k,)."""
    found = np.empty(len(places), dtype=bool)
    for part in _blocks(len(places), math.prod(one.shape[1:])):
        left, right = (x[torch.from_numpy(rows[part])].flatten(1) for x, rows in ((one, places), (other, known)))
        found[part] = ((left == right) | (left.isnan() & right.isnan())).all(dim=1).numpy()
    return found


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Return slices of so many records of so many numbers each, none of which is large in memory."""
    step = max(1, BLOCK // max(1, width))
    return (slice(start, start + step) for start in range(0, count, step))


def _spots(held: NDArray[np.uint64], asked: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where in sorted numbers each of those asked for would be (n,), and whether it is there."""
    spots = np.minimum(np.searchsorted(held, asked), len(held) - 1)
    return spots, held[spots] == asked


def take(features: Features, rows: NDArray[np.int64]) -> Features:
    """Return a copy of some rows of features."""
    return features[rows].copy() if isinstance(features, np.ndarray) else features.iloc[rows].reset_index(drop=True)


def digest_features(features: Features) -> str:
    """Return a hash of features as the user gave them: names, types and values."""
    if isinstance(features, np.ndarray):
        return digest_arrays(features)
    import pandas as pd

    kinds = [[str(name), str(kind)] for name, kind in features.dtypes.items()]
    # Of text and objects, which have no bytes of their own, the hash is one of each cell.
    cells = [pd.util.hash_array(features[name].to_numpy().astype(str).astype(object)) for name in features.columns]
    return digest([kinds, digest_arrays(*cells)])


def content_ids(features: Features) -> NDArray[np.uint64]:
    """Return a hash of each record's features as the user gave them, uint64 (n,)."""
    if isinstance(features, np.ndarray):
        return record_ids(np.ascontiguousarray(features))
    import pandas as pd

    return np.asarray(pd.util.hash_pandas_object(features.astype(str), index=False), dtype=np.uint64)


def joined(parts: list[Features]) -> Features:
    """Return features of several sides behind each other."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def rows_of(sides: Sequence[Side]) -> Rows | None:
    """Return the records of all sides with features; raise InputError where they do not fit together."""
    having = [side for side in sides if side.features is not None]
    if not having:
        return None
    if len(having) < len(sides):
        without = next(side for side in sides if side.features is None)
        raise InputError(f"{without.where}: these records have no features, and those of {having[0].where} have some")
    return Rows(joined([having[0].features, *(_alike(having[0], side) for side in having[1:])]))


def _alike(one: Side, other: Side) -> Features:
    """Return the features of the other side in the form of those of one, columns by name; raise InputError if they are others."""
    both = f"{one.where} and {other.where}"
    if one.columns and other.columns and (odd := sorted(set(one.columns) ^ set(other.columns))):
        raise InputError(f"{both} do not have the same features: {', '.join(odd[:5])}")
    features = other.features
    if isinstance(one.features, np.ndarray) != isinstance(features, np.ndarray):
        raise InputError(f"{both}: the same columns hold numbers in one and text in the other")
    if isinstance(features, np.ndarray):
        if one.features.shape[1:] != features.shape[1:]:
            shapes = f"{one.features.shape[1:]}, one of {other.where} {features.shape[1:]}"
            raise InputError(f"a record of {one.where} has the shape {shapes}")
        if one.columns and other.columns and one.columns != other.columns:
            features = features[:, [other.columns.index(name) for name in one.columns]]
        return features
    features = features[list(one.features.columns)]
    for name in features.columns:
        if (one.features[name].dtype.kind in NUMBERS) != (features[name].dtype.kind in NUMBERS):
            raise InputError(f"{both}: the column {quoted(name)} holds numbers in one and text in the other")
    return features


def _of(features: Features, number: int, name: Any) -> NDArray[Any]:
    found: NDArray[Any] = features[:, number] if isinstance(features, np.ndarray) else features[name].to_numpy()
    return found


def _columns(known: Features) -> list[Column] | None:
    if isinstance(known, np.ndarray):
        return [_column(k, known[:, k]) for k in range(known.shape[1])] if known.ndim == 2 else None
    frame: DataFrame = known
    return [_column(name, frame[name].to_numpy()) for name in frame.columns]


def _column(name: Any, column: NDArray[Any]) -> Column:
    if column.dtype.kind in NUMBERS:
        numbers = column.astype(np.float64)
        gaps = bool(np.isnan(numbers).any())
        present = numbers[~np.isnan(numbers)]
        mean, spread = _moments(present) if len(present) else (0.0, 1.0)
        return Column(name, mean, spread or 1.0, gaps=gaps)
    missing = _missing(column)
    present = column[~missing]
    values, first = np.unique(_texts(present), return_index=True)
    if len(values) > MOST_VALUES:
        raise InputError(
            f"the column {quoted(str(name))} holds {len(values):,} different texts; attacks see a column for each, of "
            f"which there may be {MOST_VALUES:,}: leave it out (`features:`), name it as `id`, or turn it into numbers"
        )
    return Column(name, values=tuple(values.tolist()), things=tuple(present[first].tolist()), gaps=bool(missing.any()))


def _numbers(columns: list[Column]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return means and spreads of columns, each float64 (columns,), where all hold numbers without gaps: decoded all at once."""
    if any(column.values or column.gaps for column in columns):
        return None
    return np.array([column.mean for column in columns]), np.array([column.spread for column in columns])


def _moments(present: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation (n,), of numbers too whose squares or sum are beyond float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(present.mean()), float(present.std())
    if math.isfinite(mean) and math.isfinite(spread):
        return mean, spread
    most = float(np.abs(present).max())
    return float((present / most).mean()) * most, float((present / most).std()) * most


def _objects(things: tuple[Any, ...]) -> NDArray[Any]:
    found = np.empty(len(things), dtype=object)
    found[:] = things
    return found


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd

    found: NDArray[np.bool_] = np.asarray(pd.isna(column))
    return found


def _texts(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.array([str(value) for value in column], dtype=str)


def _cast(array: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers as the type that the user's records have; whole numbers are rounded and kept within their range."""
    if kind.kind not in "iu":
        return array.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.round(array.astype(np.float64)), limits.min, limits.max).astype(kind)


def equal(one: Features, other: Features) -> bool:
    """Whether features are the same to the last bit."""
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    return bool(one.equals(other))
