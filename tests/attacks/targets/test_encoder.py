"""Encoders that learn by contrast: the loss by its definition, the bits of a seed, and the control."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.handles import Ledger
from attacks.models import contrast
from attacks.models.contrast import Contrast
from attacks.targets import encoder
from taxonomy.loading import load

SMALL = Contrast((4,), (16,), 8, 40, 32, 0.01, 0.1, 0.3)


def test_the_loss_picks_the_other_version_of_a_record():
    """Chen et al. 2020, equation 1, term by term."""
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    terms = []
    for i in range(6):
        every = [np.exp(unit[i] @ unit[k] / 0.5) for k in range(6) if k != i]
        terms.append(-np.log(np.exp(unit[i] @ unit[(i + 3) % 6] / 0.5) / sum(every)))
    assert float(contrast.loss(torch.from_numpy(vectors), 0.5)) == pytest.approx(np.mean(terms))


def test_versions_of_a_record_become_alike_and_a_seed_decides_the_bits():
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(1))
    first, again, other = (contrast.fit(SMALL, x, seed) for seed in (5, 5, 6))
    assert torch.equal(contrast.embedded(first, x), contrast.embedded(again, x))
    assert not torch.equal(contrast.embedded(first, x), contrast.embedded(other, x))
    version = x + 0.3 * torch.randn(32, 4, generator=torch.Generator().manual_seed(2))

    def likeness(network):
        here, there = contrast.embedded(network, x), contrast.embedded(network, version)
        every = torch.nn.functional.cosine_similarity(here[:, None], there[None], dim=2)
        return float(every.diagonal().mean() - every.mean())

    torch.manual_seed(5)
    assert likeness(first) > likeness(SMALL.build()) + 0.2


def test_the_control_never_saw_its_candidates():
    params = {**load().targets["digits-encoder"].params, "epochs": 0}
    target, control = encoder.build(**params), encoder.build(**{**params, "members_trained": False})
    assert torch.equal(target.x, control.x) and torch.equal(target.member, control.member)
    assert target.fingerprint != control.fingerprint and target.facts["training_size"] == 250 == int(target.member.sum())
    assert control.facts["pool_size"] == target.facts["pool_size"] - 250
    vectors = target.makers["Q.embeddings"](Ledger())(target.x)
    assert vectors.shape == (500, 64) and vectors.dtype == torch.float64
