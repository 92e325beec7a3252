"""Reference models: models by the target's recipe that were trained before the candidates were known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from attacks.handles import (
    AttackError,
    HostedModel,
    Number,
    Platform,
    Records,
    ReferenceModels,
    ShadowData,
    ShadowModels,
    Trainer,
)
from attacks.models.training import Model, TrainingSet
from attacks.seeds import derive_seed
from attacks.steps.training_sets import check_pool, drawn


def known_recipe(
    records: Records,
    shadow_data: ShadowData,
    trainer: Trainer,
    training_size: Number,
    *,
    count: int = 16,
    seed: int = 0,
) -> ReferenceModels:
    """Train models by the target's recipe on shadow data alone. Carlini et al. 2022, Section IV-C (offline); Ye et al. 2022."""
    return trained(records, shadow_data, trainer.fit_many, int(training_size.value), count, seed)


def same_platform(
    records: Records,
    shadow_data: ShadowData,
    platform: Platform,
    training_size: Number,
    *,
    count: int = 16,
    seed: int = 0,
) -> ReferenceModels:
    """Have models trained on the target's platform, on shadow data alone. Long et al. 2018, Section 4."""
    return trained(records, shadow_data, platform.fit_many, int(training_size.value), count, seed)


def trained(
    records: Records,
    shadow_data: ShadowData,
    fit_many: Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]],
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
    sets = []
    inside = torch.zeros(count, len(shadow_data), dtype=torch.bool)
    for k in range(count):
        rows = torch.from_numpy(drawn(shadow_data.ids, k, size, seed))
        inside[k, rows] = True
        sets.append(TrainingSet(shadow_data.x[rows], shadow_data.label[rows], derive_seed(seed, "model", k)))
    return ReferenceModels(ShadowModels(fit_many(sets), shadow_data, inside))
