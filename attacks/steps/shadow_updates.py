"""Simulated updates: a model of the adversary's own, updated many times with one known record each."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, Records, ShadowData, ShadowUpdates
from attacks.models import further_training
from attacks.models.training import Model
from attacks.seeds import derive_seed, hash_records
from attacks.steps.shadow_models import guessed_architecture


def simulated(
    records: Records,
    shadow_data: ShadowData,
    *,
    updates_wanted: int = 1000,
    probes: int = 100,
    hidden: int = 128,
    epochs: int = 60,
    steps: int = 1,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> ShadowUpdates:
    """Return what single-record updates of one shadow model change in its answers. Salem et al. 2020 (section remembered: 3).

    The shadow model is a multilayer perceptron trained on half of the shadow data. Of the other half, `probes` records become
    the probing set, and at most `updates_wanted` of the rest update a copy of the model each: no record does so twice, since
    the same record would change the same. How the target is updated is not known; `steps` steps of plain gradient descent
    are a guess. Raises AttackError if no records are left to update with.
    """
    shadow = guessed_architecture(records, shadow_data, count=1, hidden=hidden, epochs=epochs, seed=seed)
    model = shadow.models[0]
    assert isinstance(model, Model)  # it was trained at home, so its weights are at hand
    unseen = np.nonzero(~shadow.trained_on[0].numpy())[0]
    order = unseen[np.argsort(hash_records(derive_seed(seed, "draw"), 0, shadow_data.ids[unseen]), kind="stable")]
    probing, causes = (torch.from_numpy(rows) for rows in np.split(order[: probes + updates_wanted], [probes]))
    if probes < 1 or not len(causes):
        raise AttackError(f"{len(unseen)} shadow records are left for a probing set of {probes} and for updates: too few")
    x, label = shadow_data.x[probing], shadow_data.label[causes]
    copies = further_training.updated(model, shadow_data.x[causes], label, steps=steps, learning_rate=learning_rate)
    before = model.log_probs(x)
    change = torch.stack([further_training.change(before, copies.log_probs(k, x)) for k in range(len(copies))])
    return ShadowUpdates(change, label, x)
