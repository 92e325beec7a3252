"""`kind: onnx`: a model in ONNX's format, run by onnxruntime on one thread of the CPU.

The file runs the operators of onnxruntime and no other code: libraries of further operators are never loaded. A classifier of
scikit-learn that sklearn-onnx converted answers with a mapping of classes to probabilities for each record (ZipMap), which names
the classes; any other model has them in the order of its outputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.specs import OnnxSpec
from attacks.seeds import digest
from taxonomy.findings import InputError, nearest, printable, quoted, relative

# So many records go through a model at a time, unless it takes a fixed number of them.
BATCH = 256
# What the types of inputs are to numpy.
TYPES = {
    "float16": np.float16,
    "float": np.float32,
    "double": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "bool": np.bool_,
    "string": np.object_,
}


def load(spec: OnnxSpec, folder: Path) -> OwnModel:
    """Return a model of ONNX as a model of an audit; raise InputError, in one sentence, for a file or output that gives none."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("kind onnx takes onnxruntime: pip install 'mia-atlas[onnx]'") from error
    path = folder / spec.file
    where = relative(path)
    if not path.is_file():
        others = [one.name for one in path.parent.iterdir() if one.is_file()] if path.parent.is_dir() else []
        raise InputError(f"model: no such file {where}" + (f" ({nearest(path.name, others)})" if others else ""))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised, and told once
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{where} is no ONNX model that onnxruntime can run ({_said(error)})") from error
    model = _Model(session, _output(session, spec.output, where), where)
    stated = None if spec.classes is None else [str(name) for name in spec.classes]
    names = model.named(stated) if model.mapped else stated
    # Weights of large models lie beside the file, under names that begin with its own.
    parts = [hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(path.parent.glob(f"{path.name}*")) if one.is_file()]
    identity = digest(["onnx", parts, model.output])
    return OwnModel(model, identity, names, spec.scale, noun=where, columns=model.columns)


def _output(session: Any, stated: str | None, where: str) -> Any:
    """Return the output that holds the scores: the stated one, else the only one that can."""
    outputs = {one.name: one for one in session.get_outputs()}
    if stated is not None:
        if stated not in outputs:
            raise InputError(f"{where} has no output {quoted(stated)} ({nearest(stated, outputs)})")
        return outputs[stated]
    able = [one for one in outputs.values() if _is_mapping(one) or one.type in ("tensor(float)", "tensor(double)")]
    if len(able) == 1:
        return able[0]
    kinds = ", ".join(f"{one.name} ({one.type})" for one in outputs.values())
    if len(outputs) == 1 or not able:
        raise InputError(f"{where} has no output of scores: its outputs are {kinds}")
    raise InputError(f"{where} has {len(able)} outputs that can be scores; say which by `output:` (outputs: {kinds})")


def _is_mapping(output: Any) -> bool:
    return bool(output.type.startswith("seq(map("))


