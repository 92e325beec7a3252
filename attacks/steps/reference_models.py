"""Reference models: models by the target's recipe that were trained before the candidates were known."""

from __future__ import annotations

from attacks.handles import Number, Platform, Records, ReferenceModels, ShadowData, Trainer
from attacks.steps import own_models


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
    return own_models.without_candidates(records, shadow_data, trainer.fit_many, int(training_size.value), count, seed)


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
    return own_models.without_candidates(records, shadow_data, platform.fit_many, int(training_size.value), count, seed)
