"""Recordings of federations that really ran: what one seat saw, kept as files, and turned into handles.

A recording is a folder. `model-0001.safetensors` holds the global model that was sent out in round 1, `uploads-0001.safetensors`
what was uploaded in that round. Each file is written whole or not at all, so a run that breaks off leaves the rounds before.
Nothing here needs Flower: an auditor can load what others recorded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attacks.federation import History, Weights
from attacks.handles import Ledger
from attacks.handles.federation import Seen, seen
from taxonomy.findings import InputError

MODEL, UPLOADS, ENDING = "model", "uploads", ".safetensors"


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
        tensors = {f"{part}/{key}": value.contiguous() for part, weights in parts.items() for key, value in weights.items()}
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
    """

    models: list[Weights]
    nodes: list[str]
    received: list[list[Weights]]
    uploads: list[list[Weights]]
    records: Tensor

    @property
    def shares(self) -> Tensor:
        """Every participant's share of all records, float64 (participants,); raises InputError if it is not one and the same."""
        if (self.records != self.records[0]).any() or not (self.records > 0).all():
            raise InputError(
                "the participants' numbers of records are missing or change from round to round, so no shares are known"
            )
        return self.records[0].double() / self.records[0].sum()

    def as_server(self, victim: str, ledger: Ledger | None = None) -> Seen:
        """Return the handles of a server that asks about the records of one node; raise InputError if there is none such."""
        if victim not in self.nodes:
            raise InputError(f"{victim!r} is no node of this recording; there are {', '.join(self.nodes)}")
        return seen(self._history(self.shares), None, self.nodes.index(victim), ledger or Ledger())

    def as_participant(self, share: float, node: str | None = None, ledger: Ledger | None = None) -> Seen:
        """Return the handles of a participant that holds this share of all records: the only node, or the one that is named.

        A participant that was not sent the final model does not learn what came of its last upload, which is then left out.
        """
        node = self.nodes[0] if node is None and len(self.nodes) == 1 else node
        if node not in self.nodes:
            raise InputError(f"the node is one of {', '.join(self.nodes)} (found {node!r})")
        shares = torch.zeros(len(self.nodes), dtype=torch.float64)
        shares[self.nodes.index(node)] = share
        return seen(self._history(shares), self.nodes.index(node), 0, ledger or Ledger())

    def _history(self, shares: Tensor) -> History:
        rounds = len(self.models) - 1
        if not rounds:
            raise InputError("the recording holds one model, and a round is seen only where there is one before it and one after")
        return History(self.models, self.received[:rounds], self.uploads[:rounds], [], shares)


def load(folder: Path | str, names: Sequence[str] | None = None) -> Recording:
    """Return what was recorded in a folder; raise InputError if that is nothing, or if a round is not whole.

    `names` are those of the weights, in the order of the user's `state_dict()`: clients that upload lists of arrays do not
    send any. Handles are of federations in which everyone takes part in every round, so a missing upload is refused.
    """
    found = {kind: _files(Path(folder), kind) for kind in (MODEL, UPLOADS)}
    rounds = sorted(found[UPLOADS])
    if not rounds:
        raise InputError(f"there is no recording in {folder}")
    models: list[Weights] = []
    received: list[list[Weights]] = []
    uploads: list[list[Weights]] = []
    records: list[dict[str, int]] = []
    for number in range(rounds[0], rounds[-1] + 1):
        if number not in found[MODEL] or number not in found[UPLOADS]:
            raise InputError(f"{folder} holds rounds {rounds[0]} to {rounds[-1]}, but round {number} is not whole")
        models.append(_read(found[MODEL][number], names)[0][MODEL])
        parts, facts = _read(found[UPLOADS][number], names)
        records.append(facts["records"])
        nodes = sorted(records[0])
        if sorted(records[-1]) != nodes:
            raise InputError(f"{folder}: not the same nodes uploaded in rounds {rounds[0]} and {number}")
        received.append([parts.get(f"received {node}", models[-1]) for node in nodes])
        uploads.append([parts[f"upload {node}"] for node in nodes])
    if rounds[-1] + 1 in found[MODEL]:
        models.append(_read(found[MODEL][rounds[-1] + 1], names)[0][MODEL])
    return Recording(models, nodes, received, uploads, torch.tensor([[row[node] for node in nodes] for row in records]))


def _files(folder: Path, kind: str) -> dict[int, Path]:
    found = ((path.stem.removeprefix(f"{kind}-"), path) for path in folder.glob(f"{kind}-[0-9]*{ENDING}"))
    return {int(number): path for number, path in found if number.isdecimal()}


def _read(path: Path, names: Sequence[str] | None) -> tuple[dict[str, Weights], dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            parts = {part: {key: file.get_tensor(f"{part}/{key}") for key in keys} for part, keys in facts["weights"].items()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no file of a recording ({error})") from error
    if names is not None:
        wrong = next((len(weights) for weights in parts.values() if len(weights) != len(names)), None)
        if wrong is not None:
            raise InputError(f"{path} holds {wrong} weights, and {len(names)} names were given")
        parts = {part: dict(zip(names, weights.values(), strict=True)) for part, weights in parts.items()}
    return parts, facts
