"""What a target shows, as hashes: the data that its handles hold, and what its handles answer on the candidates.

The engine names finished work by them, so that nothing is taken for the same that looks the same to its author only: a model that
was replaced answers differently, whatever the target says of itself. Asking costs the adversary nothing, and draws no random
number that anybody else draws.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import (
    BaseModel,
    CompletionOracle,
    DenoiserAccess,
    DiscriminatorAccess,
    EmbeddingOracle,
    EncoderAccess,
    GeneratedLikelihoodOracle,
    GeneratorAccess,
    Handle,
    HiddenValues,
    LabelOracle,
    LatentOracle,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    NoisePredictor,
    RecordFormat,
    RetrievalOracle,
    SampleOracle,
    ScoreOracle,
    Seat,
    ThresholdedScoreOracle,
    TopScoreOracle,
    TopSymbolOracle,
    UpdatedScores,
    ValueOracle,
)
from attacks.models import training
from attacks.targets.target import Target

# What a target is, as its handles show it: the model itself, and what it answers.
OF_THE_MODEL = ("M1.", "Q.")
# Records are asked about in chunks, so that memory does not grow with their number, and this many samples are drawn.
CHUNK, SAMPLES = 256, 16
# How far a text is continued after its first half.
SYMBOLS = 20


class Contents:
    """Hashes of what one target shows, each worked out once."""

    def __init__(self, target: Target):
        self._target = target
        self._found: dict[str | tuple[bool, bool], str] = {}

    @functools.cached_property
    def answers(self) -> str:
        """All that handles of the model show, whether they are granted or not; one that fails fails again when it is used."""
        return _digest([[term, self._or_error(term)] for term in sorted(self._target.makers) if term.startswith(OF_THE_MODEL)])

    def term(self, term: str) -> str:
        """What the handle of one term shows."""
        if term in self._target.identities:
            return self._target.identities[term]
        if term not in self._found:
            with _undisturbed():
                handle = self._target.makers[term](Ledger())
                self._found[term] = _digest(shown(handle, self._target.x))
        return self._found[term]

    def records(self, *, with_label: bool, partial: bool) -> str:
        """The candidates as an attack may see them."""
        kind = with_label, partial
        if kind not in self._found:
            self._found[kind] = _digest(vars(self._target.records(Ledger(), with_label=with_label, partial=partial)))
        return self._found[kind]

    def _or_error(self, term: str) -> str:
        try:
            return self.term(term)
        except Exception as error:
            return f"{type(error).__name__}: {error}"


@functools.singledispatch
def shown(handle: Handle, x: Tensor) -> Any:
    """Return what a handle shows, given the candidates x (n, ...): what it holds, or its answers to fixed questions."""
    return vars(handle)


@shown.register(ScoreOracle | ValueOracle | HiddenValues | LikelihoodOracle | NextSymbolOracle | DiscriminatorAccess)
@shown.register(EncoderAccess | EmbeddingOracle | TopScoreOracle | ThresholdedScoreOracle | TopSymbolOracle)
def _on_records(handle: Any, x: Tensor) -> Any:
    return [_digest(handle(chunk)) for chunk in x.split(CHUNK)]


@shown.register
def _labels(handle: LabelOracle, x: Tensor) -> Any:
    # Another model may well give the candidates the same labels; between two of them its boundary lies elsewhere.
    return [handle(chunk) for chunk in torch.cat([x, (x + x.roll(1, 0)) / 2]).split(CHUNK)]


@shown.register
def _updated(handle: UpdatedScores, x: Tensor) -> Any:
    return handle.before(x), [_digest(handle.after(k, x)) for k in range(len(handle))]


@shown.register(NoisePredictor | DenoiserAccess)
def _noise(handle: Any, x: Tensor) -> Any:
    middle = len(handle.kept) // 2
    return handle.kept, [handle(chunk.float(), middle) for chunk in x.split(CHUNK)]


@shown.register(CompletionOracle | GeneratedLikelihoodOracle)
def _written(handle: Any, x: Tensor) -> Any:
    half = x.shape[1] // 2
    return [handle(chunk[:, :half], min(half, SYMBOLS)) for chunk in x.split(CHUNK)]


@shown.register
def _base(handle: BaseModel, x: Tensor) -> Any:
    return [handle.likelihood(chunk) for chunk in x.split(CHUNK)]


@shown.register
def _found(handle: RetrievalOracle, x: Tensor) -> Any:
    return [handle(chunk[:, : x.shape[1] // 2]) for chunk in x.split(CHUNK)]


@shown.register
def _samples(handle: SampleOracle, x: Tensor) -> Any:
    return handle(SAMPLES)


@shown.register(LatentOracle | GeneratorAccess)
def _of_codes(handle: Any, x: Tensor) -> Any:
    return handle(torch.randn(SAMPLES, handle.size, generator=torch.Generator().manual_seed(0)))


@shown.register
def _format(handle: RecordFormat, x: Tensor) -> Any:
    return handle.size, handle.random(SAMPLES, 0)


@shown.register
def _seat(handle: Seat, x: Tensor) -> Any:
    # What a run brings follows from the federation, which its rounds show; running it would train it again.
    return handle.role, handle.rounds, vars(handle)["_victim"]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ask on one thread, without gradients, and with the generators that all share set to the same state, and set back."""
    states = random.getstate(), np.random.get_state()
    with training.one_thread(), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _digest(value: Any) -> str:
    found = hashlib.sha256()
    for part in _parts(value):
        found.update(part)
    return found.hexdigest()


def _parts(value: Any) -> Iterator[Any]:
    """Yield plain data, arrays and networks as bytes, so that different ones differ; what cannot be told is always different."""
    if isinstance(value, Tensor):
        array = value.detach().cpu().contiguous()
        yield f"array {array.dtype} {tuple(array.shape)} ".encode()
        yield array.reshape(-1).view(torch.uint8).numpy()
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype.str} {value.shape} ".encode()
        yield np.ascontiguousarray(value).data
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic | Path):
        yield f"{type(value).__name__} {value!r} ".encode()
    elif isinstance(value, nn.Module):
        yield from _parts(["network", repr(value), value.state_dict()])
    elif isinstance(value, Ledger):
        yield b"ledger "
    elif isinstance(value, Handle):
        yield from _parts([type(value).__name__, vars(value)])
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _parts([type(value).__name__, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}])
    elif isinstance(value, dict):
        yield from _parts(["mapping", *(part for pair in value.items() for part in pair)])
    elif isinstance(value, list | tuple):
        yield b"( "
        for part in value:
            yield from _parts(part)
        yield b") "
    else:
        yield uuid.uuid4().bytes
