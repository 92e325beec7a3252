"""A search for the latent code whose sample lies nearest to a record: a generator can make what it was trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attacks.generative import powell
from attacks.generative.distance import mean_squared, to_nearest
from attacks.handles import AttackError, GeneratorAccess, LatentOracle, Records, ReferenceGenerator

Decode = Callable[[Tensor], Tensor]


def by_queries(
    records: Records,
    latent: LatentOracle,
    *,
    samples: int = 20000,
    queries: int = 1000,
    regulariser: float = 0.001,
    seed: int = 0,
) -> Tensor:
    """Minus the mean squared distance of each record to the nearest sample that a search finds, float64 (n,).

    Chen et al. 2020, partial black-box generator: Powell's method, which uses no gradient, from the nearest of 20,000 samples,
    as in the authors' code. They stop after ten rounds of SciPy's; here all records are searched in step, `queries` codes each.
    The distance is l2 alone; the paper adds one by a network (LPIPS), whose weights are not to be had. `regulariser` is the
    weight of the paper's penalty of unlikely codes; where codes are short it is what mostly holds the search back. Raises
    AttackError for fewer than 2 queries.
    """
    return -_searched_by_queries(records.x, latent, latent.size, samples, queries, regulariser, seed)


def by_queries_calibrated(
    records: Records,
    latent: LatentOracle,
    reference_generator: ReferenceGenerator,
    *,
    samples: int = 20000,
    queries: int = 1000,
    regulariser: float = 0.001,
    seed: int = 0,
) -> Tensor:
    """How much nearer the search comes on the target than on the reference generator, float64 (n,). Chen et al. 2020."""
    x, reference = records.x, reference_generator
    away = _searched_by_queries(x, reference, reference.size, samples, queries, regulariser, seed)
    return away - _searched_by_queries(x, latent, latent.size, samples, queries, regulariser, seed)


def by_gradient(
    records: Records,
    generator: GeneratorAccess,
    *,
    samples: int = 20000,
    starts: int = 1,
    steps: int = 300,
    learning_rate: float = 0.05,
    regulariser: float = 0.001,
    seed: int = 0,
) -> Tensor:
    """Minus the mean squared distance of each record to the nearest sample that gradient descent finds, float64 (n,).

    Chen et al. 2020, white-box generator. The authors use L-BFGS; here Adam searches for all records in step, each from the
    codes of the `starts` nearest samples, at a rate that falls to nothing. The distance is l2 alone, without LPIPS.
    """
    return -_searched_by_gradient(records.x, generator, generator.size, samples, starts, steps, learning_rate, regulariser, seed)


def by_gradient_calibrated(
    records: Records,
    generator: GeneratorAccess,
    reference_generator: ReferenceGenerator,
    *,
    samples: int = 20000,
    starts: int = 1,
    steps: int = 300,
    learning_rate: float = 0.05,
    regulariser: float = 0.001,
    seed: int = 0,
) -> Tensor:
    """How much nearer gradient descent comes on the target than on the reference generator, float64 (n,). Chen et al. 2020.

    Raises AttackError for a reference generator without a gradient.
    """
    x, reference = records.x, reference_generator
    if not reference.differentiable:
        raise AttackError("the reference generator has no gradient to follow")
    options = (samples, starts, steps, learning_rate, regulariser, seed)
    away = _searched_by_gradient(x, reference, reference.size, *options)
    return away - _searched_by_gradient(x, generator, generator.size, *options)


def _searched_by_queries(
    x: Tensor, decode: Decode, size: int, samples: int, queries: int, regulariser: float, seed: int
) -> Tensor:
    if queries < 2:
        raise AttackError(f"a search takes at least 2 queries a record (found {queries})")
    (start,) = _nearest_codes(x, decode, size, samples, 1, seed)

    def objective(z: Tensor) -> Tensor:
        return mean_squared(decode(z.float()), x) + _unlikely(z, regulariser)

    found = powell.minimise(objective, start, queries - 1)
    return mean_squared(decode(found.float()), x)


def _searched_by_gradient(
    x: Tensor, decode: Decode, size: int, samples: int, starts: int, steps: int, rate: float, regulariser: float, seed: int
) -> Tensor:
    best = torch.full((len(x),), torch.inf, dtype=torch.float64)
    distance = best.clone()
    for start in _nearest_codes(x, decode, size, samples, starts, seed):
        z = start.requires_grad_()
        optimizer = torch.optim.Adam([z], lr=rate)
        for step in range(steps + 1):
            away = mean_squared(decode(z.float()), x)
            objective = away + _unlikely(z, regulariser)
            # Each record keeps the best of all codes on its way, since a step can also lead up.
            better = objective.detach() < best
            best = torch.where(better, objective.detach(), best)
            distance = torch.where(better, away.detach(), distance)
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            (z.grad,) = torch.autograd.grad(objective.sum(), z)
            optimizer.step()
    return distance


def _unlikely(z: Tensor, weight: float) -> Tensor:
    """Return the paper's penalty of codes whose length is not that of most random ones, (n,)."""
    return weight * (z.square().sum(dim=1) - z.shape[1]).square()


def _nearest_codes(x: Tensor, decode: Decode, size: int, samples: int, count: int, seed: int) -> list[Tensor]:
    """Return the codes of the `count` nearest of random samples, from the nearest on, each float64 (n, size)."""
    codes = torch.randn(samples, size, generator=torch.Generator().manual_seed(seed % 2**63))
    with torch.no_grad():
        made = torch.cat([decode(chunk) for chunk in codes.split(4096)])
    _, nearest = to_nearest(x, made, count)
    return [codes[one].double() for one in nearest.T]
