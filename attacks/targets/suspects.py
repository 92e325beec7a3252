"""Targets whose candidates come in sets: some trained on as a whole, some in part, some not at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from attacks.handles import Ledger, Population, SuspectSets
from attacks.seeds import derive_seed
from attacks.targets import classifier, dealt_sets, diffusion, language_model
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
    try:
        rows, held_out = dealt_sets.dealt(member, len(population), counts, size, drawn)
    except InputError as error:
        raise InputError(f"{target.id}: {error}") from error
    target.makers["record.sets"] = lambda ledger: SuspectSets(
        "suspect_sets", torch.from_numpy(rows), torch.from_numpy(held_out), ledger
    )
    target.judges |= dealt_sets.judges(member[rows].mean(axis=1), level)
    return target
