"""Recordings of federations that really ran: what one seat saw, kept as files, and turned into handles.

A recording is a folder. `model-0001.safetensors` holds the global model that was sent out in round 1, `uploads-0001.safetensors`
what was uploaded in that round. Each file is written whole or not at all, so a run that breaks off leaves the rounds before.
Nothing here needs Flower: an auditor can load what others recorded.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attacks.handles import Ledger
from attacks.handles.federation import Seen, seen
from attacks.models.federation import History, Weights, average
from taxonomy.findings import InputError

MODEL, UPLOADS, ENDING = "model", "uploads", ".safetensors"
# How far a global model may lie from the mean of the uploads before it, as a share of the step, and still be called that mean.
# Rounding of float32 leaves some 1e-6; momentum, adaptive steps, medians and noise leave tenths and more.
AVERAGED = 0.01


@dataclass(frozen=True)
class Upload:
    """What one participant uploaded in a round: its weights after local training, and how many records it says to have.

    `received` is what it was sent, where that differs from the global model.
    """

    weights: Weights
    records: int
    received: Weights | None = None


class Recorder:
    """Writes a recording. Rounds are numbered from 1, as Flower does; participants go by the name of their node."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def model(self, round: int, weights: Weights) -> None:
        """Keep the global model at the start of a round; the one after the last round counts as that of the next."""
        self._write(f"{MODEL}-{round:04}", {MODEL: weights}, {})

    def uploads(self, round: int, uploads: Mapping[str, Upload]) -> None:
        """Keep what was uploaded in a round, by node."""
        parts = {f"upload {node}": upload.weights for node, upload in uploads.items()}
        parts |= {f"received {node}": upload.received for node, upload in uploads.items() if upload.received is not None}
        self._write(f"{UPLOADS}-{round:04}", parts, {"records": {node: upload.records for node, upload in uploads.items()}})

    def _write(self, name: str, parts: Mapping[str, Weights], facts: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Each tensor is copied: safetensors refuses weights that are tied, which share their memory.
        tensors = {
            f"{part}/{key}": value.detach().clone(memory_format=torch.contiguous_format)
            for part, weights in parts.items()
            for key, value in weights.items()
        }
        # safetensors sorts what it holds; the order of the weights is that of the user's state_dict, and has to be kept.
        order = {part: list(weights) for part, weights in parts.items()}
        draft = self.folder / f".{name}-{os.getpid()}"
        try:
            draft.write_bytes(save(tensors, {"facts": json.dumps({**facts, "weights": order})}))
            draft.replace(self.folder / f"{name}{ENDING}")
        finally:
            draft.unlink(missing_ok=True)


@dataclass(frozen=True)
class Recording:
    """What one seat saw of a federation, as it was recorded. Rounds and participants are numbered from 0 here.

    `models`: the global model at the start of every round and, if it was seen, the final one. `nodes`: names of the participants;
    a participant's recording holds only itself. `received[round][participant]` and `uploads[round][participant]`: what each was
    sent and uploaded. `records`: how many records each said to have, int64 (rounds, participants); 0 where it did not say.
    `left_out` says which recorded rounds are not among these, and why; it is empty if all are.
    """

    models: list[Weights]
    nodes: list[str]
    received: list[list[Weights]]
    uploads: list[list[Weights]]
    records: Tensor
    left_out: str = ""

    @property
    def shares(self) -> Tensor:
        """Every participant's share of all records, float64 (participants,); raises InputError if it is not one and the same."""
        if (self.records != self.records[0]).any() or not (self.records > 0).all():
            raise InputError(
                "the participants' numbers of records are missing or change from round to round, so no shares are known"
            )
        return self.records[0].double() / self.records[0].sum()

    def averaging_errors(self) -> list[float]:
        """Return how far the model after each round lies from the weighted mean of its uploads, as a share of that mean's step.

        The weights are the numbers of records that participants state in that round, all above 0. Where the server does something
        else than averaging, as FedAdam, FedAvgM and FedMedian do, what the others uploaded together does not follow from the
        global models.
        """
        found = []
        for number, after in enumerate(self.models[1:]):
            records = self.records[number].double()
            mean = average(self.uploads[number], records / records.sum())
            apart, step = (_distance(mean, weights) for weights in (after, self.models[number]))
            found.append(apart / step if step else (math.inf if apart else 0.0))
        return found

    def as_server(self, victim: str, ledger: Ledger | None = None) -> Seen:
        """Return the handles of a server that asks about the records of one node; raise InputError if there is none such.

        What it sees of the uploads is right whatever it makes of them.
        """
        if victim not in self.nodes:
            raise InputError(f"{victim!r} is no node of this recording; there are {', '.join(self.nodes)}{self._but()}")
        return seen(self._history(self.shares), None, self.nodes.index(victim), ledger or Ledger())

    def as_participant(self, share: float | None, node: str | None = None, ledger: Ledger | None = None) -> Seen:
        """Return the handles of a participant that holds this share of all records: the only node, or the one that is named.

        The share is its weight in the average; None where the server does something else than averaging. A participant cannot
        find that out from what it sees. The recording of a server can be checked: InputError is raised for a share where the
        global models are not the means of the uploads. A participant that was not sent the final model does not learn what came
        of its last upload, which is then left out.
        """
        node = self.nodes[0] if node is None and len(self.nodes) == 1 else node
        if node not in self.nodes:
            raise InputError(f"the node is one of {', '.join(self.nodes)}{self._but()} (found {node!r})")
        shares = None
        if share is not None:
            self.check_averaging()
            shares = torch.zeros(len(self.nodes), dtype=torch.float64)
            shares[self.nodes.index(node)] = share
        return seen(self._history(shares), self.nodes.index(node), 0, ledger or Ledger())

    def check_averaging(self) -> None:
        """Raise InputError if this is the recording of a server that does not average.

        That of a participant cannot tell, nor one in which participants do not say how many records they have.
        """
        if len(self.nodes) == 1 or not (self.records > 0).all():
            return
        errors = self.averaging_errors()
        wrong = next((number for number, error in enumerate(errors) if error > AVERAGED), None)
        if wrong is not None:
            raise InputError(
                f"the server does not average: after round {wrong + 1} of the recording its model is off the mean of the uploads "
                f"by {errors[wrong]:.2g} of the step (then state no share or, of a target, `averaged: false`)"
            )

    def _history(self, shares: Tensor | None) -> History:
        rounds = len(self.models) - 1
        if not rounds:
            raise InputError(
                "the recording holds one model, and a round is seen only where there is one before it and one after" + self._but()
            )
        return History(self.models, self.received[:rounds], self.uploads[:rounds], [], shares)

    def _but(self) -> str:
        return f" ({self.left_out})" if self.left_out else ""


def load(folder: Path | str, names: Sequence[str] | None = None) -> Recording:
    """Return what was recorded in a folder; raise InputError if that is nothing, or if a file is damaged.

    `names` are those of the weights, in the order of the user's `state_dict()`: clients that upload lists of arrays do not
    send any. Handles are of federations in which everyone takes part in every round. Where a client failed or a file is missing,
    the longest run of rounds in which the same nodes uploaded is taken, the first of several, and the others are left out.
    Weights of half precision are given back as float32, which holds them exactly.
    """
    found = {kind: _files(Path(folder), kind) for kind in (MODEL, UPLOADS)}
    if not found[UPLOADS]:
        raise InputError(f"there is no recording in {folder}")
    rounds, left_out = _longest_run(found[MODEL], found[UPLOADS])
    if not rounds:
        raise InputError(f"{folder} holds no whole round: one takes the model that was sent out and uploads of it")
    models: list[Weights] = []
    received: list[list[Weights]] = []
    uploads: list[list[Weights]] = []
    records: list[list[int]] = []
    for number in rounds:
        models.append(_read(found[MODEL][number], names)[0][MODEL])
        parts, facts = _read(found[UPLOADS][number], names)
        nodes = sorted(facts["records"])
        records.append([facts["records"][node] for node in nodes])
        received.append([parts.get(f"received {node}", models[-1]) for node in nodes])
        uploads.append([parts[f"upload {node}"] for node in nodes])
    if rounds[-1] + 1 in found[MODEL]:
        models.append(_read(found[MODEL][rounds[-1] + 1], names)[0][MODEL])
    return Recording(models, nodes, received, uploads, torch.tensor(records), left_out)


def _longest_run(models: Mapping[int, Path], uploads: Mapping[int, Path]) -> tuple[range, str]:
    """Return the longest run of whole rounds in which the same nodes uploaded, and a sentence on those that are left out."""
    nodes = {number: tuple(sorted(_facts(path)["records"])) for number, path in uploads.items() if number in models}
    best, first, every = range(0), 0, range(min(uploads), max(uploads) + 1)
    for number in every:
        if not nodes.get(number):
            continue
        if nodes.get(number - 1) != nodes[number]:
            first = number
        if number + 1 - first > len(best):
            best = range(first, number + 1)
    beside = next((number for number in (best.stop, best.start - 1) if number in every), None)
    if not best or beside is None:
        return best, ""
    why = f"in round {beside} {', '.join(nodes[beside])} uploaded" if nodes.get(beside) else f"round {beside} is not whole"
    return best, f"of the recorded rounds {every[0]} to {every[-1]} only {best[0]} to {best[-1]} are used: {why}"


def _files(folder: Path, kind: str) -> dict[int, Path]:
    found = ((path.stem.removeprefix(f"{kind}-"), path) for path in folder.glob(f"{kind}-[0-9]*{ENDING}"))
    return {int(number): path for number, path in found if number.isdecimal()}


def _facts(path: Path) -> dict[str, Any]:
    """Return what a file says beside its weights; raise InputError if it is damaged."""
    with _opened(path) as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts


def _read(path: Path, names: Sequence[str] | None) -> tuple[dict[str, Weights], dict[str, Any]]:
    facts = _facts(path)
    with _opened(path) as file:
        parts = {part: {key: _full(file.get_tensor(f"{part}/{key}")) for key in keys} for part, keys in facts["weights"].items()}
    if names is not None:
        wrong = next((len(weights) for weights in parts.values() if len(weights) != len(names)), None)
        if wrong is not None:
            raise InputError(f"{path} holds {wrong} weights, and {len(names)} names were given")
        parts = {part: dict(zip(names, weights.values(), strict=True)) for part, weights in parts.items()}
    return parts, facts


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no file of a recording ({error})") from error


def _full(value: Tensor) -> Tensor:
    """Return a tensor in a precision that numpy knows and that can be computed with."""
    return value.float() if value.is_floating_point() and value.itemsize < 4 else value


def _distance(one: Weights, other: Weights) -> float:
    """Return the Euclidean distance of two models over all weights that are no whole numbers."""
    parts = [(value.double() - other[name].double()).square().sum() for name, value in one.items() if value.is_floating_point()]
    return math.sqrt(sum(map(float, parts)))
