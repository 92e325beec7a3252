"""Families of inclusion-minimal sets, as bit masks: all of them within a budget of work, the smallest few beyond it.

Work is counted and never timed, so that an answer is the same on every machine, and in the browser, where
site/assets/minimal-sets.js counts alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

# One unit is one comparison of two sets, some tens of nanoseconds. It is enough for some 700 sets of one attack.
WORK = 500_000
# Making a set costs about as much as so many comparisons.
MAKE = 10
# How many sets are kept at each place where all of them would be too many.
FEW = 16


class OutOfWorkError(Exception):
    """A search has spent its work."""


class Search:
    """One search: the work that is left to it, how many sets it keeps at each place, and whether it left any out."""

    def __init__(self, keep: int | None = None):
        self.left = WORK
        self.keep = keep
        self.dropped = False

    def spend(self, amount: int) -> None:
        """Take some work; raise OutOfWorkError if less is left."""
        self.left -= amount
        if self.left < 0:
            raise OutOfWorkError

    def minimal(self, masks: Iterable[int]) -> list[int]:
        """Return the masks that contain no other mask, smallest first."""
        kept: list[int] = []
        for mask in by_size(masks):
            self.spend(len(kept) + 1)
            if any(other & mask == other for other in kept):
                continue
            if len(kept) == self.keep:
                self.dropped = True
                break
            kept.append(mask)
        return kept

    def unions(self, first: list[int], second: list[int]) -> list[int]:
        """Return the minimal unions of a set of one family with a set of another."""
        self.spend(MAKE * len(first) * len(second))
        return self.minimal(a | b for a in first for b in second)


def searched(attempt: Callable[[Search], list[int]]) -> tuple[list[int], bool]:
    """Return what an attempt finds, and whether it is cut short: first with every set, and if that is too much work with few.

    What is found by an attempt that was cut short need not be minimal; nothing is found if even that was too much work.
    """
    for search in (Search(), Search(FEW)):
        try:
            return attempt(search), search.dropped
        except OutOfWorkError:
            continue
    return [], True


def shrunk(masks: Iterable[int], price: int, holds: Callable[[int], bool]) -> list[int]:
    """Return a minimal subset of each set for which a monotone condition still holds, smallest first.

    One check of the condition costs `price`; sets for which no work is left are dropped.
    """
    found, left = set[int](), WORK
    for mask in masks:
        left -= price * mask.bit_count()
        if left < 0:
            break
        for bit in bits(mask):
            if holds(mask & ~bit):
                mask &= ~bit
        found.add(mask)
    return by_size(found)


def hitting_sets(environments: Iterable[int]) -> tuple[list[int], bool]:
    """Return all minimal sets that share a bit with each environment (Berge's algorithm), and whether the list is cut short.

    There is none if no environment is given, or if one of them is empty.
    """
    ordered = by_size(environments)
    if not ordered or ordered[0] == 0:
        return [], False

    def attempt(search: Search) -> list[int]:
        sets = [0]
        for environment in ordered:
            members = list(bits(environment))
            missed = [mask for mask in sets if not mask & environment]
            search.spend(MAKE * len(missed) * len(members))
            grown = [mask | bit for mask in missed for bit in members]
            sets = search.minimal([mask for mask in sets if mask & environment] + grown)
        return sets

    sets, truncated = searched(attempt)
    if truncated:
        every = 0
        for environment in ordered:
            every |= environment
        sets = shrunk(sets or [every], len(ordered), lambda mask: all(mask & environment for environment in ordered))
    return sets, truncated


def by_size(masks: Iterable[int]) -> list[int]:
    """Return masks without repetition, those with the fewest bits first."""
    return sorted(set(masks), key=lambda mask: (mask.bit_count(), mask))


def bits(mask: int) -> Iterator[int]:
    """Yield the bits of a mask, lowest first."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit
