"""A target that is somebody's own federation, as it was recorded while it ran."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import PARTICIPANT, SERVER, FederatedTrainer, Handle, Ledger, Seen, ShadowData
from attacks.models import signals
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.seeds import digest, digest_arrays, record_ids
from attacks.targets import classifier
from attacks.targets.federated import model_of
from attacks.targets.recordings import Recording, load
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

# What follows from records or losses that whoever recorded does not have; weights are had by the rounds.
NOT_OFFERED = ("M1.parameters", "M3", "D1.noisy", "D1.mean-loss", "D2.superset")

# The arrays of the user's file.
KINDS: dict[str, Any] = {
    "x": np.float32,
    "y": np.int64,
    "member": np.bool_,
    "known_x": np.float32,
    "known_y": np.int64,
    "pool_x": np.float32,
    "pool_y": np.int64,
}


def build(
    *,
    recording: str,
    records: str,
    seat: str,
    node: str,
    classes: int,
    training_size: int = 0,
    averaged: bool = True,
    algorithm: str = "fedavg",
    batch: int = 0,
    learning_rate: float = 0.0,
    local_epochs: int = 1,
    architecture: str = "mlp",
    hidden: Sequence[int] = (),
    epochs: int = 60,
    adam_batch: int = 64,
    adam_learning_rate: float = 0.001,
    seed: int = 0,
) -> Target:
    """Return a recorded federation under attack; raise InputError if the files do not fit. Nothing is trained here.

    `recording` is the folder. The seat is "server", and `node` whom it asks about, or "participant", and `node` itself. `records`
    is a file of numpy (npz): candidates `x` float32 (n, ...), `y` int64 (n,) and `member` bool (n,), the truth; if the adversary
    has them, records that it knows to be members, `known_x` and `known_y`, and records that nobody trained on, `pool_x` and
    `pool_y`. `training_size` is the number of all participants' records, which a server adds up itself. `averaged` says whether
    the server takes the plain mean of the uploads, which the recording of a server can be checked for; where it does not, a
    participant cannot tell what the others uploaded. The rest says how the federation trained. Weights are told apart by their
    order, so the user's own names do not matter. No seed counts.
    """
    if seat not in (PARTICIPANT, SERVER):
        raise InputError(f"the seat is {PARTICIPANT} or {SERVER} (found {seat!r})")
    held = _read(Path(records), classes)
    x, label, member = held["x"], held["y"], held["member"]
    structure = Recipe(architecture, tuple(x.shape[1:]), classes, tuple(hidden), epochs, adam_batch, adam_learning_rate)
    found = load(recording, list(structure.build().state_dict()))

    if averaged:
        found.check_averaging()

    def seen(ledger: Ledger) -> Seen:
        if seat == SERVER:
            return found.as_server(node, ledger)
        share = _share(found, node, training_size)
        return found.as_participant(share if averaged else None, node, ledger)

    final, rounds = seen(Ledger()).rounds.last, len(seen(Ledger()).rounds)
    recipe = Federation(algorithm, structure, rounds, batch, learning_rate, local_epochs)
    weights = [*found.models, *(each for row in (*found.received, *found.uploads) for each in row)]
    arrays = [*(value.numpy() for part in (*weights, held) for value in part.values()), found.records.numpy()]
    fingerprint = digest([recipe.as_json(), seat, node, training_size, averaged, digest_arrays(*arrays)])
    try:
        model = model_of(recipe, final, fingerprint)
    except RuntimeError as error:
        raise InputError(
            f"the recorded weights are not those of {architecture} with hidden layers {list(hidden)}: {error}"
        ) from error
    pool, known = _shadow(held, "pool"), _shadow(held, "known")
    size = int(found.records[0].sum()) if seat == SERVER else training_size
    makers: dict[str, HandleMaker] = {
        **classifier.makers_of_classifier(
            model,
            training_size=size,
            mean_loss=float("nan"),
            population=pool,
            known_members=known,
            known_non_members=ShadowData(pool.x[: len(known)], pool.label[: len(known)], pool.ids[: len(known)]),
            superset=lambda: pool,
            noisy=lambda: pool,
            shifted="",
        ),
        "M1.rounds": lambda ledger: seen(ledger).rounds,
        "M2": lambda ledger: FederatedTrainer("trainer", structure, size, recipe, ledger),
    }
    if seat == SERVER:
        makers["M1.updates"] = lambda ledger: _there(seen(ledger).updates)
    else:
        makers["M1.own-updates"] = lambda ledger: _there(seen(ledger).own_updates)
    for term in (*NOT_OFFERED, *(() if len(pool) else ("D1.samples", "D1.marginals"))):
        makers.pop(term)
    return Target(
        id=Path(recording).name,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=member,
        makers=makers,
        fingerprint=fingerprint,
        facts={
            "accuracy_on_members": signals.accuracy(model.log_probs(x[member]), label[member]),
            "test_accuracy": signals.accuracy(model.log_probs(x[~member]), label[~member]),
            "participants": len(found.nodes),
            "rounds": rounds,
            **({"left_out": found.left_out} if found.left_out else {}),
        },
    )


def _read(path: Path, classes: int) -> dict[str, Tensor]:
    """Return the arrays of the user's file; raise InputError where one is missing or does not fit."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = dict(file)
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as arrays of numpy ({error})") from error
    if missing := {"x", "y", "member"} - held.keys():
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}")
    if not held["x"].ndim:
        raise InputError(f"{path}: `x` is no array of records")
    for part in ("known", "pool"):
        held.setdefault(f"{part}_x", held["x"][:0])
        held.setdefault(f"{part}_y", held["y"][:0])
    for x, *others in (("x", "y", "member"), ("known_x", "known_y"), ("pool_x", "pool_y")):
        if held[x].shape[1:] != held["x"].shape[1:] or any(held[name].shape != held[x].shape[:1] for name in others):
            raise InputError(f"{path}: {', '.join((x, *others))} do not fit together")
    try:
        arrays = {name: held[name].astype(kind) for name, kind in KINDS.items()}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds something that is no number ({error})") from error
    if not all(np.isfinite(arrays[name]).all() for name in ("x", "known_x", "pool_x")):
        raise InputError(f"{path}: not all features are finite numbers")
    labels = np.concatenate([arrays[name] for name in ("y", "known_y", "pool_y")])
    if not ((labels >= 0) & (labels < classes)).all():
        raise InputError(f"{path}: labels are from 0 to {classes - 1} (found {labels.min()} to {labels.max()})")
    if not 0 < arrays["member"].sum() < len(arrays["member"]):
        raise InputError(f"{path}: `member` needs candidates that are members and others that are none")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _shadow(held: dict[str, Tensor], part: str) -> ShadowData:
    x = held[f"{part}_x"]
    return ShadowData(x, held[f"{part}_y"], record_ids(x.numpy()))


def _share(found: Recording, node: str, training_size: int) -> float:
    own = int(found.records[0][found.nodes.index(node)]) if node in found.nodes else 0
    if not own or training_size <= own:
        raise InputError(f"`training_size` is the number of all participants' records; {node} has {own} (found {training_size})")
    return own / training_size


def _there(handle: Handle | None) -> Handle:
    assert handle is not None, "the seat decides which handles there are"
    return handle
