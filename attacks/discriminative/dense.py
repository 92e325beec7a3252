"""Attacks on models that label every pixel. He et al. 2020 (Segmentations-Leak)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import AttackError, MaskOracle, Records, Scored, ShadowModels
from attacks.models import signals
from attacks.seeds import derive_seed, streams

# The probability of the true class is cut off here, as in the authors' code.
LEAST_PROBABILITY = 1e-30


def structured_loss_map(
    records: Records,
    masks: MaskOracle,
    shadow_models: ShadowModels,
    *,
    patches: int = 6,
    patch: float = 0.7,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Sum of an attack network's log-odds of membership over patches of the loss map, float64 (n,); member if above 0.

    He et al. 2020, structured loss map: the loss at every pixel is a picture of one channel. Six random patches a picture, their
    log-odds added, are the authors' (90 x 90 of 128 x 256 positions); a `patch` has this share of a picture's height and width.
    Where a candidate's patches lie, seed and record id decide.
    Their attack network is a ResNet-50; here it is two convolutions, since one shadow model knows a few hundred pictures only.
    """
    return _infer(records, masks, shadow_models, _loss_map, patches, patch, epochs, seed)


def concatenation(
    records: Records,
    masks: MaskOracle,
    shadow_models: ShadowModels,
    *,
    patches: int = 6,
    patch: float = 0.7,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """As `structured_loss_map`, but the attack network sees the scores of all classes and the true map, one channel a class each.

    He et al. 2020, concatenation of posteriors and one-hot label.
    """
    return _infer(records, masks, shadow_models, _scores_and_label, patches, patch, epochs, seed)


def mean_loss(records: Records, masks: MaskOracle) -> Tensor:
    """Negative mean of the loss over a picture's pixels, float64 (n,). He et al. 2020: the baseline without structure."""
    return -_loss_map(masks(records.x), records.label).mean(dim=(1, 2, 3))


def _loss_map(log_probs: Tensor, label: Tensor) -> Tensor:
    """Loss at every pixel, float64 (n, 1, height, width)."""
    return signals.loss(log_probs, label).clamp(max=-math.log(LEAST_PROBABILITY)).unsqueeze(1)


def _scores_and_label(log_probs: Tensor, label: Tensor) -> Tensor:
    """Probabilities of all classes and the label as one of them, float64 (n, 2 classes, height, width)."""
    truth = nn.functional.one_hot(label, log_probs.shape[-1]).double()
    return torch.cat([log_probs.exp(), truth], dim=-1).movedim(-1, 1)


def _infer(
    records: Records,
    masks: MaskOracle,
    shadow_models: ShadowModels,
    features: Callable[[Tensor, Tensor], Tensor],
    patches: int,
    patch: float,
    epochs: int,
    seed: int,
) -> Scored:
    if patches < 1 or epochs < 1 or not 0 < patch <= 1:
        raise AttackError(
            f"patches and epochs are at least 1, and patch is a share of the picture (found {patches}, {epochs}, {patch})"
        )
    known = shadow_models.records.label
    seen = torch.cat([features(shadow_models.log_probs(k), known) for k in range(len(shadow_models))])
    member = shadow_models.trained_on.flatten()
    if member.all() or not member.any():
        raise AttackError("the shadow models have no members, or no other pictures, to learn from")
    target = features(masks(records.x), records.label)
    places = np.stack([stream.random((patches, 2)) for stream in streams(derive_seed(seed, "patches"), records.ids)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = _train(seen, member, patch, epochs)
    score = torch.zeros(len(records), dtype=torch.float64)
    with torch.no_grad():
        for place in torch.from_numpy(places).unbind(1):
            score += model(_cut(target, patch, place))
    return Scored(score, cut=0.0)


def _cut(maps: Tensor, share: float, place: Tensor) -> Tensor:
    """Return one patch of every map (n, channels, height, width); `place` (n, 2) in [0, 1) says how far down and right."""
    n, _, height, width = maps.shape
    rows, columns = (max(1, round(share * side)) for side in (height, width))
    top = (place[:, :1] * (height - rows + 1)).long() + torch.arange(rows)
    left = (place[:, 1:] * (width - columns + 1)).long() + torch.arange(columns)
    return maps[torch.arange(n)[:, None, None], :, top[:, :, None], left[:, None, :]].movedim(-1, 1)


class _AttackModel(nn.Module):
    """Patch (n, channels, height, width) -> log-odds of membership (n,), in float64."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 1),
        ).double()

    def forward(self, patches: Tensor) -> Tensor:
        odds: Tensor = self.layers(patches).squeeze(-1)
        return odds


def _train(maps: Tensor, member: Tensor, share: float, epochs: int) -> _AttackModel:
    """Train an attack model on a fresh random patch of every map in every epoch, both kinds weighing the same."""
    model = _AttackModel(maps.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loss_of = nn.BCEWithLogitsLoss(pos_weight=(~member).sum().double() / member.sum())
    for _ in range(epochs):
        for chunk in torch.randperm(len(maps)).split(20):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(_cut(maps[chunk], share, torch.rand(len(chunk), 2))), member[chunk].double()).backward()
            optimizer.step()
    return model.requires_grad_(False)
