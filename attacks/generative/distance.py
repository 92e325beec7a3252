"""Euclidean distances between records and what a generator made, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 4096  # samples that are compared at a time, so that memory does not grow with their number


def between(first: Tensor, second: Tensor) -> Tensor:
    """Return distances between records (n, ...) and others (m, ...), float64 (n, m)."""
    return torch.cdist(first.flatten(1).double(), second.flatten(1).double(), compute_mode="use_mm_for_euclid_dist")


def to_nearest(x: Tensor, samples: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """Return the distances to the `count` nearest samples of each record, float64 (n, count), and which they are, int64."""
    distance = torch.empty(len(x), 0, dtype=torch.float64)
    index = torch.empty(len(x), 0, dtype=torch.int64)
    for k, chunk in enumerate(samples.split(CHUNK)):
        found = between(x, chunk).topk(min(count, len(chunk)), largest=False)
        distance = torch.cat([distance, found.values], dim=1)
        index = torch.cat([index, found.indices + k * CHUNK], dim=1)
    kept = distance.topk(min(count, distance.shape[1]), largest=False)
    return kept.values, index.gather(1, kept.indices)


def mean_squared(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared difference of each pair of records (n, ...), float64 (n,); gradients flow through it."""
    return (first.double() - second.double()).square().flatten(1).mean(dim=1)
