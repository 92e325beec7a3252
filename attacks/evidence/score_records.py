"""A few numbers by which two sets of scores are told apart, without keeping the scores."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from attacks.evidence.averages import short

NUMBERS = 8
SIGNIFICANT = 6
# Two neighbours that swap among 400 records move a number by 0.0005 at most; other scores, correlated with 0.9999, by some 0.01.
TOLERANCE = 1e-3


def record(score: NDArray[np.float64]) -> list[float]:
    """Return eight numbers about the ranks of scores, float64 (n,), in the order of the records.

    Each is the sum over records of the rank, from -1 to 1, with a sign that is drawn once for each place, over the root of n: a
    random projection (Johnson and Lindenstrauss 1984), so that another order of the records moves all of them, and little
    changes move them little. Ranks and not scores, since all figures follow from these (and from a cut, which has figures of its
    own), and since scores have no common scale. What differs only behind the sixth significant digit is a tie: last bits differ
    between processors.
    """
    n = len(score)
    ranks = (2 * stats.rankdata(_rounded(score)) - n - 1) / n
    # Bits of an extendable hash: the same on every machine and under every version of a library, however many there are.
    bits = np.frombuffer(hashlib.shake_256(b"signs").digest(n), dtype=np.uint8)
    signs = 2.0 * np.unpackbits(bits).reshape(n, NUMBERS) - 1
    return [short(float(number)) for number in ranks @ signs / np.sqrt(n)]


def alike(first: list[float], second: list[float]) -> bool:
    """Return whether two records are of the same scores, but for a few neighbours that may have changed places."""
    return len(first) == len(second) and all(abs(a - b) <= TOLERANCE for a, b in zip(first, second, strict=True))


def _rounded(score: NDArray[np.float64]) -> NDArray[np.float64]:
    plain = np.isfinite(score) & (score != 0)
    unit = 10.0 ** (np.floor(np.log10(np.abs(score[plain]))) - SIGNIFICANT + 1)
    found = score.astype(np.float64)
    found[plain] = np.rint(score[plain] / unit) * unit
    return found
