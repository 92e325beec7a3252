"""`kind: http`: a model behind the Open Inference Protocol, version 2 (KServe, MLServer, Triton), asked over HTTP.

What was answered is kept on disk with the count of what was asked, so that no record is paid for twice, whatever breaks down.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from attacks.audit.kinds import protocol
from attacks.audit.kinds.address import Address
from attacks.audit.kinds.pace import Pace
from attacks.seeds import digest
from taxonomy.findings import InputError, quoted, relative, unknown

try:
    from attacks.audit.kinds.kept_answers import Form, KeptAnswers, decoded, form_of, shown
    from attacks.audit.kinds.line import Line
    from attacks.audit.kinds.retrying import BRIEF, PATIENT, ServiceError, insist
except ModuleNotFoundError as error:
    raise InputError(f"a model behind HTTP needs the Python package {error.name} (`pip install mia-atlas[service]`)") from error

if TYPE_CHECKING:
    from attacks.engine.places import Progress

Array = NDArray[Any]


@dataclass(frozen=True)
class _Model:
    """What the service says of its model and how it is asked, the hash of that, and the input's shape where it is told."""

    described: Mapping[str, Any]
    key: str
    tensor: protocol.Tensor | None


class Service:
    """A model behind HTTP, asked within a budget of records that survives restarts.

    `kept` is the folder for answers and counts. A request that failed after it was sent counts, since it may have been answered;
    one that never arrived, or was refused by a status of 4xx, does not. Every method raises InputError, with what to do.
    """

    def __init__(
        self,
        address: Address,
        kept: Path,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.address, self.limit, self._folder = address, limit, kept
        self._progress, self._sleep = progress, sleep
        self._line = Line(address.url, address.token_variable, address.timeout_s, clock=clock)
        self._pace = Pace(address.per_second, clock=clock, sleep=sleep)
        self._known: _Model | None = None

    @property
    def spent(self) -> int:
        """How many records this model was asked for so far, by all processes that share the folder."""
        kept = self._kept()
        if not kept.file.exists():
            return 0
        with kept:
            return kept.spent

    def metadata(self) -> dict[str, Any]:
        """Return what identifies the ready model, as plain data: name, version, versions, platform, input, output, datatype."""
        return dict(self._model().described)

    def __call__(self, rows: Array) -> Array:
        """Return the answers about records (n, ...), in order; only those that are not kept are asked, each once.

        Scores are float64 (n, columns), labels int64 or strings (n,).
        """
        model, sent, keys = self._prepared(rows)
        place = {key: number for number, key in enumerate(keys)}
        with self._kept() as kept:
            found = kept.find(model.key, list(place))
            missing = [key for key in place if key not in found]
            kept.allow(len(missing), self.limit)
            if missing and self._progress:
                self._progress.start(f"Asking {self.address.model}", len(missing))
            for start in range(0, len(missing), self.address.batch):
                batch = missing[start : start + self.address.batch]
                with kept.turn():
                    # Another process may have asked about some of them meanwhile.
                    found |= kept.find(model.key, batch)
                    if asked := [key for key in batch if key not in found]:
                        answers, form = self._ask(kept, model, sent[[place[key] for key in asked]])
                        found |= kept.keep(model.key, form, asked, answers)
                if self._progress:
                    for _ in batch:
                        self._progress.advance()
            known = kept.form(model.key)
        assert known is not None, "what was answered says of which form it is"
        return decoded([found[key] for key in keys], known)

    def anew(self, rows: Array) -> Array:
        """Return answers that are asked and counted again, whatever is kept: those of a noisy service differ."""
        model, sent, _ = self._prepared(rows)
        size = self.address.batch
        with self._kept() as kept:
            kept.allow(len(sent), self.limit)
            parts = [self._ask(kept, model, sent[start : start + size])[0] for start in range(0, len(sent), size)]
        return np.concatenate(parts)

    def _kept(self) -> KeptAnswers:
        return KeptAnswers(self._folder, digest([self._line.url, self.address.model]))

    def _prepared(self, rows: Array) -> tuple[_Model, Array, list[str]]:
        """Return the model, the records as it takes them and the hashes of those."""
        model = self._model()
        if not len(rows):
            raise InputError(f"there are no records to ask {self._line.url} about")
        sent = protocol.fitting(np.asarray(rows), model.described["datatype"])
        protocol.check_shape(sent, model.tensor)
        return model, sent, [_hash(record) for record in sent]

    def _ask(self, kept: KeptAnswers, model: _Model, sent: Array) -> tuple[Array, Form]:
        """Return the answers about a batch, and of which form they are; every try is counted before it is made."""
        question = protocol.question(sent, model.described["datatype"], model.described["input"], model.described["output"])

        def attempt() -> bytes:
            self._pace.wait(len(sent))
            kept.reserve(len(sent), self.limit)
            try:
                return self._line.post(f"{self._path}/infer", question)
            except ServiceError as error:
                if error.refused:
                    kept.release(len(sent))
                if error.status == HTTPStatus.NOT_FOUND:
                    # It was there: a service that has just been started again still loads its models.
                    error.tries = PATIENT
                raise

        body = insist(attempt, tries=PATIENT, sleep=self._sleep)
        found = protocol.parsed(body, self._line.url)
        answers, version = protocol.answer(found, len(sent), model.described["output"], self._line.url)
        form = form_of(answers, version)
        before = kept.form(model.key)
        if before is not None and before != form:
            raise InputError(
                f"{self._line.url} answers otherwise than before ({shown(form)}; kept: {shown(before)}): it is another model; "
                f"name the one that is meant as `version`, or move {relative(kept.file)} away"
            )
        return answers, form

    @property
    def _path(self) -> str:
        version = f"/versions/{quote(self.address.version, safe='')}" if self.address.version else ""
        return f"v2/models/{quote(self.address.model, safe='')}{version}"

    def _model(self) -> _Model:
        if self._known is None:
            self._known = self._described()
        return self._known

    def _described(self) -> _Model:
        """Ask the service for the model's metadata, and whether it is ready."""
        try:
            body = self._get(self._path)
        except ServiceError as error:
            if error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                raise self._unknown(error) from error
            raise
        identity, inputs, outputs = protocol.metadata(protocol.parsed(body, self._line.url), self._line.url)
        try:
            self._get(f"{self._path}/ready")
        except ServiceError as error:
            raise InputError(f"the model {quoted(self.address.model)} is not ready; load it in the service ({error})") from error
        address = self.address
        tensor = protocol.chosen("input", address.input, inputs)
        output = protocol.chosen("output", address.output, outputs)
        described = {
            **identity,
            "version": address.version,
            "input": tensor.name if tensor else address.input or protocol.DEFAULT_INPUT,
            "output": output.name if output else address.output,
            "datatype": address.datatype or (tensor.datatype if tensor else protocol.DEFAULT_DATATYPE),
        }
        return _Model(described, digest([self._line.url, described]), tensor)

    def _get(self, path: str) -> bytes:
        return insist(lambda: self._line.get(path), tries=BRIEF, sleep=self._sleep)

    def _unknown(self, error: ServiceError) -> InputError:
        """Return the error for a model that the service does not know, with those that it knows if it tells."""
        try:
            index = json.loads(self._line.post("v2/repository/index", {}))
            names = {protocol.word(one["name"]) for one in index}
        except (InputError, ValueError, TypeError, KeyError):
            return InputError(f"the service has no model {quoted(self.address.model)} that it would describe: {error}")
        if self.address.model not in names:
            return unknown("model of the service", self.address.model, names)
        versions = {protocol.word(one.get("version") or "") for one in index if one["name"] == self.address.model} - {""}
        if self.address.version and versions:
            return unknown(f"version of {quoted(self.address.model)}", self.address.version, versions)
        return InputError(f"the model {quoted(self.address.model)} is not loaded; load it in the service ({error})")


def _hash(record: Array) -> str:
    """Return the SHA-256 of one record as it is sent."""
    # Texts of an array are padded to the longest of all records, which must not count.
    values = json.dumps(record.tolist()).encode() if record.dtype.kind == "U" else record.tobytes()
    return hashlib.sha256(f"{record.shape} ".encode() + values).hexdigest()
