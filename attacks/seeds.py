"""Seeds and hashes: everything random in a run follows from one seed and the names of its parts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a seed in [0, 2**63) for one part of a run, by a hash of the run's seed and the part's names."""
    text = json.dumps([seed, *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def digest(value: Any) -> str:
    """Return the SHA-256 of plain data, written as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_arrays(*arrays: NDArray[Any]) -> str:
    """Return the SHA-256 of arrays: shapes, dtypes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape}{array.dtype.str}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def record_ids(x: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the identity of every record, uint64 of shape (n,): a hash of its features, for which -0.0 is 0.0."""
    rows = np.ascontiguousarray(x).reshape(len(x), int(np.prod(x.shape[1:])))
    rows = rows + rows.dtype.type(0)
    hashes = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(b"".join(hashes), dtype=np.uint64).copy()


def hash_records(seed: int, number: int, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a hash of seed, number and record id for every record, uint64 of shape (n,). (splitmix64, Steele 2014.)"""
    with np.errstate(over="ignore"):
        mixed = ids ^ np.uint64(derive_seed(seed, number))
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def streams(seed: int, ids: NDArray[np.uint64]) -> list[np.random.Generator]:
    """Return a stream of random numbers for every record, which seed and record id alone decide. (Philox, Salmon et al. 2011.)

    So what is drawn for a record is the same in whatever company and order it stands.
    """
    return [np.random.Generator(np.random.Philox(key=int(key))) for key in hash_records(seed, 0, ids)]
