"""Shadow models: models that imitate the target, and whose members are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks import architectures, training
from attacks.handles import AttackError, HostedModel, ModelType, Platform, Records, ShadowData, ShadowModels, Trainer
from attacks.seeds import derive_seed, hash_records
from attacks.training import Model, Recipe, TrainingSet


def known_recipe(records: Records, shadow_data: ShadowData, trainer: Trainer, *, count: int = 16, seed: int = 0) -> ShadowModels:
    """Train models by the target's recipe. Shokri et al. 2017, Section V-C; halves as in Carlini et al. 2022, Section V."""
    return _matched(records, shadow_data, trainer.fit_many, trainer.training_size, count, seed)


def same_platform(
    records: Records, shadow_data: ShadowData, platform: Platform, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Have models trained on the target's platform: the same recipe, weights unseen. Shokri et al. 2017, Section V-C."""
    return _matched(records, shadow_data, platform.fit_many, platform.training_size, count, seed)


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
    return _on_halves(shadow_data, _common("mlp", shadow_data, hidden, epochs), count, seed)


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
    return _on_halves(shadow_data, _common("mlp", shadow_data, hidden, epochs), count, seed)


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
    return _on_halves(shadow_data, _common(model_type.value, shadow_data, hidden, epochs), count, seed)


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


def halves(ids: NDArray[np.uint64], count: int, seed: int) -> NDArray[np.bool_]:
    """Return which of `count` models has which record, bool (count, n): every record in exactly half of an even number.

    One of each pair of models has the record; which one, a hash of seed, pair and record decides. So the first n models are
    the same whatever the count, and the choice for one record does not depend on the others.
    """
    if count < 1 or (count % 2 and count != 1):
        raise AttackError(f"count must be 1 or even, so that each record is in half of the models (found {count})")
    first = [hash_records(seed, pair, ids) >> np.uint64(63) == 0 for pair in range((count + 1) // 2)]
    return np.stack([row for choice in first for row in (choice, ~choice)][:count])


FitMany = Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]]


def _common(architecture: str, shadow_data: ShadowData, hidden: int, epochs: int) -> FitMany:
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


def _matched(
    records: Records,
    shadow_data: ShadowData,
    fit_many: Callable[[Sequence[TrainingSet]], Sequence[Model | HostedModel]],
    training_size: int,
    count: int,
    seed: int,
) -> ShadowModels:
    """Train `count` models, each candidate in half of them, filled up with shadow data to the target's size."""
    x, label, ids = records.x, records.label, records.ids
    inside = halves(ids, count, seed)
    sets = []
    for k, row in enumerate(inside):
        missing = max(0, training_size - int(row.sum()))
        order = np.argsort(hash_records(derive_seed(seed, "fill"), k, shadow_data.ids), kind="stable")[:missing]
        fill = torch.from_numpy(order)
        chosen = torch.from_numpy(row)
        sets.append(
            TrainingSet(
                torch.cat([x[chosen], shadow_data.x[fill]]),
                torch.cat([label[chosen], shadow_data.label[fill]]),
                derive_seed(seed, "model", k),
            )
        )
    candidates = ShadowData(x, label, ids)
    return ShadowModels(fit_many(sets), candidates, _as_tensor(inside))


def _as_tensor(array: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(array.copy())
