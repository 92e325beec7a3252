"""The same records with fewer classes: neighbouring bands made one."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.engine.code import Code
from attacks.targets import data


@pytest.mark.slow
def test_bands_of_visits_are_merged_in_their_order():
    Code()  # which lets data sets be named by path
    whole = data.load("rand")
    for name, count in (("two", 2), ("five", 5)):
        merged = data.load(f"attacks.targets.data.merged:rand_in_{name}")
        assert merged.classes == count and np.array_equal(merged.x, whole.x)
        pairs = set(zip(whole.y.tolist(), merged.y.tolist(), strict=True))
        assert sorted(pairs) == [(band, band * count // 10) for band in range(10)]
