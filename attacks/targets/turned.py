"""Targets whose candidates are ranges: the adversary holds each picture as somebody has turned or mirrored it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from attacks.models import symmetries
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest, digest_arrays, hash_records, record_ids
from attacks.targets import classifier
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target
from taxonomy.findings import InputError


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
    """Train a multilayer perceptron on pictures as they are, and ask about each as it is turned or mirrored.

    Each candidate is shown in one of the eight ways that `symmetries` knows, by the seed and the picture. It stands for the range
    of all eight: a member if one of them was trained on. Members, pool and control are those of `classifier.build`. Raises
    InputError for records that are no square pictures.
    """
    records = datasets.load(data)
    parts = split(len(records.x), data, members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    recipe = Recipe("mlp", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    target, _ = classifier.trained(data, records, parts, recipe, seed=seed)
    if not symmetries.is_square(target.x):
        raise InputError(f"records of {data} have the shape {tuple(target.x.shape[1:])}, and are no square pictures to be turned")
    way = torch.from_numpy(hash_records(derive_seed(seed, "turned", data), 0, target.ids) % symmetries.COUNT)
    every = torch.stack([symmetries.turned(target.x, k) for k in range(symmetries.COUNT)])
    target.x = every[way.long(), torch.arange(len(way))]
    target.ids = record_ids(target.x.numpy())
    target.fingerprint = digest([target.fingerprint, digest_arrays(target.x.numpy())])
    return target
