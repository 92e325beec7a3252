"""Attacks on the records that a model was updated with, by the change in its answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from attacks.handles import AttackError, Records, ShadowUpdates, UpdatedScores
from attacks.models import signals, training
from attacks.models.further_training import change
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed

# The encoder's layers, whose last one is the latent vector (remembered from the paper); the decoder is one softmax layer.
ENCODER = (128, 64)
BATCH = 64
LEARNING_RATE = 0.001


def infer_labels(
    records: Records,
    updated_scores: UpdatedScores,
    shadow_updates: ShadowUpdates,
    *,
    queries: int = 20100,
    epochs: int = 60,
    seed: int = 0,
) -> Tensor:
    """Labels of the records that the single-record updates were made with, int64 (updates,).

    Salem et al. 2020, single-sample label inference (section remembered: 4.1): the change in the probabilities on a probing set
    goes through an encoder and a softmax decoder, which learned from the changes of a shadow model. Before the updates and after
    each, the target is asked about as many probing records as `queries` allow. Every change is scaled to one length, which the
    paper is not known to do: its length tells mainly how well the model knew the record, and spans orders of magnitude; the
    label lies in its direction. Of classes that no shadow record has, the shadow model's answers never change. Raises AttackError
    if there are too few queries, or if the shadow model has more classes than the target.
    """
    probes = min(queries // (1 + len(updated_scores)), len(shadow_updates.probes))
    if probes < 1:
        raise AttackError(f"one probing record takes {1 + len(updated_scores):,} queries; {queries:,} are allowed")
    x = shadow_updates.probes[:probes]
    before = updated_scores.before(x)
    classes = before.shape[-1]
    missing = classes - shadow_updates.classes
    if missing < 0:
        raise AttackError(f"the shadow model has {shadow_updates.classes} classes, but the target has {classes}")
    learnt_from = shadow_updates.change.unflatten(1, (-1, shadow_updates.classes))[:, :probes]
    learnt_from = functional.pad(learnt_from, (0, missing)).flatten(1)
    changes = torch.stack([change(before, updated_scores.after(k, x)) for k in range(len(updated_scores))])
    recipe = Recipe("mlp", changes.shape[1:], classes, ENCODER, epochs, BATCH, LEARNING_RATE)
    known = TrainingSet(_direction(learnt_from), shadow_updates.label, derive_seed(seed, "model"))
    (decoder,) = training.fit_many(recipe, [known], "attack models")
    return signals.predicted(decoder.log_probs(_direction(changes)))


def _direction(changes: Tensor) -> Tensor:
    """Return changes (n, width) scaled so that their mean square is 1, float32; what did not change at all stays 0."""
    length = changes.square().mean(dim=1, keepdim=True).sqrt()
    return (changes / length.clamp(min=torch.finfo(torch.float64).tiny)).float()
