"""Federations in which the server asks what inputs the victim's uploads come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from attacks.handles import SERVER
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.seeds import digest, digest_arrays
from attacks.targets import data as datasets
from attacks.targets import federated
from attacks.targets.federated import VICTIM
from attacks.targets.federated_judges import inputs_of_uploads
from attacks.targets.target import Target


def build(
    *,
    data: str,
    participants: int,
    records: int,
    non_members: int,
    hidden: Sequence[int],
    rounds: int,
    batch: int,
    learning_rate: float,
    uploads_judged: bool = True,
    seed: int = 0,
) -> Target:
    """Deal out a data set by the seed, and let a federation take the gradient step of one batch from each participant a round.

    As `federated.build`, with the adversary as server. The judge holds the records of the victim's batch in each round. With
    `uploads_judged` false the victim trains on other records than those that the judge holds: a control whose uploads say
    nothing about them.
    """
    held = datasets.load(data)
    model = Recipe("mlp", held.x.shape[1:], held.classes, tuple(hidden), 60, 64, 0.001)
    recipe = Federation("fedsgd", model, rounds, batch, learning_rate)
    rows = federated.dealt(
        len(held.x),
        data,
        participants=participants,
        records=records,
        non_members=non_members,
        members_trained=uploads_judged,
        seed=seed,
    )
    target, history = federated.trained(data, held, rows, recipe, seat=SERVER, seed=seed)
    judged = np.sort(rows.candidates[rows.is_member])
    truth = [torch.from_numpy(held.x[judged[batches[VICTIM].numpy()]]) for batches in history.batches]
    target.judges["reconstruction"] = inputs_of_uploads(truth, torch.from_numpy(held.x[rows.pool].mean(axis=0)))
    target.fingerprint = digest([target.fingerprint, digest_arrays(held.x[judged])])
    return target
