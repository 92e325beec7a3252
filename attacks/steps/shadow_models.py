"""Shadow models: models that imitate the target, and whose members are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from attacks.handles import (
    AttackError,
    HostedModel,
    ModelType,
    Number,
    Platform,
    Records,
    ShadowData,
    ShadowModels,
    Trainer,
    UnsuitableError,
)
from attacks.models import architectures, training
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed
from attacks.steps.training_sets import by_id, drawn, halves, shares


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
    return matched(records, shadow_data, trainer.fit_many, int(training_size.value), count, seed)


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
    return matched(records, shadow_data, platform.fit_many, int(training_size.value), count, seed)


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
    return _on_halves(shadow_data, common("mlp", shadow_data, hidden, epochs), count, seed)


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
    return _on_halves(shadow_data, common("mlp", shadow_data, hidden, epochs), count, seed)


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
    return _on_halves(shadow_data, common(model_type.value, shadow_data, hidden, epochs), count, seed)


def known_recipe_other_data(
    records: Records, trainer: Trainer, shadow_data: ShadowData, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Train models by the target's recipe, each on half of the shadow data. Shokri et al. 2017, Section V-C."""
    return _on_halves(shadow_data, trainer.fit_many, count, seed)


def same_platform_other_data(
    records: Records, platform: Platform, shadow_data: ShadowData, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Have models trained on the target's platform, each on half of the shadow data. Shokri et al. 2017, Section V-C."""
    return _on_halves(shadow_data, platform.fit_many, count, seed)


FitMany = Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]]


def common(architecture: str, shadow_data: ShadowData, hidden: int, epochs: int) -> FitMany:
    """Return training of models of this architecture by common settings, for the task of the shadow data."""
    if not len(shadow_data):
        raise AttackError("there are no shadow data to train shadow models on")
    network = architecture in architectures.NETWORKS
    recipe = Recipe(
        architecture=architecture,
        shape=tuple(shadow_data.x.shape[1:]),
        classes=int(shadow_data.label.max()) + 1,
        hidden=(hidden,) if network else (),
        epochs=epochs if network else 0,
        batch=64 if network else 0,
        learning_rate=0.001 if network else 0.0,
    )
    return lambda sets: training.fit_many(recipe, sets, "shadow models")


def _on_halves(shadow_data: ShadowData, fit_many: FitMany, count: int, seed: int) -> ShadowModels:
    """Train each model on half of the shadow data, of which the other half is then known not to be the model's."""
    inside = torch.from_numpy(halves(shadow_data.ids, count, seed))
    sets = [
        TrainingSet(shadow_data.x[row], shadow_data.label[row], derive_seed(seed, "model", k)) for k, row in enumerate(inside)
    ]
    return ShadowModels(fit_many(sets), shadow_data, inside)


def matched(records: Records, shadow_data: ShadowData, fit_many: FitMany, size: int, count: int, seed: int) -> ShadowModels:
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
    sets = []
    for k, row in enumerate(inside):
        chosen, fill = np.flatnonzero(row), drawn(shadow_data.ids, k, missing, seed)
        order = by_id(np.concatenate([ids[chosen], shadow_data.ids[fill]]))
        data = torch.cat([x[chosen], shadow_data.x[fill]])[order], torch.cat([label[chosen], shadow_data.label[fill]])[order]
        sets.append(TrainingSet(*data, derive_seed(seed, "model", k)))
    return ShadowModels(fit_many(sets), ShadowData(x, label, ids), torch.from_numpy(inside))
