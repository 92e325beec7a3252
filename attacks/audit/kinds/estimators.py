"""`kind: sklearn`: a fitted classifier from a skops file, from a pickle that the command line trusts, or from a function."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attacks.audit.functions import Function, aside, blamed
from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.specs import SklearnSpec
from attacks.seeds import digest
from taxonomy.findings import InputError, relative

PICKLES = (".pkl", ".pickle", ".joblib")


def load(spec: SklearnSpec, folder: Path, function: Function | None, trusted_pickles: Sequence[Path]) -> OwnModel:
    """Return a classifier; raise InputError for a file that holds code which nobody trusted, or no classifier."""
    if function is not None:
        build = function.load()
        try:
            with aside():
                built = build()
        except (Exception, SystemExit) as error:
            raise InputError(f"{function.file.name}:{function.name} builds no model: {blamed(error, function.folder)}") from error
        return of_object(built, digest(["sklearn", function.identity]), f"what {function.name} returns")
    if spec.file is None:
        raise InputError("kind sklearn takes `file` (a skops file) or `function` (what builds the fitted classifier)")
    path = folder / spec.file
    if not path.is_file():
        raise InputError(f"model: no such file {relative(path)}")
    content = path.read_bytes()
    if not content:
        raise InputError(f"{relative(path)} is empty")
    pickled = path.suffix.lower() in PICKLES or content[:1] == b"\x80"
    model = _unpickled(path, trusted_pickles) if pickled else _skops(path, content)
    return of_object(model, digest(["sklearn", hashlib.sha256(content).hexdigest()]), relative(path))


def of_object(model: Any, identity: str, noun: str) -> OwnModel:
    """Return a fitted classifier as a model of an audit: with probabilities where it has them, else with labels."""
    known = getattr(model, "classes_", None)
    if known is None or not hasattr(model, "predict"):
        raise InputError(f"{noun} is a {type(model).__name__}, and no fitted classifier of scikit-learn")
    classes = [_name(one) for one in known]
    columns = [str(name) for name in getattr(model, "feature_names_in_", [])] or None
    if hasattr(model, "predict_proba"):
        return OwnModel(_named(model.predict_proba, columns), identity, classes, noun=noun, columns=columns)
    return OwnModel(_named(model.predict, columns), identity, classes, answers="labels", noun=noun, columns=columns)


def _named(answer: Any, columns: list[str] | None) -> Any:
    """Return what answers rows with their columns named, as the classifier was fitted."""
    if columns is None:
        return answer

    def asked(rows: Any) -> Any:
        import pandas as pd

        return answer(
            pd.DataFrame(rows, columns=columns) if isinstance(rows, np.ndarray) and rows.shape[1] == len(columns) else rows
        )

    return asked


def _name(value: Any) -> str:
    """Return a class as its name: 1.0 is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _skops(path: Path, content: bytes) -> Any:
    from skops import io

    try:
        others = io.get_untrusted_types(data=content)
        # Types of scikit-learn and numpy that skops does not list are code that is installed anyway, and none of the file's own.
        foreign = [name for name in others if name.split(".")[0] not in ("sklearn", "numpy", "scipy")]
        if foreign:
            raise InputError(
                f"{relative(path)} holds {', '.join(sorted(foreign)[:3])}, which are not of scikit-learn; name the function that "
                "builds the model instead (`function: my_model.py:load`)"
            )
        return io.loads(content, trusted=others)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{relative(path)} is no skops file that can be read ({type(error).__name__}: {error})") from error


def _unpickled(path: Path, trusted: Sequence[Path]) -> Any:
    if path.resolve() not in {one.resolve() for one in trusted}:
        raise InputError(
            f"{relative(path)} is a pickle, which can run any code when it is read; if you made it yourself, add "
            f"--trust-pickle {relative(path)}, or save the model with skops: skops.io.dump(model, 'model.skops')"
        )
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:
        raise InputError(f"{relative(path)} cannot be unpickled ({type(error).__name__}: {error})") from error
