"""From an audit file to the parts of an audit: data, model, classes, answers, training and references, all checked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from attacks.audit import checks, classes, inside, language, references, samples, tables, texts
from attacks.audit.answers import floats, log_probs
from attacks.audit.file import Audit
from attacks.audit.functions import Function, trusted
from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.specs import (
    ArraysSpec,
    CallableSpec,
    ClassifierSpec,
    HttpSpec,
    OnnxSpec,
    SamplesSpec,
    SklearnSpec,
    TorchSpec,
    TransformersSpec,
)
from attacks.audit.own_training import Method, OwnTraining
from attacks.audit.parts import Parts
from attacks.audit.rows import Rows, rows_of
from attacks.audit.tables import Side, Wanted
from attacks.audit.target import Answers, ClassifierParts
from attacks.handles import ShadowData
from attacks.seeds import digest, digest_arrays
from attacks.targets.private import lower_bound_of_guesses
from attacks.targets.target import Judge
from taxonomy.findings import InputError, nearest, quoted


@dataclass(frozen=True)
class Trust:
    """What the command line trusts: folders whose code is imported, and pickles that are read."""

    folders: Sequence[Path] = ()
    pickles: Sequence[Path] = ()


def parts(audit: Audit, trust: Trust) -> Parts:
    """Return the parts of an audit, with nothing asked of the model yet; raise InputError for anything wrong."""
    spec = audit.model
    found: Parts
    if isinstance(spec, SamplesSpec):
        found = samples.read(audit, spec)
    elif isinstance(spec, TransformersSpec):
        found = language.read(audit, spec)
    else:
        found = _of_classifier(audit, trust)
    if audit.stated.coins is not None:
        found.judges["audit"] = _coins(found, audit.stated.coins.delta)
    found.hashes = _hashes(audit)
    return found


def _of_classifier(audit: Audit, trust: Trust) -> ClassifierParts:
    stated, spec = audit.stated, audit.model
    train = _function(audit, trust, stated.train.function, "train", "function") if stated.train else None
    path = getattr(spec, "function", None)
    function = _function(audit, trust, path, "model", "function") if path else None
    model = None if isinstance(spec, ArraysSpec) else load(audit, trust, function)
    # Unless the file says so, a record is what the model was fitted on, where it knows that.
    features: Sequence[str] | None = stated.features if stated.features is not None else (model.columns if model else None)
    if model is not None and stated.features is not None:
        try:
            features = in_order_of(model, stated.features)
        except InputError as error:
            raise audit.wrong(str(error), "features") from error
    wanted = Wanted(
        features,
        stated.groups,
        spec.columns if isinstance(spec, ArraysSpec) else None,
        stated.missing_values,
    )
    members = tables.read(audit.folder, "members", stated.members, wanted)
    wanted = replace(wanted, order=members.columns)
    others = tables.read(audit.folder, "non_members", stated.non_members, wanted)
    of_population = replace(wanted, groups=(), answers=None)
    population = tables.read(audit.folder, "population", stated.population, of_population) if stated.population else None
    sides = [side for side in (members, others, population) if side is not None]
    known = rows_of(sides)
    if isinstance(spec, ArraysSpec):
        model = recorded(spec, members, others)
    assert model is not None, "every kind but recorded answers was loaded"
    checks.refuse_overlap(members, others, known, model.recorded)
    if known is None and model.answer is not None:
        raise audit.wrong("the records have no features, so there is nothing to ask the model about", "members")
    return assembled(
        stated.name,
        members,
        others,
        population,
        known,
        model,
        train=Method((), "probabilities", train.identity, function=train) if train else None,
        hidden=bool(stated.train and stated.train.hidden),
        references_file=audit.folder / stated.references.file if stated.references else None,
        training_size=stated.training_size,
        records=stated.records,
    )


def _coins(found: Parts, delta: float) -> Judge:
    """Return the judge of guesses at members whom fair coins chose: a lower bound on epsilon at this delta."""
    member = found.order < len(found.members)
    return lambda guess: lower_bound_of_guesses(guess, member, delta, math.inf)


def _hashes(audit: Audit) -> dict[str, str]:
    """Return the SHA-256 of every file of data, by its name as the audit file states it."""
    stated = audit.stated
    parts = {"members": stated.members, "non_members": stated.non_members, "population": stated.population}
    endings = (*tables.ENDINGS, *texts.ENDINGS)
    files = {name: tables.files(audit.folder, part.file, name, endings) for name, part in parts.items() if part is not None}
    if stated.references is not None:
        files["references"] = [audit.folder / stated.references.file]
    files["model"] = audit.model.files(audit.folder)
    found = {}
    for name, paths in files.items():
        folders = {path.parent for path in paths}
        for path in paths:
            shown = path.name if len(folders) == 1 else f"{path.parent.name}/{path.name}"
            with path.open("rb") as content:
                found[f"{name}: {shown}"] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def assembled(
    name: str,
    members: Side,
    others: Side,
    population: Side | None,
    known: Rows | None,
    model: OwnModel,
    *,
    train: Method | None = None,
    hidden: bool = False,
    references_file: Path | None = None,
    training_size: int | None = None,
    records: str | None = None,
) -> ClassifierParts:
    """Return the parts of an audit from sides and a model that were read, wherever they came from."""
    sides = [side for side in (members, others, population) if side is not None]
    names = _names(model, sides)
    for side in sides:
        if side.label is not None:
            classes.numbered(side.label, names, side.where)
    if len(names) < 2:
        raise InputError(f"there is one class only ({names[0]}), which no model tells apart from another")
    if (members.label is None) != (others.label is None):
        raise InputError("one side has labels and the other has none; state `label` for both")
    count = len(members) + len(others)
    answers = Answers(model, known, names, count)
    kind = records or ("table" if known is None or known.x.ndim == 2 else "picture")
    # Where features tell too little to know records by, as groups do, recorded answers are known by their numbers.
    by_number = model.recorded is not None and known is not None and len(np.unique(known.ids[:count])) < count
    if by_number:
        answers = Answers(model, None, names, count)
    found = ClassifierParts(
        name=name,
        members=members,
        others=others,
        population=population,
        names=names,
        model=model,
        rows=None if by_number else known,
        answers=answers,
        described=known,
        hidden=hidden,
        training_size=training_size,
        records=kind,
    )
    if known is not None and members.label is not None and not by_number:
        found.inside = inside.look(model, known, found.label, len(names))
    if train is not None:
        if known is None or members.label is None:
            raise InputError("a training function takes records with features and labels, and these have none")
        method = Method(tuple(names), train.scale, train.identity, train.function, train.local)
        found.training = OwnTraining(method, known, 0.0)
    if model.recorded is not None:
        answers.learn()
    if found.rows is None:
        answers.numbered = found.order
    if references_file is not None:
        (x, label, ids), order = found.candidates(), found.order
        known_for = ShadowData(x[order], label[order], ids[order])
        found.references = references.read(references_file, model, names, known_for, order, answers.resolution)
    return found


def load(audit: Audit, trust: Trust, function: Function | None) -> OwnModel:
    """Return the model of an audit file; raise InputError with the place in the file for one that cannot be had."""
    spec = audit.model
    assert isinstance(spec, ClassifierSpec), "other kinds are read elsewhere"
    try:
        return _load(audit, spec, trust, function)
    except InputError as error:
        if hasattr(error, "findings"):
            raise
        raise audit.wrong(str(error), "model") from error


def _load(audit: Audit, spec: ClassifierSpec, trust: Trust, function: Function | None) -> OwnModel:
    if isinstance(spec, CallableSpec):
        from attacks.audit.kinds import own_functions

        assert function is not None, "it is required"
        return own_functions.load(spec, function, audit.folder)
    if isinstance(spec, SklearnSpec):
        from attacks.audit.kinds import estimators

        return estimators.load(spec, audit.folder, function, trust.pickles)
    if isinstance(spec, TorchSpec):
        from attacks.audit.kinds import networks

        return networks.load(spec, audit.folder, function, trust.pickles)
    if isinstance(spec, OnnxSpec):
        from attacks.audit.kinds import onnx

        return onnx.load(spec, audit.folder)
    assert isinstance(spec, HttpSpec), "every kind is read here"
    from attacks.audit.kinds import http

    return http.load(spec, audit.stated.limits.queries)


def recorded(spec: ArraysSpec, members: Side, others: Side) -> OwnModel:
    """Return recorded answers as a model; raise InputError for answers that are not what they are said to be."""
    assert members.answers is not None and others.answers is not None, "they were asked for"
    if members.answered != others.answered:
        raise InputError(f"the columns of answers differ: {members.where} and {others.where}")
    named = [str(name) for name in spec.classes] if spec.classes is not None else members.answered
    found = []
    for side in (members, others):
        answers = side.answers
        assert answers is not None, "see above"
        if named is not None and answers.shape[1] != len(named):
            raise InputError(f"{side.where}: there are {answers.shape[1]} columns of answers and {len(named)} classes")
        found.append(log_probs(floats(answers, len(side), None, side.where), spec.scale, side.where))
    if found[0].shape[1] != found[1].shape[1]:
        raise InputError(
            f"{members.where} has {found[0].shape[1]} columns of answers, and {others.where} has {found[1].shape[1]}"
        )
    everything = np.concatenate(found)
    return OwnModel(
        None, digest(["arrays", digest_arrays(everything)]), named, spec.scale, recorded=everything, noun="the recorded answers"
    )


def in_order_of(model: OwnModel, features: Sequence[str]) -> Sequence[str]:
    """Return named features in the order in which the model was fitted on them, where it knows that.

    Raises InputError where they are not the same features: by their places alone they would stand for others.
    """
    if model.columns is None:
        return features
    if odd := [name for name in features if name not in model.columns]:
        raise InputError(f"{model.noun} was not fitted on the feature {quoted(odd[0])} ({nearest(odd[0], model.columns)})")
    for name in model.columns:
        if name not in features:
            raise InputError(
                f"{model.noun} was fitted on the feature {quoted(name)}, which is missing ({nearest(name, features)})"
            )
    return model.columns


def _function(audit: Audit, trust: Trust, path: str, *place: str) -> Function:
    try:
        return trusted(audit.folder, path, trust.folders, _read_by(audit))
    except InputError as error:
        raise audit.wrong(str(error), *place) from error


def _read_by(audit: Audit) -> frozenset[Path]:
    """Return the files that an audit reads itself: its own, and those that it names."""
    stated = audit.stated
    named = [part.file for part in (stated.members, stated.non_members, stated.population, stated.references) if part is not None]
    found = {audit.path, *audit.model.files(audit.folder)}
    for pattern in named:
        found |= {audit.folder / pattern, *tables.matching(audit.folder, pattern)}
    return frozenset(path.resolve() for path in found)


def _names(model: OwnModel, sides: Sequence[Side]) -> list[str]:
    """Return the names of the classes in one order: the model's own, else whole numbers from 0."""
    if model.classes is not None:
        if len(set(model.classes)) < len(model.classes):
            raise InputError(f"a class stands twice among those of {model.noun}")
        return list(model.classes)
    labels = [side.label for side in sides if side.label is not None]
    if model.recorded is not None:
        columns = int(model.recorded.shape[1])
        names = [str(k) for k in range(columns)]
        return names
    if not labels:
        raise InputError(f"nothing says which classes {model.noun} tells apart; add `classes: [...]` or labels")
    return classes.of_labels(labels, sides[0].where)
