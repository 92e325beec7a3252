"""Which name somebody probably meant: one that a typo or two away is, or one that holds what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Longer names are cut: nobody mistypes more, and files of others may hold any text.
LONGEST = 300
# A part of a name that is shorter than this says too little to recognise the name by.
PART = 4
WORDS = re.compile(r"[^\W_]+")


def mistyped(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that the fewest typos turn into `name`, or None if that takes more than it takes a careless writer.

    Case, spaces and punctuation do not count. A typo is a letter too many, too few or another one, or two that are swapped.
    """
    written = _words(name)
    found = [(typos, one) for one in valid if (typos := _typos(written, _words(one))) is not None]
    return min(found)[1] if found else None


def meant(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that was probably meant: mistyped, or else with words too many or too few at an end."""
    names, written = sorted(valid), _words(name)
    near = mistyped(name, names)
    if near is not None:
        return near
    found = []
    for one in names:
        known = _words(one)
        parted = _in_part(written, known)
        if parted is not None:
            found.append((parted, abs(len("".join(known)) - len("".join(written))), one))
    return min(found)[2] if found else None


def _words(name: str) -> list[str]:
    return WORDS.findall(name[:LONGEST].casefold())


def _typos(written: list[str], known: list[str]) -> int | None:
    """Return how many typos lie between two names, or None if too many for their length."""
    first, second = "".join(written), "".join(known)
    # Digits do not count: names of works and attacks have the year in common, so that half of them would be near any other.
    letters = sum(c.isalpha() for c in max(first, second, key=len))
    most = 0 if min(len(first), len(second)) < 3 else max(1, min(3, letters // 4))
    typos = _edits(first, second, most) if first or second else None
    return typos if typos is not None and typos <= most else None


def _in_part(written: list[str], known: list[str]) -> int | None:
    """Return how many typos lie between one name and the first or last words of the other, or None if it is no part of it."""
    fewer, more = sorted((written, known), key=lambda words: len("".join(words)))
    whole, part = "".join(more), "".join(fewer)
    # What was written may be a small part of a name; a name that is a small part of what was written is there by chance.
    if len(part) < PART or (fewer is known and 2 * len(part) < len(whole)):
        return None
    if whole.startswith(part) or whole.endswith(part):
        return 0
    count = len(fewer)
    found = [_typos(fewer, ends) for ends in (more[:count], more[-count:])] if count < len(more) else []
    return min((typos for typos in found if typos is not None), default=None)


def _edits(first: str, second: str, most: int) -> int | None:
    """Return the number of edits between two texts, swapped neighbours being one; None as soon as it exceeds `most`.

    Optimal string alignment: Damerau 1964, by Wagner and Fischer's table.
    """
    if abs(len(first) - len(second)) > most:
        return None
    # What lies farther from the diagonal than `most` cannot count.
    far = most + 1
    before, row = list[int](), [min(j, far) for j in range(len(second) + 1)]
    for i, a in enumerate(first, 1):
        earlier, before, row = before, row, [far] * (len(second) + 1)
        row[0] = min(i, far)
        for j in range(max(1, i - most), min(len(second), i + most) + 1):
            b = second[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row[j] = min(cost, far)
        if min(row) == far:
            return None
    return row[-1] if row[-1] <= most else None
