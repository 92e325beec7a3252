"""Encoders that learn by contrast, without labels: versions of one record become alike, those of two records do not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attacks.models.training import CHUNK, one_thread


@dataclass(frozen=True)
class Contrast:
    """How an encoder is built and learns; a version of a record is the record with normal noise of deviation `noise` on it.

    `hidden` are widths of hidden layers, `width` the length of the vector. `temperature` divides cosines, as in the paper.
    """

    shape: tuple[int, ...]
    hidden: tuple[int, ...]
    width: int
    epochs: int
    batch: int
    learning_rate: float
    temperature: float
    noise: float

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)

    def build(self) -> nn.Module:
        """Return an empty encoder: a perceptron with ReLU."""
        widths: Sequence[int] = (math.prod(self.shape), *self.hidden)
        layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], self.width))


def fit(recipe: Contrast, x: Tensor, seed: int) -> nn.Module:
    """Train an encoder on records x float32 (n, *shape), with Adam; the same recipe, records and seed give the same bits.

    SimCLR of Chen et al. 2020, Section 2.1: two versions of each record of a batch, and a cross-entropy that picks out the
    other version of the same record by cosine. The paper's projection behind the encoder, and its crops and colours, are left
    out.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network = recipe.build()
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
        for _ in range(recipe.epochs):
            for rows in torch.randperm(len(x)).split(recipe.batch):
                versions = x[rows].repeat(2, *[1] * (x.ndim - 1))
                versions = versions + recipe.noise * torch.randn_like(versions)
                optimizer.zero_grad(set_to_none=True)
                loss(network(versions), recipe.temperature).backward()
                optimizer.step()
    return network.eval()


def loss(vectors: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of vectors (2 n, width), of which number k and number n + k are of one record."""
    unit = nn.functional.normalize(vectors, dim=1)
    alike = (unit @ unit.T / temperature).fill_diagonal_(-math.inf)
    return nn.functional.cross_entropy(alike, torch.arange(len(vectors)).roll(len(vectors) // 2))


def embedded(network: nn.Module, x: Tensor) -> Tensor:
    """Return the vectors of records x (n, *shape), float64 (n, width)."""
    with torch.no_grad():
        return torch.cat([network(chunk.float()) for chunk in x.split(CHUNK)] or [torch.empty(0, 0)]).double()
