"""Models like the target's where something of it is guessed: its architecture, its recipe, its size, or which data it is from.

Carlini et al. 2022, Section VI-E, and Zarifzadeh et al. 2024 find that calibration bears such a mismatch, at some loss.
"""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import Architecture, Platform, Records, ReferenceModels, ShadowData, ShadowModels, Trainer
from attacks.models.training import Recipe
from attacks.steps import own_models
from attacks.steps.own_models import FitMany

# Where the target's size is not known, a model has this share of all records: what there is suffices for many different models.
SHARE = 0.5


def guessed_architecture(
    records: Records, shadow_data: ShadowData, *, count: int = 16, hidden: int = 128, epochs: int = 60, seed: int = 0
) -> ShadowModels:
    """Train multilayer perceptrons by common settings, with and without each candidate, whatever the target is.

    Carlini et al. 2022, Section VI-E.
    """
    return _with_candidates(records, shadow_data, own_models.common("mlp", shadow_data, hidden, epochs), None, count, seed)


def known_architecture(
    records: Records, shadow_data: ShadowData, architecture: Architecture, *, count: int = 16, epochs: int = 60, seed: int = 0
) -> ShadowModels:
    """Train models of the target's architecture by common settings, with and without each candidate.

    Carlini et al. 2022, Section VI-E.
    """
    return _with_candidates(records, shadow_data, _by_common_settings(architecture, epochs), None, count, seed)


def known_recipe(records: Records, shadow_data: ShadowData, trainer: Trainer, *, count: int = 16, seed: int = 0) -> ShadowModels:
    """Train models by the target's recipe and on as many records, with and without each candidate, on data that is near.

    Carlini et al. 2022, Section IV.
    """
    return _with_candidates(records, shadow_data, trainer.fit_many, trainer.training_size, count, seed)


def same_platform(
    records: Records, shadow_data: ShadowData, platform: Platform, *, count: int = 16, seed: int = 0
) -> ShadowModels:
    """Have models trained on the target's platform, with and without each candidate; how many records it had is guessed.

    Shokri et al. 2017.
    """
    return _with_candidates(records, shadow_data, platform.fit_many, None, count, seed)


def reference_guessed_architecture(
    records: Records, shadow_data: ShadowData, *, count: int = 16, hidden: int = 128, epochs: int = 60, seed: int = 0
) -> ReferenceModels:
    """Train multilayer perceptrons by common settings without any candidate, whatever the target is.

    Carlini et al. 2022, Section VI-E.
    """
    return _without_candidates(records, shadow_data, own_models.common("mlp", shadow_data, hidden, epochs), None, count, seed)


def reference_known_architecture(
    records: Records, shadow_data: ShadowData, architecture: Architecture, *, count: int = 16, epochs: int = 60, seed: int = 0
) -> ReferenceModels:
    """Train models of the target's architecture by common settings, without any candidate.

    Carlini et al. 2022, Section VI-E.
    """
    return _without_candidates(records, shadow_data, _by_common_settings(architecture, epochs), None, count, seed)


def reference_known_recipe(
    records: Records, shadow_data: ShadowData, trainer: Trainer, *, count: int = 16, seed: int = 0
) -> ReferenceModels:
    """Train models by the target's recipe and on as many records, without any candidate, on data that is near.

    Carlini et al. 2022, Section IV.
    """
    return _without_candidates(records, shadow_data, trainer.fit_many, trainer.training_size, count, seed)


def reference_same_platform(
    records: Records, shadow_data: ShadowData, platform: Platform, *, count: int = 16, seed: int = 0
) -> ReferenceModels:
    """Have models trained on the target's platform, without any candidate; how many records it had is guessed.

    Shokri et al. 2017.
    """
    return _without_candidates(records, shadow_data, platform.fit_many, None, count, seed)


def _by_common_settings(architecture: Architecture, epochs: int) -> FitMany:
    recipe = architecture.recipe
    return own_models.by(Recipe.from_json({**recipe.as_json(), **own_models.common_settings(recipe.architecture, epochs)}))


def _others(records: Records, shadow_data: ShadowData) -> ShadowData:
    """Return the shadow data without the candidates, which are among them if they are a pool that holds the training set."""
    rows = torch.from_numpy(~np.isin(shadow_data.ids, records.ids))
    return ShadowData(shadow_data.x[rows], shadow_data.label[rows], shadow_data.ids[rows.numpy()])


def _with_candidates(
    records: Records, shadow_data: ShadowData, fit_many: FitMany, size: int | None, count: int, seed: int
) -> ShadowModels:
    """Train models on candidates in equal shares and on other records; raise AttackError if these are too few."""
    others = _others(records, shadow_data)
    return own_models.with_candidates(
        records, others, fit_many, size or max(1, int(SHARE * (len(records) + len(others)))), count, seed
    )


def _without_candidates(
    records: Records, shadow_data: ShadowData, fit_many: FitMany, size: int | None, count: int, seed: int
) -> ReferenceModels:
    """Train models on other records than the candidates; raise AttackError if these are too few."""
    others = _others(records, shadow_data)
    return own_models.without_candidates(records, others, fit_many, size or max(1, int(SHARE * len(others))), count, seed)
