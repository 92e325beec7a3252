"""Targets that several participants train together, as seen from the seat of one of them or of the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.handles import (
    PARTICIPANT,
    SERVER,
    FederatedTrainer,
    Handle,
    Ledger,
    Seat,
    Seen,
)
from attacks.handles.federation import seen
from attacks.models import federation, signals
from attacks.models.federation import Federation, History, Policy
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import classifier, judges
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

# Who has which number in a federation. The other numbers are bystanders.
ADVERSARY, VICTIM = 0, 1


@dataclass(frozen=True)
class Rows:
    """Which rows of a data set have which part, int64 each: candidates, every participant's records, and what the adversary has.

    `is_member` bool (candidates,) says which candidates the victim holds. `known` are records of the victim that a server knows
    to be members. The pool shares no record with the other parts.
    """

    candidates: NDArray[np.int64]
    is_member: NDArray[np.bool_]
    participants: tuple[NDArray[np.int64], ...]
    known: NDArray[np.int64]
    pool: NDArray[np.int64]


def build(
    *,
    data: str,
    participants: int,
    records: int,
    non_members: int,
    known_members: int,
    hidden: Sequence[int],
    rounds: int,
    batch: int,
    learning_rate: float,
    local_epochs: int = 1,
    algorithm: str = "fedavg",
    architecture: str = "mlp",
    epochs: int = 60,
    adam_batch: int = 64,
    adam_learning_rate: float = 0.001,
    seat: str = PARTICIPANT,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Deal out a data set by the seed, and let a federation train a classifier.

    Every one of the `participants` holds `records` records. Number 1 is the victim: all but `known_members` of its records are
    the candidates that are members, beside `non_members` that are none. Number 0 is where the adversary sits if `seat` is
    "participant"; with "server" it is a bystander as all others. Candidates, participants' records and the adversary's pool are
    disjoint. With `members_trained` false the victim trains on as many other records in place of the candidates, its
    `known_members` stay: a control.

    An adversary who is a participant knows its own records as members; a server knows the victim's `known_members`, since what
    it learns about uploads it must learn on uploads of the victim. Each knows as many records of the pool to be none. What is
    seen passively is one recorded honest run. `epochs`, `adam_batch` and `adam_learning_rate` are those of models that the
    adversary trains by itself, in one place.
    """
    if participants < 2:
        raise InputError(f"a federation has a victim and somebody else; participants must be at least 2 (found {participants})")
    if seat not in (PARTICIPANT, SERVER):
        raise InputError(f"the seat is {PARTICIPANT} or {SERVER} (found {seat!r})")
    held = datasets.load(data)
    recipe = Federation(
        algorithm,
        Recipe(architecture, held.x.shape[1:], held.classes, tuple(hidden), epochs, adam_batch, adam_learning_rate),
        rounds,
        batch,
        learning_rate,
        local_epochs,
    )
    rows = dealt(
        len(held.x),
        data,
        participants=participants,
        records=records,
        non_members=non_members,
        known_members=known_members,
        members_trained=members_trained,
        seed=seed,
    )
    return trained(data, held, rows, recipe, seat=seat, seed=seed)[0]


def dealt(
    size: int,
    data: str,
    *,
    participants: int,
    records: int,
    non_members: int,
    known_members: int = 0,
    members_trained: bool = True,
    seed: int = 0,
) -> Rows:
    """Deal out `size` rows of a data set, with the arguments of `build`; raise InputError if they are too few."""
    parts = split(
        size,
        data,
        members=records - known_members,
        non_members=non_members,
        known_members=known_members,
        aside=(participants - 1) * records,
        members_trained=members_trained,
        seed=seed,
    )
    others = list(np.split(parts.aside, participants - 1))
    others.insert(VICTIM, parts.training)
    return Rows(parts.candidates, parts.is_member, tuple(np.sort(rows) for rows in others), parts.known, parts.pool)


