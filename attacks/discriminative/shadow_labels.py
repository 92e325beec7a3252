"""What attacks on labels alone learn from shadow models: their answers on records of known membership, and an attack model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.discriminative.hop_skip_jump import Predict
from attacks.handles import AttackError, ShadowModels
from attacks.models import signals
from attacks.seeds import derive_seed, hash_records


class Shadow(NamedTuple):
    """A shadow model as an oracle of labels, and n records of known membership: x float32, label int64, ids, member bool."""

    predict: Predict
    x: Tensor
    label: Tensor
    ids: NDArray[np.uint64]
    member: Tensor


def shadow_records(shadow_models: ShadowModels, count: int, seed: int) -> Iterator[Shadow]:
    """For each shadow model: its labels as an oracle, and some shadow records, which a hash of seed, model and record chooses.

    There are `count` records in all, as far as there are so many, and of each model as many members as others.
    """
    known, inside = shadow_models.records, shadow_models.trained_on
    if inside.all() or not inside.any():
        raise AttackError("the shadow models have no members, or no other records, to learn from")
    for k, (model, member) in enumerate(zip(shadow_models.models, inside, strict=True)):
        order = torch.from_numpy(np.argsort(hash_records(derive_seed(seed, "shadow records"), k, known.ids), kind="stable"))
        sides = [order[member[order] == side][: max(1, count // (2 * len(shadow_models)))] for side in (True, False)]
        rows = torch.cat(sides)

        def predict(x: Tensor, answer: Predict = model.log_probs) -> Tensor:
            return signals.predicted(answer(x))

        yield Shadow(predict, known.x[rows], known.label[rows], known.ids[rows.numpy()], member[rows])


def attack_model(features: Tensor, member: Tensor, hidden: int, epochs: int, seed: int) -> nn.Module:
    """Train an attack model with one hidden layer, in float64: features (n, k) -> log-odds of membership (n, 1)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        centre, spread = features.mean(0), features.std(0)
        spread = torch.where(spread > 1e-6, spread, 1.0)  # a feature may be the same for all shadow records
        layers = [nn.Linear(wide, narrow, dtype=torch.float64) for wide, narrow in ((features.shape[1], hidden), (hidden, 1))]
        model = nn.Sequential(layers[0], nn.ReLU(), layers[1])
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.001)
        loss_of = nn.BCEWithLogitsLoss()
        for _ in range(epochs):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model((features - centre) / spread).squeeze(-1), member.double()).backward()
            optimizer.step()
    return _Standardised(model, centre, spread).requires_grad_(False)


class _Standardised(nn.Module):
    def __init__(self, model: nn.Module, centre: Tensor, spread: Tensor):
        super().__init__()
        self.model, self.centre, self.spread = model, centre, spread

    def forward(self, features: Tensor) -> Tensor:
        odds: Tensor = self.model((features - self.centre) / self.spread)
        return odds
