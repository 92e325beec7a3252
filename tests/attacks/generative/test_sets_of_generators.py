"""Dataset inference on language and diffusion models: golden values, and that the order of records changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import generative_fixture
import language_fixture
import numpy as np
import pytest
import sets_fixture
import torch

from attacks.generative import denoising, likelihood
from attacks.handles import DenoiserAccess, Ledger, NextSymbolOracle, NoisePredictor


def of_texts() -> dict:
    """Sentences with numbers, of which the model knows the members by heart."""
    numbers = np.random.default_rng(802).permutation(language_fixture.FORMAT.size)[: 2 * sets_fixture.COUNT]
    x = language_fixture.FORMAT.records(numbers)
    first, second = x.split(sets_fixture.COUNT)
    model = language_fixture.Counting(first[torch.from_numpy(sets_fixture.member())], 803)
    return {
        **sets_fixture.handles(first, second),
        "next_symbol": NextSymbolOracle("next_symbol", model.scores, Ledger()),
    }


def of_points() -> dict:
    """Points beside a line: the farther off it a record is, the more the model errs; members are nearer."""
    height = np.random.default_rng(804).uniform(0.5, 1.5, size=(2, sets_fixture.COUNT))
    height[0] *= np.where(sets_fixture.member(), 0.6, 1.0)
    place = np.arange(2 * sets_fixture.COUNT).reshape(2, -1) % 24
    x = torch.from_numpy(np.stack([place, height], axis=-1)).float()
    ledger, kept = Ledger(), generative_fixture.KEPT
    return {
        **sets_fixture.handles(x[0], x[1]),
        "predicted_noise": NoisePredictor("predicted_noise", kept, generative_fixture.noise, ledger),
        "denoiser": DenoiserAccess("denoiser", kept, (2,), generative_fixture.noise, ledger),
    }


# The attack, its handles, and its p-values in 70ths: of 8 values that are tested, 4 of either side, there are so many choices.
CASES: dict[str, tuple[Callable[..., torch.Tensor], tuple[str, ...], Callable[[], dict], list[int]]] = {
    "texts": (
        likelihood.of_sets,
        ("records", "next_symbol", "population", "suspect_sets"),
        of_texts,
        [7, 15, 2, 22, 3, 65, 1, 57],
    ),
    "pictures": (
        denoising.of_sets,
        ("records", "predicted_noise", "population", "suspect_sets"),
        of_points,
        [1, 42, 2, 42, 9, 29, 7, 43],
    ),
    "pictures by gradients": (
        denoising.of_sets_by_gradients,
        ("records", "denoiser", "predicted_noise", "population", "suspect_sets"),
        of_points,
        [1, 54, 2, 29, 10, 21, 6, 30],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    """The sets with even numbers were trained on; the order of records within a set changes nothing."""
    attack, names, made, golden = CASES[case]
    given = made()
    found = attack(*(given[name] for name in names))
    assert [p * 70 for p in found.tolist()] == pytest.approx(golden)
    other = sets_fixture.of_order(given, np.random.default_rng(9).permutation(sets_fixture.SIZE))
    assert attack(*(other[name] for name in names)).tolist() == found.tolist()
