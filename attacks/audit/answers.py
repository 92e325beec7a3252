"""What a model answers, as log-probabilities of named classes: scale, sums and rounding are looked at once, where they enter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError

# Decimal places that rounding is looked for, and steps of 1/n that ensembles of n answer in.
DIGITS, MOST_VOTERS = 6, 2_000
# Rounding is looked for on so many records.
FEW = 20_000
# However coarse the rounding, probabilities never add up to 0.9.
MOST_OFF = 0.0999
# Probabilities that float32 worked out add up to 1 within this.
SLACK = 1e-4
# Where float32 adds up to 1 what is left is 0, it may lie so far below.
BELOW = 1e-6
PROBABILITIES, LOGARITHMS, LOGITS = SCALES = ("probabilities", "log-probabilities", "logits")

Floats = NDArray[np.float64]


def floats(found: Any, count: int, columns: int | None, who: str) -> Floats:
    """Return answers as float64 (count, columns); raise InputError for another form, not-a-number or infinity."""
    try:
        array = np.asarray(found.detach().cpu().numpy() if hasattr(found, "detach") else found)
    except Exception as error:
        raise InputError(f"{who} answers with a {type(found).__name__}, which is no array of numbers ({error})") from error
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"{who} answers with {array.dtype}, where scores are numbers; does it answer labels (`answers: labels`)?"
        )
    if array.ndim != 2 or len(array) != count:
        raise InputError(
            f"{who} answers {count:,} records with an array of shape {array.shape}; scores are of shape ({count}, classes)"
        )
    if array.shape[1] == 1:
        raise InputError(f"{who} answers with one column; give one for each class: [1 - p, p] where there are two")
    if columns is not None and array.shape[1] != columns:
        raise InputError(f"{who} answers with {array.shape[1]} columns, and there are {columns} classes")
    exact = array.astype(np.float64)
    if (bad := np.isnan(exact)).any():
        rows = np.flatnonzero(bad.any(axis=1))
        raise InputError(
            f"{who} answers not-a-number for {len(rows):,} of {count:,} records, the first of them record {rows[0] + 1}"
        )
    return exact


def log_probs(found: Floats, scale: str, who: str) -> Floats:
    """Return answers float64 (n, classes) of a stated scale as log-probabilities, to the bit as they are where they are some.

    Raises InputError, with the first record concerned, for answers that are not what their scale says.
    """
    if not len(found):
        return found
    if scale == LOGITS:
        return _of_logits(found, who)
    if scale == LOGARITHMS:
        if (row := _first(found > SLACK)) is not None:
            looks = " and look like probabilities" if _are_probabilities(found) else ""
            raise InputError(f"{who}: record {row + 1} has a log-probability above 0{looks}; say `scale:` as it is")
        _check_sums(np.exp(found), found.shape[1], who, "log-probabilities")
        return found
    if (row := _first((found < -BELOW) | (found > 1 + SLACK))) is not None:
        value = found[row][np.argmax(np.abs(found[row] - 0.5))]
        looks = "log-probabilities" if found.max() <= 0 else "logits"
        raise InputError(
            f"{who}: record {row + 1} has {value:.6g}, which is no probability; these look like {looks} (`scale: {looks}`)"
        )
    _check_sums(found, found.shape[1], who, "probabilities")
    with np.errstate(divide="ignore"):
        return np.log(np.clip(found, 0.0, None))


def _of_logits(found: Floats, who: str) -> Floats:
    if np.isposinf(found).any():
        raise InputError(f"{who} answers with infinity")
    if _are_probabilities(found):
        raise InputError(f"{who}: the answers add up to 1 and look like probabilities, not logits (`scale: probabilities`)")
    if found.max() <= 0 and np.abs(np.exp(found).sum(axis=1) - 1).max() <= SLACK:
        return found  # log-probabilities are logits too, and need no second rounding
    shifted = found - found.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _are_probabilities(found: Floats) -> bool:
    return bool(found.min() >= 0 and found.max() <= 1 and np.abs(found.sum(axis=1) - 1).max() <= SLACK)


def _check_sums(probabilities: Floats, classes: int, who: str, what: str) -> None:
    """Raise InputError for probabilities that add up to something else than rounding makes of 1."""
    sums = probabilities.sum(axis=1)
    far = np.abs(sums - 1)
    if far.max() <= SLACK:
        return
    allowed = max(SLACK, classes * step(probabilities) / 2)
    if (row := _first((far > min(allowed, MOST_OFF))[:, None])) is not None:
        raise InputError(
            f"{who}: the {what} of record {row + 1} add up to {sums[row]:.4g} in place of 1, more than rounding explains; "
            "are columns missing?"
        )


def step(probabilities: Floats) -> float:
    """Return the step between two probabilities of answers that are rounded, or are votes of an ensemble; 0 if there is none.

    It is a power of ten or 1/n for whole n. Answers of which some are exactly 0 have the step at which their type ends.
    """
    if not probabilities.size:
        return 0.0
    some = probabilities if len(probabilities) <= FEW else probabilities[:: len(probabilities) // FEW + 1]
    decimal = next((10.0**-digits for digits in range(1, DIGITS + 1) if _are_multiples(some, 10**digits)), 0.0)
    positive = some[some > 0]
    fewest = max(2, math.floor(1 / positive.min())) if positive.size else 2
    votes = next((1 / voters for voters in range(fewest, MOST_VOTERS + 1) if _are_multiples(some, voters)), 0.0)
    return max(decimal, votes)


def _are_multiples(values: Floats, parts: int) -> bool:
    """Whether all values are multiples of 1/parts, as far as float32 can tell."""

    def fits(some: Floats) -> bool:
        # Relative, so that a probability of 1e-9 is not taken for a rounded 0.
        return bool((np.abs(some - np.round(some * parts) / parts) <= some * 2.0**-23).all())

    return fits(values[:16]) and fits(values)


def resolution(log_probabilities: Floats) -> float:
    """Return the step at which answers end: that of rounding, else, where some probabilities are 0, that of their type."""
    if not log_probabilities.size:
        return 0.0
    probabilities = np.exp(log_probabilities)
    found = step(probabilities)
    if found or not np.isneginf(log_probabilities).any():
        return found
    positive = probabilities[probabilities > 0]
    return float(min(positive.min(), 2.0**-24))


def _first(wrong: NDArray[np.bool_]) -> int | None:
    rows = np.flatnonzero(wrong.any(axis=1))
    return int(rows[0]) if rows.size else None
