"""Targets that label every pixel: a U-Net trained on scenes that are composed of Fashion-MNIST's pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import Ledger, MaskOracle, Parameters, Population, Trainer
from attacks.models import signals, training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.split import shuffled
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

SIDE = 28
GARMENT = 14
# Shrunken garments are this bright at least where they are seen; what is darker shows what lies behind.
VISIBLE = 0.1
BACKGROUND = 0


def build(
    *,
    members: int,
    non_members: int,
    population: int,
    garments: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Compose scenes by the seed and train a U-Net on the members.

    A record is a scene of `garments` garments, and its label is a map that says for every pixel which of ten kinds of garment
    is seen there, or the background. No garment's picture is in two scenes, so members, non-members and the adversary's scenes
    share none. With `members_trained` false the model is trained on as many scenes that are no candidates: a control.
    """
    candidates = members + non_members
    x, label = scenes(candidates + population + (0 if members_trained else members), garments, seed)
    judged, is_member = shuffled(np.arange(members), np.arange(members, candidates), "scenes", seed)
    held = slice(candidates, candidates + population)
    rows = np.arange(members) if members_trained else np.arange(candidates + population, len(x))
    # In an order of their own, so that the order of the training set tells nothing about the order of the candidates.
    rows = rows[np.argsort(record_ids(x[rows]))]

    recipe = Recipe("unet", (SIDE, SIDE), 11, tuple(hidden), epochs, batch, learning_rate)
    x_train, y_train = torch.from_numpy(x[rows]), torch.from_numpy(label[rows])
    (model,) = training.fit_many(recipe, [TrainingSet(x_train, y_train, derive_seed(seed, "target", "scenes"))], "target")

    own = torch.from_numpy(x[held]), torch.from_numpy(label[held]), record_ids(x[held])
    seen, truth, member = torch.from_numpy(x[judged]), torch.from_numpy(label[judged]), torch.from_numpy(is_member)

    makers: dict[str, HandleMaker] = {
        "D1.samples": lambda ledger: Population("population", *own, ledger),
        "Q.masks": lambda ledger: _masks(model, ledger),
        "M1.parameters": lambda ledger: Parameters("parameters", model.parameters(), ledger),
        "M2": lambda ledger: Trainer("trainer", recipe, len(rows), ledger),
    }
    trained, unseen = model.log_probs(x_train), model.log_probs(seen[~member])
    return Target(
        id="scenes",
        x=seen,
        label=truth,
        ids=record_ids(seen.numpy()),
        member=member,
        makers=makers,
        fingerprint=digest([model.fingerprint, digest_arrays(seen.numpy(), truth.numpy(), x[held], label[held])]),
        facts={
            "training_accuracy": _on_garments(trained, y_train),
            "test_accuracy": _on_garments(unseen, truth[~member]),
            "training_size": len(rows),
            "pool_size": population,
        },
    )


def scenes(count: int, garments: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return composed scenes x float32 (count, 28, 28) in [0, 1] and label maps int64 (count, 28, 28): 0 is the background.

    Every garment is a picture of Fashion-MNIST, shrunk to half its size, at a random place; a later one hides an earlier one.
    Each picture is used once. Raises InputError if there are too few pictures.
    """
    pictures, kinds = _garments(count * garments, seed)
    places = np.random.default_rng(derive_seed(seed, "places", "scenes")).integers(0, SIDE - GARMENT + 1, (len(kinds), 2))
    x = np.zeros((count, SIDE, SIDE), np.float32)
    label = np.full((count, SIDE, SIDE), BACKGROUND, np.int64)
    for k, (picture, kind, (row, column)) in enumerate(zip(pictures, kinds, places, strict=True)):
        window = (k // garments, slice(row, row + GARMENT), slice(column, column + GARMENT))
        visible = picture > VISIBLE
        x[window][visible] = picture[visible]
        label[window][visible] = kind + 1
    return x, label


def _garments(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return shrunken pictures of garments, all different, float32 (count, 14, 14) in [0, 1], and their kinds (count,)."""
    fashion = datasets.load("fashion")
    order = np.random.default_rng(derive_seed(seed, "split", "scenes")).permutation(len(fashion.x))
    # A few more than are wanted: shrinking may make two pictures equal.
    drawn = order[: count + 1000]
    brightness = (fashion.x[drawn] * 0.3530 + 0.2860).clip(0, 1)
    shrunk = brightness.reshape(-1, GARMENT, 2, GARMENT, 2).mean(axis=(2, 4))
    kept = datasets.deduplicated("garments", shrunk, fashion.y[drawn])
    if len(kept.x) < count:
        raise InputError(f"Fashion-MNIST has {len(kept.x):,} different garments for {count:,} places in the scenes")
    return kept.x[:count], kept.y[:count]


def _masks(model: training.Model, ledger: Ledger) -> MaskOracle:
    return MaskOracle("masks", model.log_probs, ledger)


def _on_garments(log_probs: Tensor, label: Tensor) -> float:
    """Return the share of pixels with a garment whose kind is told: the background alone would make any model look good."""
    garment = label != BACKGROUND
    return float((signals.predicted(log_probs) == label)[garment].double().mean())
