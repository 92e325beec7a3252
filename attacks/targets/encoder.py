"""Targets that are encoders: they answer a record with a vector, and were trained by contrast, without labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from attacks.handles import EmbeddingOracle, Number, Population
from attacks.models import contrast
from attacks.models.contrast import Contrast
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    width: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    temperature: float,
    noise: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split a data set by the seed and train an encoder on the members, by contrast (attacks/models/contrast.py).

    Members, non-members and the adversary's pool are disjoint. With `members_trained` false it is trained on as many records of
    the pool in the members' place, which then leave the pool: a control.
    """
    records = datasets.load(data)
    parts = split(len(records.x), data, members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    recipe = Contrast(records.x.shape[1:], tuple(hidden), width, epochs, batch, learning_rate, temperature, noise)
    start = derive_seed(seed, "target", data)
    training, _ = records.some(parts.training)
    network = contrast.fit(recipe, training, start)

    x, label = records.some(parts.candidates)
    pool_x, pool_label = records.some(parts.pool)
    return Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(parts.is_member),
        makers={
            "Q.embeddings": lambda ledger: EmbeddingOracle("embeddings", lambda x: contrast.embedded(network, x), ledger),
            "D1.samples": lambda ledger: Population("population", pool_x, pool_label, record_ids(pool_x.numpy()), ledger),
            "D1.size": lambda ledger: Number("training_size", len(training), ledger),
        },
        fingerprint=digest([recipe.as_json(), start, digest_arrays(training.numpy(), x.numpy(), label.numpy(), pool_x.numpy())]),
        facts={"training_size": len(training), "pool_size": len(pool_x)},
    )
