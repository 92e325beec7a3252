"""The Open Inference Protocol, version 2, as JSON: tensors out, tensors back, and everything that may be wrong with them.

Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError, nearest, printable, quoted, unknown

FLOATS = {f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)}
WHOLE = {f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)}
NUMBERS = {**FLOATS, **WHOLE, "BOOL": np.dtype(bool)}
TEXT = "BYTES"
DATATYPES = (*NUMBERS, TEXT)
# What is sent where neither the user nor the model says which type and which name: MLServer takes any of both for scikit-learn.
DEFAULT_DATATYPE = "FP64"
DEFAULT_INPUT = "input-0"

LONGEST_NAME = 200

Array = NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """What a model's metadata say of an input or output: -1 stands for a length that varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def word(found: Any) -> str:
    """Return a name that a service gave, so that it can stand in a message: a name of use is short and printable."""
    return printable(str(found)[:LONGEST_NAME])


def parsed(body: bytes, who: str) -> Any:
    """Return what a body says as JSON; raises InputError if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        begin = quoted(body[:60].decode(errors="replace"))
        raise InputError(
            f"{who} answers with what is no JSON (it begins {begin}); does another program listen there? correct `url`"
        ) from error


def metadata(found: Any, who: str) -> tuple[dict[str, Any], list[Tensor], list[Tensor]]:
    """Return a model's identity (name, versions, platform), inputs and outputs from its metadata; raises InputError."""
    try:
        name, platform = word(found["name"]), word(found.get("platform") or "")
        versions = [word(version) for version in found.get("versions") or []]
        inputs, outputs = ([_tensor(one) for one in found.get(key) or []] for key in ("inputs", "outputs"))
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{who} describes the model in another form than version 2 of the Open Inference Protocol; correct `url`"
        ) from error
    return {"name": name, "versions": versions, "platform": platform}, inputs, outputs


def _tensor(found: Any) -> Tensor:
    return Tensor(word(found["name"]), word(found["datatype"]), tuple(int(length) for length in found.get("shape") or ()))


def chosen(kind: str, name: str, offered: Sequence[Tensor]) -> Tensor | None:
    """Return the tensor of a name, or the only one; None where the metadata offer none. Raises InputError."""
    names = [tensor.name for tensor in offered]
    if name and names and name not in names:
        raise unknown(kind, name, names)
    if not name and len(names) > 1:
        raise InputError(f"the model has {len(names)} {kind}s; name one as `{kind}` ({nearest('', names)})")
    return next((tensor for tensor in offered if name in ("", tensor.name)), None)


def fitting(rows: Array, datatype: str) -> Array:
    """Return records as the model takes them: (n, ...) of the type `datatype`. Raises InputError for what it cannot hold."""
    if datatype not in DATATYPES:
        raise unknown("datatype", datatype, DATATYPES)
    if datatype == TEXT:
        return rows.astype(str)
    if rows.dtype.kind not in "biuf":
        raise InputError(f"the records are {rows.dtype}, and the model takes {datatype}; give numbers, or say `datatype: BYTES`")
    with np.errstate(invalid="ignore", over="ignore"):
        sent: Array = rows.astype(NUMBERS[datatype])
    held = np.isfinite(sent) if datatype in FLOATS else sent == rows
    if not held.all():
        place = tuple(int(index) for index in np.argwhere(~held)[0])
        value = rows[place]
        raise InputError(
            f"record {place[0] + 1} holds {value}, which {datatype} in JSON cannot; change the records or `datatype`"
        )
    return sent


def check_shape(rows: Array, tensor: Tensor | None) -> None:
    """Raise InputError if the records are not of the shape that the metadata state; the first length is that of the batch."""
    if tensor is None or len(tensor.shape) != rows.ndim:
        return
    wanted = tensor.shape[1:]
    if any(length >= 0 and length != given for length, given in zip(wanted, rows.shape[1:], strict=True)):
        raise InputError(
            f"a record is of shape {list(rows.shape[1:])}, and input {quoted(tensor.name)} of the model takes {list(wanted)} "
            "(-1: any); name as `features` the columns that it takes, in its order"
        )


def question(rows: Array, datatype: str, name: str, output: str) -> dict[str, Any]:
    """Return the message that asks about a batch of fitting records."""
    tensor = {"name": name, "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist()}
    return {"inputs": [tensor], **({"outputs": [{"name": output}]} if output else {})}


def answer(found: Any, count: int, output: str, who: str) -> tuple[Array, str]:
    """Return the answers about `count` records, and the version of the model that gave them ("" if it does not say).

    Scores, of a FP datatype, are float64 (count, columns); labels are int64 (count,), or strings (count,) of BYTES. Raises
    InputError for anything else.
    """
    try:
        named = {word(one["name"]): one for one in found["outputs"]}
        version = word(found.get("model_version") or "")
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{who} answers with JSON that has no list of `outputs`; does it speak version 2 of the protocol?"
        ) from error
    if output and output not in named:
        raise unknown("output", output, named)
    if not output and len(named) != 1:
        raise InputError(f"{who} answers with {len(named)} outputs; name one as `output` ({nearest('', named)})")
    tensor = named[output or next(iter(named))]
    try:
        shape, datatype, data = tuple(map(int, tensor["shape"])), word(tensor["datatype"]), tensor["data"]
        flat = np.asarray(data).ravel()
    except (TypeError, KeyError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{who} answers with an output without `shape`, `datatype` or regular `data`") from error
    if not shape or shape[0] != count:
        raise InputError(f"{who} answers {count} records with an output of shape {list(shape)}; it must give one row for each")
    if len(flat) != math.prod(shape):
        raise InputError(f"{who} answers with {len(flat)} values, and says that they are of shape {list(shape)}")
    return _scores(flat, shape, who) if datatype in FLOATS else _labels(data, shape, datatype, who), version


def _scores(flat: Array, shape: tuple[int, ...], who: str) -> Array:
    # What is null, and lists within lists that differ in kind, are objects to numpy.
    if flat.dtype.kind not in "fiu":
        raise InputError(f"{who} answers with scores that are no numbers (null stands for not-a-number and infinity)")
    if len(shape) > 2 or 0 in shape:
        raise InputError(f"{who} answers with an output of shape {list(shape)}; a row of scores a record is needed")
    scores: Array = flat.astype(np.float64).reshape(shape[0], -1)
    wrong = np.isnan(scores) | np.isposinf(scores)
    if wrong.any():
        raise InputError(f"{who} answers with {scores[wrong][0]} for {int(wrong.any(axis=1).sum())} of {shape[0]} records")
    return scores


def _labels(data: Any, shape: tuple[int, ...], datatype: str, who: str) -> Array:
    if math.prod(shape[1:]) != 1:
        raise InputError(
            f"{who} answers with {datatype} of shape {list(shape)}; labels are one a record, and scores are FP32 or FP64"
        )
    # As objects, or numpy would make texts of numbers, and numbers with a point of whole ones that are large.
    values = np.asarray(data, dtype=object).ravel().tolist()
    wanted = {TEXT: (str,), "BOOL": (bool, int)}.get(datatype, (int,) if datatype in WHOLE else ())
    if not all(type(value) in wanted for value in values):
        raise InputError(f"{who} answers with {quoted(datatype)}, and its values are not of that type")
    try:
        return np.array(values, dtype=str if datatype == TEXT else np.int64)
    except OverflowError as error:
        raise InputError(f"{who} answers with the label {max(values, key=abs)}, which is larger than an int64") from error
