"""Shadow models: models that imitate the target, and whose members are known."""

from __future__ import annotations

from attacks.handles import ModelType, Number, Platform, Records, ShadowData, ShadowModels, Trainer
from attacks.steps import own_models


def known_recipe(
    records: Records,
    shadow_data: ShadowData,
    trainer: Trainer,
    training_size: Number,
    *,
    count: int = 16,
    seed: int = 0,
) -> ShadowModels:
    """Train models by the target's recipe. Shokri et al. 2017, Section V-B; halves as in Carlini et al. 2022, Section IV."""
    return own_models.with_candidates(records, shadow_data, trainer.fit_many, int(training_size.value), count, seed)


def same_platform(
    records: Records,
    shadow_data: ShadowData,
    platform: Platform,
    training_size: Number,
    *,
    count: int = 16,
    seed: int = 0,
) -> ShadowModels:
    """Have models trained on the target's platform: the same recipe, weights unseen. Shokri et al. 2017, Section V-B."""
    return own_models.with_candidates(records, shadow_data, platform.fit_many, int(training_size.value), count, seed)


def guessed_architecture(
    records: Records,
    shadow_data: ShadowData,
    *,
    count: int = 16,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> ShadowModels:
    """Train multilayer perceptrons, each on half of the shadow data. Salem et al. 2019, Section III-C."""
    return own_models.on_halves(shadow_data, own_models.common("mlp", shadow_data, hidden, epochs), count, seed)


def another_data_set(
    records: Records,
    shadow_data: ShadowData,
    *,
    count: int = 1,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> ShadowModels:
    """Train a multilayer perceptron for another data set's own task, on half of it. Salem et al. 2019, Section IV."""
    return own_models.on_halves(shadow_data, own_models.common("mlp", shadow_data, hidden, epochs), count, seed)


def known_type(
    records: Records,
    model_type: ModelType,
    shadow_data: ShadowData,
    *,
    count: int = 16,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> ShadowModels:
    """Train models of the target's type, each on half of the shadow data. Truex et al. 2019, Section 3.2.

    Estimators have their usual settings; of a network only the kind is known, so it gets one hidden layer of a guessed width.
    """
    return own_models.on_halves(shadow_data, own_models.common(model_type.value, shadow_data, hidden, epochs), count, seed)


def known_recipe_other_data(
    records: Records, trainer: Trainer, shadow_data: ShadowData, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Train models by the target's recipe, each on half of the shadow data. Shokri et al. 2017, Section V-C."""
    return own_models.on_halves(shadow_data, trainer.fit_many, count, seed)


def same_platform_other_data(
    records: Records, platform: Platform, shadow_data: ShadowData, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Have models trained on the target's platform, each on half of the shadow data. Shokri et al. 2017, Section V-C."""
    return own_models.on_halves(shadow_data, platform.fit_many, count, seed)
