"""An audit in three lines of Python, for a notebook."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from attacks.audit import checks, classes, reading, running, tables
from attacks.audit.answers import SCALES
from attacks.audit.file import Sets, StatedDefense
from attacks.audit.kinds import estimators
from attacks.audit.kinds.model import OwnModel
from attacks.audit.own_training import Method, answering
from attacks.audit.result import AuditResult
from attacks.audit.rows import rows_of
from attacks.audit.tables import Side
from taxonomy import loading
from taxonomy.entries import EntryId
from taxonomy.findings import InputError, nearest
from taxonomy.reader import wanted
from taxonomy.terms import Strict

Stated = TypeVar("Stated", bound=Strict)
# What every audit takes.
SIDES = ("members", "non_members")
# Where it is told what may stand in a part that has no default.
LISTED = {"defense": "; `mia defenses` lists them"}


def run(
    *,
    model: Any,
    members: tuple[Any, Any],
    non_members: tuple[Any, Any],
    population: tuple[Any, Any] | None = None,
    train: Callable[[Any, Any, int], Any] | None = None,
    class_names: Sequence[Any] | None = None,
    scale: str = "probabilities",
    missing_values: bool = False,
    attacks: Sequence[str] = (),
    models: int | None = None,
    defense: str | Mapping[str, Any] | None = None,
    sets: int | Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "model",
) -> AuditResult:
    """Audit a model: run every attack that what is handed over makes feasible, and say what they find.

    `model` answers rows with scores (n, classes): a function, a fitted classifier with `predict_proba`, or a torch module.
    `members`, `non_members` and `population` are features (n, ...) and labels (n,): arrays, or a data frame and a series.
    `train` is `(x, y, seed) -> model`, by which the adversary trains shadow models; `models` limits their number.
    `defense` is a mask that is put on top of the answers: its id (`mia defenses`), or what an audit file says of one, such as
    `{"id": "rounded-scores", "params": {"digits": 1}, "adaptive": False}`.
    `sets` deals the candidates into sets of so many, of which attacks on sets say whether they were trained on (it takes a
    `population`): a size, or what an audit file says of them, such as `{"size": 20, "shares": [0.5, 1]}`.
    `class_names` names the outputs of a function in order; with `missing_values` features may be NaN. Raises InputError, a
    ValueError, for anything wrong, before training.
    """
    for what, number, least in (("seed", seed, 0), ("models", models, 1)):
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= least
        if not whole and (what, number) != ("models", None):
            raise InputError(f"{what} is a whole number from {least} (found {number!r})")
    try:
        TypeAdapter(EntryId).validate_python(name)
    except ValidationError as error:
        raise InputError(f"name: {wanted(error.errors(include_url=False)[0])} (found {name!r})") from error
    if isinstance(attacks, str):
        raise InputError(f"attacks is a list of names: attacks=[{attacks!r}]")
    own = _model(model, class_names, scale)
    handed = {"members": members, "non_members": non_members, "population": population}
    sides = [_side(side, given, own, missing_values) for side, given in handed.items() if side in SIDES or given is not None]
    rows = rows_of(sides)
    assert rows is not None, "every side has features"
    checks.refuse_overlap(sides[0], sides[1], rows)
    method = None if train is None else Method((), scale, uuid.uuid4().hex, local=train)
    parts = reading.assembled(name, sides[0], sides[1], sides[2] if population is not None else None, rows, own, train=method)
    catalog = loading.load(())
    mask = _stated("defense", StatedDefense, "id", defense) if defense is not None else None
    dealt = _stated("sets", Sets, "size", sets) if sets is not None else None
    with running.prepared(catalog, parts, attacks=attacks, seed=seed, models=models, defense=mask, sets=dealt) as ready:
        return running.run(ready, "audit.run(...)")


def _stated(key: str, form: type[Stated], only: str, given: Any) -> Stated:
    """Return what an audit file states under a key, of which one part is `only` needed; raise InputError for anything else."""
    keys, given = [*form.model_fields], _plain(given)
    if not isinstance(given, Mapping):
        try:
            return form(**{only: given})
        except ValidationError as error:
            raise InputError(f"{key}: give its {only}, or a mapping with {', '.join(keys)} (found {given!r})") from error
    for name in given:
        if name not in keys:
            raise InputError(f"{key}: unknown key {name!r} ({nearest(str(name), keys)})")
    if only not in given:
        raise InputError(f"{key}: the key {only!r} is missing{LISTED.get(key, '')}")
    try:
        return form(**given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, (key, *problem["loc"])))
        raise InputError(f"{place}: {wanted(problem)} (found {problem['input']!r})") from error


def _plain(value: Any) -> Any:
    """Return numbers of numpy as those of Python, in mappings and lists too."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def _side(name: str, records: tuple[Any, Any] | None, own: OwnModel, missing_values: bool) -> Side:
    """Return the records of one side, the columns of a data frame in the order in which the model was fitted on them."""
    if not isinstance(records, tuple | list) or len(records) != 2:
        raise InputError(f"{name}: give features and labels: {name}=(x, y)")
    x, y = records
    if hasattr(x, "iloc") and own.columns is not None:
        columns = {str(column): column for column in x.columns}
        try:
            x = x[[columns[column] for column in reading.in_order_of(own, list(columns))]]
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return tables.of_values(name, x, y, missing_values=missing_values)


def _model(model: Any, names: Sequence[Any] | None, scale: str) -> OwnModel:
    """Return what answers: a fitted classifier, a torch module, or a function; raise InputError for anything else."""
    if scale not in SCALES:
        raise InputError(f"unknown scale {scale!r} ({nearest(scale, SCALES)})")
    if not callable(model) and not hasattr(model, "predict_proba") and not hasattr(model, "predict"):
        raise InputError(
            f"model is a {type(model).__name__}; give a fitted classifier, a torch module, or a function from rows to scores"
        )
    # What a function of this process answers hangs on globals and closures, of which there is no hash: each call is work anew.
    identity = uuid.uuid4().hex
    if hasattr(model, "predict_proba") or (hasattr(model, "classes_") and hasattr(model, "predict")):
        if names is not None:
            raise InputError("class_names names the outputs of a function or a network; a fitted classifier names its own")
        return estimators.of_object(model, identity, "the model")
    answer, known, own_scale = answering(model, scale)
    stated = [str(one) for one in names] if names is not None else known
    # A bound method of a fitted classifier knows its classes.
    if stated is None and (of := getattr(getattr(model, "__self__", None), "classes_", None)) is not None:
        stated = classes.names(np.asarray(of), "the model").tolist()
    own_network = model if isinstance(model, nn.Module) and not isinstance(model, torch.jit.ScriptModule) else None
    return OwnModel(answer, identity, stated, own_scale, network=own_network)
