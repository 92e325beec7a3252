"""Classes by name: labels and answers meet by what a class is called, never by where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError, nearest, quoted

Names = NDArray[np.str_]


def names(values: NDArray[Any], where: str) -> Names:
    """Return labels (n,) as names of classes: text as it stands, whole numbers in digits, `True` and `False`.

    Raises InputError for labels that are one-hot, not-a-number, or no whole numbers.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        raise InputError(
            f"{where}: the labels have {array.shape[1]} columns, as one-hot labels have; give one class a record "
            "(`y.argmax(axis=1)`)"
        )
    array = array.reshape(-1)
    if array.dtype.kind in "US":
        found = np.char.strip(array.astype(str))
    elif array.dtype.kind == "O":
        found = np.array([str(value).strip() for value in array], dtype=str)
    elif array.dtype.kind in "iub":
        return array.astype(str)
    elif array.dtype.kind == "f":
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array))[0])
            raise InputError(f"{where}: the label of record {row + 1} is missing or no finite number")
        if (array != np.round(array)).any():
            row = int(np.flatnonzero(array != np.round(array))[0])
            raise InputError(f"{where}: the label {array[row]:.6g} of record {row + 1} is no whole number; a label names a class")
        return array.astype(np.int64).astype(str)
    else:
        raise InputError(f"{where}: labels of the type {array.dtype} are no classes; give text or whole numbers")
    if (empty := np.flatnonzero((found == "") | (found == "nan") | (found == "None"))).size:
        raise InputError(f"{where}: record {int(empty[0]) + 1} has no label ({empty.size:,} of {len(found):,} have none)")
    return np.array([whole(name) for name in found.tolist()], dtype=str) if len(found) else found


def whole(name: str) -> str:
    """Return `1.0`, as programs write whole numbers where some are missing, as `1`."""
    head, dot, tail = name.partition(".")
    return head if dot and head.lstrip("-").isdecimal() and set(tail) <= {"0"} else name


def of_labels(labels: Sequence[Names], where: str) -> list[str]:
    """Return the classes of labels where nothing else names them: whole numbers from 0 to the largest.

    Raises InputError for labels with names, whose order among the outputs nobody has stated.
    """
    seen = sorted(set().union(*(set(np.unique(part).tolist()) for part in labels)))
    if not all(name.isdecimal() for name in seen):
        other = next(name for name in seen if not name.isdecimal())
        raise InputError(
            f"{where}: labels such as {quoted(other)} are names, and nothing says which output belongs to which; "
            "add `classes: [...]` under `model`, in the order of the outputs"
        )
    most = max(int(name) for name in seen)
    if most > 100_000:
        raise InputError(f"{where}: the label {most} would make {most + 1:,} classes; is that column an identity?")
    return [str(k) for k in range(max(most + 1, 2))]


def numbered(labels: Names, classes: Sequence[str], where: str) -> NDArray[np.int64]:
    """Return the place of every label (n,) among the classes, int64 (n,); raise InputError for one that is none of them."""
    places = {name: k for k, name in enumerate(classes)}
    unique, inverse = np.unique(labels, return_inverse=True)
    for name in unique.tolist():
        if name not in places:
            row = int(np.flatnonzero(labels == name)[0]) + 1
            raise InputError(
                f"{where}: record {row} has the label {quoted(name)}; the model has no output of it ({nearest(name, classes)})"
            )
    return np.array([places[name] for name in unique.tolist()], dtype=np.int64)[inverse]


def typed(labels: Names) -> NDArray[Any]:
    """Return labels as a training function takes them: whole numbers where all are, else text, as `01` is."""
    if all(_is_number(name) for name in np.unique(labels).tolist()):
        return labels.astype(np.int64)
    return labels.astype(object)


def _is_number(name: str) -> bool:
    """Whether a name is a whole number that has the same name again: `01` has not, nor has one beyond int64."""
    return name.lstrip("-").isdecimal() and len(name) < 19 and str(int(name)) == name
