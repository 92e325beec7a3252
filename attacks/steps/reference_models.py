"""Reference models: models by the target's recipe that were trained on no candidate at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from attacks.handles import (
    AttackError,
    HostedModel,
    Platform,
    Records,
    ReferenceModels,
    ShadowData,
    ShadowModels,
    Trainer,
)
from attacks.seeds import derive_seed, hash_records
from attacks.training import Model, TrainingSet


def known_recipe(
    records: Records, shadow_data: ShadowData, trainer: Trainer, *, count: int = 16, seed: int = 0
) -> ReferenceModels:
    """Train models by the target's recipe on shadow data alone. Carlini et al. 2022, Section V (offline); Ye et al. 2022."""
    return _trained(records, shadow_data, trainer.fit_many, trainer.training_size, count, seed)


def same_platform(
    records: Records, shadow_data: ShadowData, platform: Platform, *, count: int = 16, seed: int = 0
) -> ReferenceModels:
    """Have models trained on the target's platform, on shadow data alone. Long et al. 2018, Section 4."""
    return _trained(records, shadow_data, platform.fit_many, platform.training_size, count, seed)


def _trained(
    records: Records,
    shadow_data: ShadowData,
    fit_many: Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]],
    training_size: int,
    count: int,
    seed: int,
) -> ReferenceModels:
    """Train each model on as many records of the shadow data as the target has, chosen by a hash of model and record."""
    if len(shadow_data) < 2:
        raise AttackError("there are no shadow data to train reference models on")
    sets = []
    inside = torch.zeros(count, len(shadow_data), dtype=torch.bool)
    for k in range(count):
        order = np.argsort(hash_records(derive_seed(seed, "draw"), k, shadow_data.ids), kind="stable")[:training_size]
        rows = torch.from_numpy(order)
        inside[k, rows] = True
        sets.append(TrainingSet(shadow_data.x[rows], shadow_data.label[rows], derive_seed(seed, "model", k)))
    candidates = ShadowData(records.x, records.label, records.ids)
    never = torch.zeros(count, len(records), dtype=torch.bool)
    models = fit_many(sets)
    return ReferenceModels(ShadowModels(models, candidates, never), ShadowModels(models, shadow_data, inside))