def trained(
    data: str, held: datasets.Data, rows: Rows, recipe: Federation, *, seat: str = PARTICIPANT, seed: int = 0
) -> tuple[Target, History]:
    """Train a federation on dealt records; return the target that it is, and its history, which only judges may see."""
    start = derive_seed(seed, "federation", data)
    parts = [TrainingSet(*held.some(each), start) for each in rows.participants]
    history = federation.recorded(recipe, parts, start)
    name = digest([recipe.as_json(), start, [digest_arrays(part.x.numpy(), part.y.numpy()) for part in parts]])
    model = model_of(recipe, history.globals[-1], name)

    x, label = held.some(rows.candidates)
    member = torch.from_numpy(rows.is_member)
    everybody = np.concatenate(rows.participants)
    x_train, y_train = held.some(everybody)
    log_probs, held_out = model.log_probs(x_train), model.log_probs(x[~member])
    last_of_victim = model_of(recipe, history.uploads[-1][VICTIM], name)
    known = rows.known if seat == SERVER else rows.participants[ADVERSARY]
    population = classifier.held(held, rows.pool)
    target = Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=member,
        makers={
            **classifier.makers_of_classifier(
                model,
                training_size=len(everybody),
                mean_loss=float(signals.loss(log_probs, y_train).mean()),
                population=population,
                known_members=classifier.held(held, known),
                known_non_members=classifier.held(held, rows.pool[: len(known)]),
                superset=lambda: classifier.held(held, np.unique(np.concatenate([rows.candidates, everybody, rows.pool]))),
                noisy=lambda: population,
                shifted="",
            ),
            **_makers(recipe, history, parts, start, seat),
        },
        fingerprint=digest(
            [name, digest_arrays(x.numpy(), label.numpy(), held.x[rows.pool], held.y[rows.pool], held.x[known]), seat]
        ),
        facts={
            "training_accuracy": signals.accuracy(log_probs, y_train),
            "test_accuracy": signals.accuracy(held_out, label[~member]),
            "victim_accuracy": signals.accuracy(last_of_victim.log_probs(x[member]), label[member]),
            "training_size": len(everybody),
            "participants": len(parts),
            "rounds": recipe.rounds,
            "pool_size": len(rows.pool),
        },
        judges={
            **judges.of_classifier(recipe.model, x, label, member, None, seed),
            "extraction": lambda stolen: judges.fidelity(stolen, x[~member], held_out),
        },
    )
    for term in NOT_OFFERED:
        target.makers.pop(term, None)
    return target, history


# A federation's weights are had by its rounds; no platform trains federations; records with errors are not made here.
NOT_OFFERED = ("M1.parameters", "M3", "D1.noisy")


def model_of(recipe: Federation, weights: federation.Weights, fingerprint: str) -> Model:
    """Return a model with these weights."""
    module = recipe.model.build()
    module.load_state_dict(weights)
    return Model(recipe.model, module, fingerprint)


def _makers(recipe: Federation, history: History, parts: Sequence[TrainingSet], start: int, seat: str) -> dict[str, HandleMaker]:
    """Return what makes the handles of what is seen from a seat."""
    place = None if seat == SERVER else ADVERSARY

    def play(policy: Policy, ledger: Ledger) -> Seen:
        return seen(federation.run(recipe, parts, start, policy, place), place, VICTIM, ledger)

    def passive(ledger: Ledger) -> Seen:
        return seen(history, place, VICTIM, ledger)

    def updates(ledger: Ledger) -> Handle:
        found = passive(ledger).updates
        assert found is not None, "a server sees the uploads"
        return found

    def own_updates(ledger: Ledger) -> Handle:
        found = passive(ledger).own_updates
        assert found is not None, "a participant knows its uploads"
        return found

    size = sum(len(part.x) for part in parts)
    makers: dict[str, HandleMaker] = {
        "M1.rounds": lambda ledger: passive(ledger).rounds,
        "M2": lambda ledger: FederatedTrainer("trainer", recipe.model, size, recipe, ledger),
        "active": lambda ledger: Seat("seat", seat, recipe.rounds, VICTIM if place is None else None, play, ledger),
    }
    return {**makers, **({"M1.updates": updates} if place is None else {"M1.own-updates": own_updates})}
