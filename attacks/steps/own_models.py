"""Models of the adversary's own, many of them: by which settings, and on which records each is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, HostedModel, Records, ReferenceModels, ShadowData, ShadowModels, UnsuitableError
from attacks.models import architectures, training
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet
from attacks.seeds import derive_seed
from attacks.steps.training_sets import by_id, check_pool, drawn, half, halves, share, shares

# What trains models: one's own recipe, the target's, or its platform.
FitMany = Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]]


def common_settings(architecture: str, epochs: int) -> dict[str, Any]:
    """Return the settings of a recipe that people commonly take; estimators have their usual ones, of which it states none."""
    return {} if architecture in architectures.ESTIMATORS else {"epochs": epochs, "batch": 64, "learning_rate": 0.001}


def common(architecture: str, shadow_data: ShadowData, hidden: int, epochs: int) -> FitMany:
    """Return training of models of this architecture by common settings, for the task of the shadow data."""
    if not len(shadow_data):
        raise AttackError("there are no shadow data to train shadow models on")
    recipe = Recipe(
        architecture=architecture,
        shape=tuple(shadow_data.x.shape[1:]),
        classes=int(shadow_data.label.max()) + 1,
        hidden=() if architecture in architectures.ESTIMATORS else (hidden,),
        **common_settings(architecture, epochs),
    )
    return by(recipe)


def by(recipe: Recipe) -> FitMany:
    """Return training of models by a recipe, at home."""
    return lambda sets: training.fit_many(recipe, sets, "shadow models")


def on_halves(shadow_data: ShadowData, fit_many: FitMany, count: int, seed: int) -> ShadowModels:
    """Train each model on half of the shadow data, of which the other half is then known not to be the model's."""
    ids, most = shadow_data.ids, half(shadow_data.ids)

    def rows(k: int) -> Tensor:
        return torch.from_numpy(np.flatnonzero(share(ids, k, most, seed)))

    inside = torch.from_numpy(halves(ids, count, seed))
    sets = NumberedSets(shadow_data.x, shadow_data.label, count=count, rows=rows, seed=_seeds(seed))
    return ShadowModels(fit_many(sets), shadow_data, inside)


def with_candidates(
    records: Records, shadow_data: ShadowData, fit_many: FitMany, size: int, count: int, seed: int
) -> ShadowModels:
    """Train `count` models on `size` records each: the candidates in equal shares, filled up with shadow data.

    Raises UnsuitableError if the shadow data are too few to fill up with.
    """
    x, label, ids = records.x, records.label, records.ids
    inside = shares(ids, count, size, seed)
    missing = size - int(inside[0].sum())
    if missing > len(shadow_data):
        raise UnsuitableError(
            f"shadow models are trained on {size:,} records each, as the target was: on {size - missing:,} candidates and "
            f"{missing:,} records of the adversary, which holds only {len(shadow_data):,}"
        )
    # What fills up comes behind the candidates; where nothing does, the shadow data are not copied.
    others = shadow_data.ids if missing else shadow_data.ids[:0]
    pool_ids = np.concatenate([ids, others])

    def rows(k: int) -> Tensor:
        chosen = np.concatenate([np.flatnonzero(share(ids, k, size, seed)), len(ids) + drawn(others, k, missing, seed)])
        return torch.from_numpy(chosen[by_id(pool_ids[chosen])])

    pool = [torch.cat([x, shadow_data.x]), torch.cat([label, shadow_data.label])] if missing else [x, label]
    sets = NumberedSets(*pool, count=count, rows=rows, seed=_seeds(seed))
    return ShadowModels(fit_many(sets), ShadowData(x, label, ids), torch.from_numpy(inside))


def without_candidates(
    records: Records,
    shadow_data: ShadowData,
    fit_many: FitMany,
    size: int,
    count: int,
    seed: int,
) -> ReferenceModels:
    """Train each model on as many records of the shadow data as the target has, chosen by a hash of model and record.

    Raises AttackError if candidates are among the shadow data, and UnsuitableError if these are too few.
    """
    if known := int(np.isin(shadow_data.ids, records.ids).sum()):
        raise AttackError(
            f"reference models are trained on no candidate, and {known:,} of the adversary's records are candidates"
        )
    check_pool(len(shadow_data), size, count, "reference models")

    def rows(k: int) -> Tensor:
        return torch.from_numpy(drawn(shadow_data.ids, k, size, seed))

    inside = torch.zeros(count, len(shadow_data), dtype=torch.bool)
    for k in range(count):
        inside[k, rows(k)] = True
    sets = NumberedSets(shadow_data.x, shadow_data.label, count=count, rows=rows, seed=_seeds(seed))
    return ReferenceModels(ShadowModels(fit_many(sets), shadow_data, inside))


def _seeds(seed: int) -> Callable[[int], int]:
    """Return the seeds of models by their numbers."""
    return lambda k: derive_seed(seed, "model", k)
