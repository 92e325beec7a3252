"""Samples of the target, drawn once and kept."""

from __future__ import annotations

from attacks.handles import Records, SampleOracle, SamplePool


def draw(records: Records, samples: SampleOracle, *, count: int = 20000) -> SamplePool:
    """Draw samples once, for every attack that only compares candidates with samples.

    Chen et al. 2020 draw 20,000 (authors' code); Hilprecht et al. 2019, Section 4.2, a million.
    """
    return SamplePool(samples(count))
