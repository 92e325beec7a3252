"""Recorded answers of models of one's own, with who was trained on what: shadow and reference models that need no training."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import answers
from attacks.audit.kinds.model import OwnModel
from attacks.defenses.answers import Mask, answering
from attacks.handles import HostedModel, ReferenceModels, ShadowData, ShadowModels, UnsuitableError
from attacks.models.resolution import bounded
from attacks.seeds import digest, digest_arrays
from attacks.targets.target import HandleMaker
from taxonomy.findings import InputError, nearest, relative


class _RecordedModel:
    """A model of which answers to the candidates are all that there is."""

    def __init__(self, log_probabilities: NDArray[np.float64], x: Tensor, fingerprint: str):
        self._found = torch.from_numpy(log_probabilities)
        self._x = x
        self.fingerprint = fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return the recorded log-probabilities, float64 (n, classes), of all candidates x."""
        if x.shape != self._x.shape or not torch.equal(x, self._x):
            raise UnsuitableError(
                "it asks reference models about changed records, and only their answers to the candidates are here"
            )
        return self._found.clone()

    kept_log_probs = log_probs


class _RecordedReferences(ReferenceModels):
    """Reference models of which nothing is known but their answers to the candidates."""

    @property
    def own(self) -> ShadowModels:
        """Raise UnsuitableError: on which records the models were trained, nobody handed over."""
        raise UnsuitableError("it needs the records that the reference models were trained on, and only their answers are here")

    def member_signal(self, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Raise UnsuitableError likewise."""
        return self.own.signal(of)

    @property
    def training_size(self) -> float:
        """Raise UnsuitableError likewise."""
        return float(len(self.own.records))


@dataclass(frozen=True)
class Recorded:
    """Answers of models to all candidates, as handles.

    `own` are those of which it is known who was trained on what, and `others` those that no candidate was a record of.
    """

    makers: dict[str, HandleMaker]
    identity: str
    own: ShadowModels | None
    others: ShadowModels | None = None

    def masked(self, mask: Mask) -> dict[str, HandleMaker]:
        """Return what makes the same models, of which each answers through a mask."""
        return _made(*(None if models is None else answering(models, mask) for models in (self.own, self.others)))


def read(
    path: Path, model: OwnModel, names: list[str], records: ShadowData, order: NDArray[np.int64], resolution: float
) -> Recorded:
    """Return the models of a file of npz: `scores` (models, records, classes), `trained_on` bool (models, records), `outside`.

    Records stand there as in the files of the audit, members first, then non-members; `records` are the candidates in the order
    of the target, and `order` says where each of them stands in the files. `outside` holds answers of models that no candidate
    was a record of, (models, records, classes); without it, each record has the models that were not trained on it. Raises
    InputError for arrays of another form.
    """
    where = relative(path)
    arrays = _arrays(path)
    scores, trained_on = arrays.get("scores"), arrays.get("trained_on")
    outside = arrays.get("outside")
    if scores is None and outside is None:
        raise InputError(f"{where}: there is no array 'scores' ({nearest('scores', arrays)})")
    if scores is not None and trained_on is None:
        raise InputError(f"{where}: there is no array 'trained_on', which says which model was trained on which record")
    shadow: ShadowModels | None = None
    references: ShadowModels | None = None
    if scores is not None and trained_on is not None:
        if trained_on.dtype != np.bool_ or trained_on.shape != scores.shape[:2]:
            raise InputError(
                f"{where}: trained_on is bool of shape (models, records) = {scores.shape[:2]}, not {trained_on.dtype} "
                f"{trained_on.shape}"
            )
        models = _models(scores, model, names, records.x, order, resolution, f"{where}: scores")
        shadow = ShadowModels(models, records, torch.from_numpy(trained_on[:, order]))
        if outside is None and (fewest := int((~trained_on).sum(axis=0).min())):
            # For each record the first models without it, as many for all: of these models no candidate was a record.
            without = np.argsort(trained_on, axis=0, kind="stable")[:fewest]
            outside = np.take_along_axis(scores, without[:, :, None], axis=0)
    if outside is not None:
        others = _models(outside, model, names, records.x, order, resolution, f"{where}: outside")
        nobody = torch.zeros(len(others), len(records), dtype=torch.bool)
        references = ShadowModels(others, records, nobody)
    found = [array for array in (scores, trained_on, outside) if array is not None]
    return Recorded(_made(shadow, references), digest([digest_arrays(*found), model.scale]), shadow, references)


def _made(own: ShadowModels | None, others: ShadowModels | None) -> dict[str, HandleMaker]:
    """Return what makes the handles of models of which some trained on candidates, and of others that did on none."""
    made = dict[str, Any]()
    if own is not None:
        made["shadow-models.matched"] = lambda ledger: own
    if others is not None:
        made["reference-models"] = lambda ledger: _RecordedReferences(others)
    return made


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    where = relative(path)
    if not path.is_file():
        raise InputError(f"references: no such file {where}")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise InputError(f"{where}: references are a file of npz with numbers ({error})") from error


def _models(
    scores: NDArray[Any],
    model: OwnModel,
    names: list[str],
    x: Tensor,
    order: NDArray[np.int64],
    resolution: float,
    where: str,
) -> list[HostedModel]:
    if scores.ndim != 3 or scores.shape[1] != len(x):
        raise InputError(
            f"{where} is of shape (models, records, classes) with {len(x):,} records, members first, then non-members; found "
            f"{scores.shape}"
        )
    columns = model.classes or names
    found = []
    for number, one in enumerate(scores):
        exact = answers.log_probs(answers.floats(one, len(x), len(columns), where), model.scale, f"{where}, model {number}")
        if columns != names:
            exact = np.ascontiguousarray(exact[:, [columns.index(name) for name in names]])
        step = resolution or answers.resolution(exact)
        if step:
            exact = bounded(torch.from_numpy(exact), step).numpy()
        found.append(HostedModel(_RecordedModel(exact[order], x, digest([where, number]))))  # type: ignore[arg-type]
    return found
