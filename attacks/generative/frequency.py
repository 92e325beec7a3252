"""Attacks on language models that weigh each symbol by how rare it is in other text."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, LikelihoodOracle, Population, Records
from attacks.models.generators.language import PADDING


def divergence(records: Records, likelihood: LikelihoodOracle, population: Population, *, most: float = 0.01) -> Tensor:
    """Mean over each record's symbols, each where it stands first, of its probability times how rare it is, float64 (n,).

    DC-PDD of Zhang et al. 2024 (authors' code): the cross-entropy between the target's probabilities and the frequencies of
    symbols in other text, with one added to every count; what one symbol can add is bounded by `most`.
    """
    if most <= 0:
        raise AttackError(f"most is above 0 (found {most:g})")
    held = population.x
    counts = np.bincount(held[held != PADDING].long().numpy())
    x = records.x
    share = likelihood(x).exp().numpy()
    found = np.empty(len(x))
    for k, row in enumerate(x.numpy()):
        codes, first = np.unique(row[row != PADDING].astype(np.int64), return_index=True)
        # A symbol that other text does not hold counts as one that was added.
        standing = np.where(codes < len(counts), counts[np.minimum(codes, len(counts) - 1)], 0)
        rarity = np.log((counts.sum() + len(counts)) / (standing + 1))
        found[k] = np.minimum(share[k, first] * rarity, most).mean()
    return torch.from_numpy(found)
