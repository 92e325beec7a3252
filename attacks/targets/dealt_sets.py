"""Candidates dealt into sets: trained on as a whole, in part or not at all; and judges of what is found of such sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import AttackError
from attacks.metrics import Metric, sets
from attacks.targets.target import Judge
from taxonomy.findings import InputError


def dealt(
    member: NDArray[np.bool_], population: int, counts: NDArray[np.int64], size: int, drawn: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the candidates of each set, and the records of the population that its owner kept back, int64 (sets, size).

    `counts` int64 (sets,) says how many of a set are members. No candidate is in two sets, and no record was kept back twice.
    Raises InputError where there are too few of anything.
    """
    inside, outside = (drawn.permutation(np.flatnonzero(side)) for side in (member, ~member))
    wanted = int(counts.sum()), int((size - counts).sum()), len(counts) * size
    there = len(inside), len(outside), population
    for name, some, every in zip(("members", "non-members", "records of the population"), wanted, there, strict=True):
        if some > every:
            raise InputError(f"{len(counts):,} sets of {size:,} take {some:,} {name}; there are {every:,}")
    first, second = np.cumsum(counts) - counts, np.cumsum(size - counts) - (size - counts)
    rows = np.stack(
        [
            drawn.permutation(np.concatenate([inside[a : a + n], outside[b : b + size - n]]))
            for a, b, n in zip(first, second, counts, strict=True)
        ]
    )
    return drawn.permutation(rows), drawn.permutation(population)[: rows.size].reshape(rows.shape)


def judges(used: NDArray[np.float64], level: float) -> Mapping[str, Judge]:
    """Return who judges what is found of sets of which the shares `used`, float64 (sets,), were trained on.

    The judge of `dataset` takes p-values, and asks for them at most `level`; that of `usage` takes estimated shares. There is
    none of `dataset` unless some sets hold members and some hold none.
    """

    def dataset(found: Any) -> Metric:
        return sets.found(_of_each(found, len(used), "one p-value a set"), used, level)

    def usage(found: Any) -> Metric:
        return sets.closeness(_of_each(found, len(used), "the share of each set that was trained on"), used)

    some = 0 < (used > 0).sum() < len(used)
    return {"usage": usage, "dataset": dataset} if some else {"usage": usage}


def _of_each(found: Any, count: int, what: str) -> NDArray[np.float64]:
    if not isinstance(found, Tensor) or found.dtype != torch.float64 or found.shape != (count,):
        raise AttackError(f"an attack on sets finds {what}, float64 ({count},)")
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise AttackError(f"an attack on sets finds {what}, from 0 to 1")
    values: NDArray[np.float64] = found.numpy()
    return values
