"""Data sets with neighbouring classes made one, for factors: the same records, another number of classes."""

from __future__ import annotations

from attacks.targets.data.records import Data
from attacks.targets.data.tables import rand


def rand_in_two() -> Data:
    """Return RAND health insurance with the ten bands of visits to a doctor made two."""
    return _in_bands(rand(), 2)


def rand_in_five() -> Data:
    """Return RAND health insurance with the ten bands of visits to a doctor made five."""
    return _in_bands(rand(), 5)


def _in_bands(data: Data, count: int) -> Data:
    """Return records whose classes are in an order, with `count` classes of about equally many of the old ones."""
    return Data(f"{data.name} in {count}", data.x, data.y * count // data.classes)