class _Model:
    """Answers rows with scores, float64 (n, classes): casts them as the model's inputs are, and runs it in batches."""

    def __init__(self, session: Any, output: Any, where: str):
        self._session, self._where = session, where
        self._inputs = session.get_inputs()
        self.output: str = output.name
        self.mapped = _is_mapping(output)
        self._classes: list[str] | None = None
        for one in self._inputs:
            if _type(one) is None:
                raise InputError(
                    f"{where}: the input {quoted(one.name)} is a {one.type}, and records are arrays of numbers or text"
                )

    @property
    def columns(self) -> list[str] | None:
        """The features by name, where the model has an input for each."""
        return [one.name for one in self._inputs] if len(self._inputs) > 1 else None

    def named(self, stated: list[str] | None) -> list[str]:
        """Return the classes of a model that answers with mappings: the stated ones, else those of its answer to zeros."""
        if stated is None:
            blank = {one.name: np.full(_blank(one), "" if _type(one) is np.object_ else 0, _type(one)) for one in self._inputs}
            try:
                (first, *_) = self._session.run([self.output], blank)[0]
            except Exception as error:
                raise InputError(
                    f"{self._where} does not show its classes on a record of zeros ({_said(error)}); say `classes: [...]`"
                ) from error
            stated = [_name(one) for one in first]
        self._classes = stated
        return stated

    def __call__(self, rows: Any) -> NDArray[np.float64]:
        """Return scores, float64 (n, classes), for rows (n, ...); raise InputError with both shapes for rows that do not fit."""
        given = self._cast(rows)
        first = self._inputs[0].shape[0] if self._inputs[0].shape else None
        size = first if isinstance(first, int) else BATCH
        parts = []
        for start in range(0, len(rows), size):
            batch = {name: array[start : start + size] for name, array in given.items()}
            count = min(size, len(rows) - start)
            if isinstance(first, int) and count < size:  # filled up with the last record
                batch = {name: np.concatenate([part, np.repeat(part[-1:], size - count, axis=0)]) for name, part in batch.items()}
            try:
                found = self._session.run([self.output], batch)[0]
            except Exception as error:
                shapes = ", ".join(f"{name} {part.shape} {part.dtype}" for name, part in batch.items())
                raise InputError(f"{self._where} does not answer a batch of {shapes}: {_said(error)}") from error
            parts.append(self._array(found)[:count])
        return np.concatenate(parts)

    def _array(self, found: Any) -> NDArray[np.float64]:
        if not self.mapped:
            return np.asarray(found)
        assert self._classes is not None, "they were looked at"
        return np.array([_in_order(one, self._classes, self._where) for one in found], dtype=np.float64)

    def _cast(self, rows: Any) -> dict[str, NDArray[Any]]:
        if len(self._inputs) == 1:
            (one,) = self._inputs
            array = rows if isinstance(rows, np.ndarray) else rows.to_numpy(dtype=object if _type(one) is np.object_ else None)
            return {one.name: _fitted(array, one, f"{self._where}: the input {quoted(one.name)}")}
        if isinstance(rows, np.ndarray):
            raise InputError(
                f"{self._where} has {len(self._inputs)} inputs, one a column by name; columns have names where records stand in "
                "csv or parquet"
            )
        return {
            one.name: _fitted(rows[one.name].to_numpy()[:, None], one, f"{self._where}: the input {quoted(one.name)}")
            for one in self._inputs
        }


def _type(given: Any) -> Any:
    """Return what the type of an input is to numpy, or None for an input that is no array."""
    return TYPES.get(given.type.removeprefix("tensor(").removesuffix(")"))


def _blank(given: Any) -> tuple[int, ...]:
    """Return the shape of a record of zeros: what the model leaves open is 1."""
    return tuple(side if isinstance(side, int) else 1 for side in given.shape)


def _fitted(array: NDArray[Any], given: Any, who: str) -> NDArray[Any]:
    """Return an array (n, ...) with the type of an input; raise InputError where type or shape do not fit."""
    kind, shape = _type(given), given.shape
    known = list(zip(array.shape[1:], shape[1:], strict=False))
    if len(shape) != array.ndim or any(isinstance(side, int) and side != found for found, side in known):
        takes = " x ".join(str(side) if isinstance(side, int) else "any" for side in shape[1:])
        found = " x ".join(map(str, array.shape[1:]))
        raise InputError(f"{who} takes records of {takes}, and these are {found}")
    if kind is np.object_:
        return np.array([str(value) for value in array.ravel()], dtype=object).reshape(array.shape)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{who} takes numbers ({given.type}), and these records hold text")
    if np.issubdtype(kind, np.integer) and array.dtype.kind == "f" and (array != np.round(array)).any():
        raise InputError(f"{who} takes whole numbers ({given.type}), and these records hold others")
    return np.ascontiguousarray(array, dtype=kind)


def _in_order(answer: Mapping[Any, float], classes: Sequence[str], where: str) -> list[float]:
    """Return one record's scores in the order of the classes, by name."""
    named = {_name(key): value for key, value in answer.items()}
    if set(named) != set(classes):
        odd = sorted(set(named) ^ set(classes))
        raise InputError(
            f"{where} answers with the classes {', '.join(sorted(named)[:8])}, and `classes` states {', '.join(classes[:8])}: "
            f"{quoted(odd[0])} is among one of them only"
        )
    return [named[name] for name in classes]


def _name(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)


def _said(error: Exception) -> str:
    """Return what onnxruntime says, on one line and without its own codes."""
    text = " ".join(str(error).split())
    return printable(text.split(" : ")[-1].removesuffix(".").replace("failed:", "failed: "))
