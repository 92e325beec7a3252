"""Targets whose candidates are ranges: the adversary holds each picture as somebody has turned or mirrored it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attacks.handles import RecordRange
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest, digest_arrays, hash_records, record_ids
from attacks.targets import classifier
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target
from taxonomy.findings import InputError

# In how many ways a square picture can be turned by quarters and mirrored.
WAYS = 8


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Train a multilayer perceptron on pictures as they are, and show each candidate as it is turned or mirrored.

    In which of eight ways, the seed and the picture decide. A candidate stands for the range of all eight, and is a member if one
    of them was trained on. Members, pool and control are those of `classifier.build`. Raises InputError for records that are no
    square pictures.
    """
    records = datasets.load(data)
    if len(records.x.shape) < 3 or records.x.shape[-1] != records.x.shape[-2]:
        raise InputError(f"records of {data} have the shape {records.x.shape[1:]}, and are no square pictures to be turned")
    parts = split(len(records.x), data, members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    recipe = Recipe("mlp", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    target, _ = classifier.trained(data, records, parts, recipe, seed=seed)
    way = torch.from_numpy((hash_records(derive_seed(seed, "turned", data), 0, target.ids) % WAYS).astype("int64"))
    every = torch.stack([turned(target.x, k) for k in range(WAYS)])
    target.x = every[way, torch.arange(len(way))]
    target.ids = record_ids(target.x.numpy())
    target.makers["record.range"] = lambda ledger: RecordRange("record_range", WAYS, turned, ledger)
    target.fingerprint = digest([target.fingerprint, digest_arrays(target.x.numpy())])
    return target


def turned(x: Tensor, way: int) -> Tensor:
    """Return pictures x (n, ..., size, size) turned and mirrored in one of 8 ways, of which 0 leaves them as they are."""
    quarters, mirrored = way % 4, way >= 4
    return torch.rot90(x.flip(-1) if mirrored else x, quarters, dims=(-2, -1)).contiguous()
