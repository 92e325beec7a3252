"""Surrogate networks: trained on samples of the target as if they were real records."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import OwnGan, Records, SamplePool
from attacks.seeds import derive_seed
from attacks.steps import adversarial_networks


def from_samples(records: Records, sample_pool: SamplePool, *, steps: int = 3000, seed: int = 0) -> OwnGan:
    """Train an adversarial network on samples of the target. Hayes et al. 2019 (authors' code: black-box attack).

    The candidates play no part. The authors draw new samples in every step, and take 10,000 steps; here those of the pool come
    again. The structure is guessed, not the target's.
    """
    samples: Tensor = sample_pool.x
    return adversarial_networks.gan(samples, torch.empty(0, *samples.shape[1:]), steps=steps, seed=derive_seed(seed, "model"))
