"""Shadow models of a target that was trained on the adversary's poison: every one of them is trained on the same poison."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import Number, Poison, Records, ShadowData, ShadowModels, Trainer, UnsuitableError
from attacks.models.training import NumberedSets
from attacks.seeds import derive_seed
from attacks.steps.training_sets import by_id, drawn, share, shares


def known_recipe(
    records: Records,
    shadow_data: ShadowData,
    trainer: Trainer,
    training_size: Number,
    poison: Poison,
    *,
    count: int = 16,
    seed: int = 0,
) -> ShadowModels:
    """Train models by the target's recipe, half of them on each candidate, and all of them on the poison.

    Tramer et al. 2022, in their code (tensorflow/privacy, mi_poison_2022): the poison is added to every training set. It is part
    of the target's size; what it leaves is filled with shadow data. Raises UnsuitableError if these are too few.
    """
    x, label, ids = records.x, records.label, records.ids
    size = int(training_size.value) - len(poison)
    inside = shares(ids, count, size, seed)
    missing = size - int(inside[0].sum())
    if missing > len(shadow_data):
        raise UnsuitableError(
            f"shadow models are trained on {size:,} records each beside the poison, as the target was: on {size - missing:,} "
            f"candidates and {missing:,} records of the adversary, which holds only {len(shadow_data):,}"
        )
    clean_ids = np.concatenate([ids, shadow_data.ids])
    of_poison = len(clean_ids) + torch.arange(len(poison))

    def rows(k: int) -> Tensor:
        chosen = np.concatenate([np.flatnonzero(share(ids, k, size, seed)), len(ids) + drawn(shadow_data.ids, k, missing, seed)])
        return torch.cat([torch.from_numpy(chosen[by_id(clean_ids[chosen])]), of_poison])

    pool = torch.cat([x, shadow_data.x, poison.x]), torch.cat([label, shadow_data.label, poison.label])
    sets = NumberedSets(*pool, count=count, rows=rows, seed=lambda k: derive_seed(seed, "model", k))
    return ShadowModels(trainer.fit_many(sets), ShadowData(x, label, ids), torch.from_numpy(inside))
