"""Turned and shifted copies against scipy, and the promises of the attacks that use them."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch
from scipy import ndimage

from attacks.discriminative.augmentation import SHIFTS, augmentation, combined, shifted, turned
from attacks.handles import AttackError, UnsuitableError

GIVEN = ["records", "labels", "shadow_models"]


def pictures(*shape):
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))


def test_shifts_are_those_of_scipy():
    x = pictures(5, 7)
    copies = shifted(x)
    assert torch.equal(copies[:, 0], x)
    for k, shift in enumerate(SHIFTS, start=1):
        expected = np.stack([ndimage.shift(one, shift, order=0, mode="nearest") for one in x.numpy()])
        assert np.array_equal(copies[:, k].numpy(), expected)


@pytest.mark.parametrize("shape", [(8, 8), (6, 9)])
def test_turns_are_those_of_scipy(shape):
    x = pictures(*shape)
    copies = turned(x, 9.0)
    for k, degrees in enumerate((9.0, -9.0)):
        expected = [ndimage.rotate(one, degrees, reshape=False, order=1, mode="nearest") for one in x.numpy()]
        assert copies[:, k].numpy() == pytest.approx(np.stack(expected), abs=1e-5)


def test_channels_move_together_and_a_square_number_of_features_is_a_picture():
    x = pictures(8, 8)
    colours = torch.stack([x, 2 * x], dim=1)
    assert torch.allclose(shifted(colours)[:, :, 1], 2 * shifted(x)) and torch.allclose(
        turned(colours, 5.0)[:, :, 0], turned(x, 5.0)
    )
    assert torch.equal(shifted(x.flatten(1)), shifted(x).flatten(2)) and torch.equal(
        turned(x.flatten(1), 5.0), turned(x, 5.0).flatten(2)
    )


@pytest.mark.parametrize("change", [shifted, lambda x: turned(x, 9.0)])
def test_what_is_no_picture_is_refused(change):
    with pytest.raises(UnsuitableError, match="a record of 127 features is no square picture"):
        change(pictures(127))


def test_a_record_costs_seven_labels_or_its_budget():
    given = fixture.handles(GIVEN, of_pictures=True)
    asked, answer = [], given["labels"]
    given["labels"] = lambda x: asked.append(len(x)) or answer(x)
    augmentation(**given)
    assert sum(asked) == 7 * fixture.RECORDS
    asked.clear()
    combined(**{**given, "shadow_models": given["shadow_models"].first(2)}, queries=100)
    assert fixture.RECORDS < sum(asked) <= 100 * fixture.RECORDS
    with pytest.raises(AttackError, match="queries must be at least 5"):
        combined(**given, queries=4)
