"""Monte Carlo integration: the share of generated samples that fall into a small ball around a record."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from attacks.generative.components import principal_axes
from attacks.generative.distance import CHUNK, between
from attacks.handles import AttackError, Population, Records, SampleOracle, UnsuitableError

# What a sample at this distance, in parts of the radius, adds to the score of a record. A sample that equals the record would
# add without bound; it counts as one that is a millionth of the radius away.
WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {
    "epsilon": torch.ones_like,
    "log": lambda ratio: -ratio.clamp(min=1e-6).log(),
    "fraction": lambda ratio: 1 / ratio.clamp(min=1e-6),
}
ORIENTATIONS, CELL, BLOCK = 9, 9, 3


def principal_components(
    records: Records,
    samples: SampleOracle,
    population: Population,
    *,
    count: int = 300000,
    components: int = 40,
    variant: str = "epsilon",
) -> Tensor:
    """Share of samples in a ball around each record, or its variant, float64 (n,). Hilprecht et al. 2019, Section 3.2.

    Distances are Euclidean between the first principal components of records and samples, fitted to the population; for
    pictures of 28 x 28 pixels the authors' code takes 40. The paper draws a million samples. `variant` log or fraction weighs
    nearer samples more. Samples are drawn here and not kept in a pool: a million pictures would take gigabytes, their
    components do not.
    """
    # In float32, as the records themselves, of which there are many.
    mean, axes = (part.float() for part in principal_axes(population.x.flatten(1), components))
    return _share_in_ball(records, samples, lambda x: (x.flatten(1) - mean) @ axes, count, variant)


def edge_directions(records: Records, samples: SampleOracle, *, count: int = 100000, variant: str = "epsilon") -> Tensor:
    """Share of samples in a ball around each record, or its variant, float64 (n,). Hilprecht et al. 2019, Section 3.2.1.

    Distances are Euclidean between histograms of oriented gradients, which take no data to be fitted. The paper draws a million
    samples, and compares histograms of colours where pictures have some; this code does not. Raises UnsuitableError for records
    that are no pictures of one channel, or too small.
    """
    return _share_in_ball(records, samples, oriented_gradients, count, variant)


def _share_in_ball(
    records: Records, samples: SampleOracle, features: Callable[[Tensor], Tensor], count: int, variant: str
) -> Tensor:
    """Draw samples, keep only their features, and add up the weights of those in each record's ball.

    The radius is the median over all candidates of the distance to the nearest sample (the paper's median heuristic, Section
    3.2.2), so that a score depends on which others there are, though not on their order. Many records may have no sample in
    their ball: they tie at 0, and the metrics count ties half, which is what breaking them by chance, as the authors' code does,
    comes to on average.
    """
    if variant not in WEIGHTS:
        raise AttackError(f"variant is one of {', '.join(WEIGHTS)} (found {variant!r})")
    here = features(records.x)
    kept = torch.empty(count, here.shape[1])
    for chunk in kept.split(CHUNK):
        chunk.copy_(features(samples(len(chunk))))
    nearest = torch.stack([between(here, chunk).amin(dim=1) for chunk in kept.split(CHUNK)]).amin(dim=0)
    radius = nearest.quantile(0.5).item()
    total = torch.zeros(len(here), dtype=torch.float64)
    for chunk in kept.split(CHUNK):
        distance = between(here, chunk)
        inside = distance < radius
        if variant == "epsilon":
            total += inside.count_nonzero(dim=1)
        else:
            total += torch.where(inside, WEIGHTS[variant](distance / radius), 0.0).sum(dim=1)
    return total / count


def oriented_gradients(x: Tensor) -> Tensor:
    """Return histograms of oriented gradients of pictures (n, height, width), float32 (n, blocks * 81).

    Dalal and Triggs 2005, with the defaults of scikit-image: in each cell of 9 x 9 pixels the magnitudes of gradients are added
    up over 9 directions of 20 degrees, without a sign; each block of 3 x 3 cells is normalised, cut at 0.2, and normalised
    again. A picture of 28 x 28 pixels is one block, and pixels beyond the last whole cell do not count.
    """
    if x.ndim != 3 or min(x.shape[1:]) < CELL * BLOCK:
        raise UnsuitableError(f"edges are counted in pictures of one channel and {CELL * BLOCK} x {CELL * BLOCK} pixels or more")
    down, right = torch.zeros_like(x), torch.zeros_like(x)
    down[:, 1:-1] = x[:, 2:] - x[:, :-2]
    right[:, :, 1:-1] = x[:, :, 2:] - x[:, :, :-2]
    rows, columns = x.shape[1] // CELL, x.shape[2] // CELL
    whole = (slice(None), slice(rows * CELL), slice(columns * CELL))
    down, right = down[whole], right[whole]
    direction = (torch.atan2(down, right) % math.pi / (math.pi / ORIENTATIONS)).long().clamp(max=ORIENTATIONS - 1)
    cell = (torch.arange(rows * CELL) // CELL)[:, None] * columns + torch.arange(columns * CELL) // CELL
    found = torch.zeros(len(x), rows * columns * ORIENTATIONS)
    found.scatter_add_(1, (cell * ORIENTATIONS + direction).flatten(1), torch.hypot(down, right).flatten(1))
    cells = found.unflatten(1, (rows, columns, ORIENTATIONS)) / CELL**2
    blocks = cells.unfold(1, BLOCK, 1).unfold(2, BLOCK, 1).flatten(3).flatten(1, 2)
    return _normalised(_normalised(blocks).clamp(max=0.2)).flatten(1)


def _normalised(blocks: Tensor) -> Tensor:
    return blocks / (blocks.square().sum(dim=-1, keepdim=True) + 1e-10).sqrt()
