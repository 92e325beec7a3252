"""Uploads of a federation that participants mask, so that a server can add them up and read none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.errors import AttackError
from attacks.seeds import derive_seed

# Whole numbers that a sum wraps around in: those of 64 bits.
Masked = dict[str, NDArray[np.uint64]]
MOST = 2.0**62


def add_up(uploads: Sequence[Mapping[str, Tensor]], *, bits: int, seed: int) -> dict[str, Tensor]:
    """Return the sum of uploads, float64 tensors by name, as a server reads it off masked ones, float64 by name.

    Bonawitz et al. 2017, Section 4, without those who drop out: each two participants agree on a random mask, which one adds
    and the other subtracts. Values are whole numbers, with `bits` binary places, so that masks cancel to the last bit and each
    masked value by itself may be anything alike. The agreement on keys is not played: masks follow from the seed.
    Raises AttackError for values that are too large for so many places.
    """
    received = masked(uploads, bits=bits, seed=seed)
    total = {name: sum((one[name] for one in received), start=np.uint64(0)) for name in uploads[0]}
    return {name: torch.from_numpy(value.view(np.int64) / 2.0**bits) for name, value in total.items()}


def masked(uploads: Sequence[Mapping[str, Tensor]], *, bits: int, seed: int) -> list[Masked]:
    """Return what the server receives of each participant: whole numbers modulo 2 to the 64, uint64 by name."""
    found = [{name: _whole(value, bits, len(uploads)) for name, value in upload.items()} for upload in uploads]
    for one in range(len(found)):
        for other in range(one + 1, len(found)):
            agreed = np.random.Generator(np.random.Philox(key=derive_seed(seed, "pair", one, other)))
            for name in sorted(found[one]):
                mask = agreed.integers(0, 2**64, found[one][name].shape, dtype=np.uint64)
                found[one][name] += mask
                found[other][name] -= mask
    return found


def _whole(value: Tensor, bits: int, participants: int) -> NDArray[np.uint64]:
    scaled = (value.double() * 2.0**bits).round().numpy()
    if not bool((np.abs(scaled) * participants < MOST).all()):
        raise AttackError(f"an upload holds a value that {bits} binary places leave no room for, or one that is no number")
    return scaled.astype(np.int64).view(np.uint64)
