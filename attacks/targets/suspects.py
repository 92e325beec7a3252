"""Targets whose candidates come in sets: some trained on as a whole, some in part, some not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, Ledger, Population, SuspectSets
from attacks.metrics import Metric, sets
from attacks.seeds import derive_seed
from attacks.targets import classifier, diffusion, language_model
from attacks.targets.target import Target
from taxonomy.findings import InputError


def of_classifier(
    *,
    data: str,
    hidden: Sequence[int],
    members: int,
    non_members: int,
    known_members: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    size: int,
    shares: Sequence[float],
    sets_of_each: int,
    level: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Return the classifier of `attacks.targets.classifier:build`, a perceptron, with its candidates in sets (`_in_sets`)."""
    target = classifier.build(
        data=data,
        architecture="mlp",
        hidden=hidden,
        members=members,
        non_members=non_members,
        known_members=known_members,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        members_trained=members_trained,
        seed=seed,
    )
    return _in_sets(target, size, shares, sets_of_each, level, seed)


def of_language_model(
    *,
    corpus: str,
    length: int,
    members: int,
    non_members: int,
    pool: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    size: int,
    shares: Sequence[float],
    sets_of_each: int,
    level: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Return the language model of `attacks.targets.language_model:build`, with its candidates in sets (`_in_sets`)."""
    target = language_model.build(
        corpus=corpus,
        length=length,
        members=members,
        non_members=non_members,
        more=0,
        pool=pool,
        hidden=hidden,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        members_trained=members_trained,
        seed=seed,
    )
    return _in_sets(target, size, shares, sets_of_each, level, seed)


def of_diffusion(
    *,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    size: int,
    shares: Sequence[float],
    sets_of_each: int,
    level: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Return the diffusion model of `attacks.targets.diffusion:build`, with its candidates in sets (`_in_sets`)."""
    target = diffusion.build(
        members=members,
        non_members=non_members,
        others=0,
        hidden=hidden,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        members_trained=members_trained,
        seed=seed,
    )
    return _in_sets(target, size, shares, sets_of_each, level, seed)


def _in_sets(target: Target, size: int, shares: Sequence[float], sets_of_each: int, level: float, seed: int) -> Target:
    """Let a target offer its candidates in sets (record.sets), drawn by the seed, and judge what is found of them.

    Of each of the `shares` there are so many sets of `size` candidates, of which that share are members. No candidate is in two
    of them. With every set go `size` records of the population, which no other set has. The judge of `dataset` takes p-values,
    and asks for them at most `level`; that of `usage` takes estimated shares.
    """
    population = target.makers["D1.samples"](Ledger())
    assert isinstance(population, Population), "it holds what the sets' owners kept back"
    counts = np.repeat([round(share * size) for share in shares], sets_of_each)
    drawn = np.random.default_rng(derive_seed(seed, "sets", target.id))
    member = target.member.numpy()
    inside, outside = (drawn.permutation(np.flatnonzero(side)) for side in (member, ~member))
    wanted = int(counts.sum()), int((size - counts).sum()), len(counts) * size
    there = len(inside), len(outside), len(population)
    for name, some, every in zip(("members", "non-members", "records of the population"), wanted, there, strict=True):
        if some > every:
            raise InputError(f"{target.id}: {len(counts):,} sets of {size:,} take {some:,} {name}; there are {every:,}")
    first, second = np.cumsum(counts) - counts, np.cumsum(size - counts) - (size - counts)
    rows = np.stack(
        [
            drawn.permutation(np.concatenate([inside[a : a + n], outside[b : b + size - n]]))
            for a, b, n in zip(first, second, counts, strict=True)
        ]
    )
    rows = drawn.permutation(rows)
    held_out = drawn.permutation(len(population))[: rows.size].reshape(rows.shape)
    used = member[rows].mean(axis=1)
    target.makers["record.sets"] = lambda ledger: SuspectSets(
        "suspect_sets", torch.from_numpy(rows), torch.from_numpy(held_out), ledger
    )

    def dataset(found: Any) -> Metric:
        values = _of_each(found, len(rows), "one p-value a set")
        return sets.found(values, used, level)

    def usage(found: Any) -> Metric:
        values = _of_each(found, len(rows), "the share of each set that was trained on")
        return sets.closeness(values, used)

    target.judges["usage"] = usage
    if 0 < (used > 0).sum() < len(used):
        target.judges["dataset"] = dataset
    return target


def _of_each(found: Any, count: int, what: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    if not isinstance(found, Tensor) or found.dtype != torch.float64 or found.shape != (count,):
        raise AttackError(f"an attack on sets finds {what}, float64 ({count},)")
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise AttackError(f"an attack on sets finds {what}, from 0 to 1")
    return found.numpy()
