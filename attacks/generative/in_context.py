"""Attacks on language models by what another text before a record does to its likelihood."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, LikelihoodOracle, Population, Records
from attacks.handles.language import lengths
from attacks.models.generators.language import PADDING
from attacks.seeds import hash_records

# A record that the model is certain of has a log-likelihood of 0, by which nothing can be divided.
LEAST = 1e-12


def after_other_text(
    records: Records, likelihood: LikelihoodOracle, population: Population, *, symbols: int = 60, seed: int = 0
) -> Tensor:
    """Log-likelihood of each record after other text over that without it, means over symbols, float64 (n,).

    ReCaLL of Xie et al. 2024 (authors' code): text that is known not to be a member before a record makes members less likely,
    and changes little of others. The text is made of the adversary's own records, by the seed, and cut to so many `symbols`.
    """
    if symbols < 1:
        raise AttackError(f"symbols are at least 1 (found {symbols})")
    order = np.argsort(hash_records(seed, 0, population.ids))
    own = [row[row != PADDING] for row in population.x[torch.from_numpy(order[:symbols])]]
    before = torch.cat(own)[:symbols]
    x = records.x
    length = lengths(x)
    alone = likelihood(x)
    after = likelihood(torch.cat([before.expand(len(x), -1), x], dim=1))[:, len(before) :]
    inside = torch.arange(x.shape[1]) < length[:, None]
    without, within = (found.masked_fill(~inside, 0.0).sum(dim=1) / length for found in (alone, after))
    return within / without.clamp(max=-LEAST)
