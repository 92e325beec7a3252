"""Attacks on encoders: they make nearly the same vector of every version of a record on which they were trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, EmbeddingOracle, Records
from attacks.seeds import streams


def likeness_of_versions(
    records: Records, embeddings: EmbeddingOracle, *, count: int = 10, spread: float = 0.3, seed: int = 0
) -> Tensor:
    """Mean cosine of the vectors of each two of `count` versions of a record, float64 (n,).

    EncoderMI-T of Liu et al. 2021 (remembered), without the threshold, which a shadow encoder would set. The paper's versions are
    the augmentations with which the encoder was trained; here they are normal noise of this `spread` on standardised features,
    which suits records of any kind.
    """
    if count < 2 or spread <= 0:
        raise AttackError(f"it takes at least 2 versions and a spread above 0 (found {count}, {spread:g})")
    x, drawn = records.x, streams(seed, records.ids)
    noise = torch.from_numpy(np.array([stream.normal(scale=spread, size=(count, *x.shape[1:])) for stream in drawn])).float()
    vectors = torch.stack([embeddings(x + noise[:, k]) for k in range(count)], dim=1)
    length = vectors.norm(dim=-1, keepdim=True)
    # A vector of length 0 has no direction, and is like no other.
    unit = torch.where(length > 0, vectors / length.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    together = unit.sum(dim=1).square().sum(dim=-1) - unit.square().sum(dim=(1, 2))
    return together / (count * (count - 1))
