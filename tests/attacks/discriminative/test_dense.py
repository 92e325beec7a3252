"""Models that label every pixel: their answers, the composed scenes, and the formulas of the attacks on them."""

from __future__ import annotations

import dense_fixture
import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import dense
from attacks.handles import AttackError, ShadowData
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from attacks.steps.shadow_models_dense import guessed_unet
from attacks.targets import segmentation


def test_a_unet_answers_for_every_pixel_classes_last():
    recipe = Recipe("unet", (8, 8), 3, hidden=(4, 8), epochs=60, batch=4, learning_rate=0.01)
    x = torch.rand(6, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x > 0.5).long() + (x > 0.8).long()
    model = training.Model(recipe, training.fit(recipe, TrainingSet(x, y, seed=1)), "x")
    answers = model.log_probs(x)
    assert answers.dtype == torch.float64 and answers.shape == (6, 8, 8, 3)
    assert answers.exp().sum(-1).numpy() == pytest.approx(1)
    assert (answers.argmax(-1) == y).double().mean() > 0.9
    assert model.log_probs(x[:0]).shape == (0, 8, 8, 3)


def test_pictures_that_cannot_be_halved():
    with pytest.raises(ValueError, match="3 levels cannot halve"):
        Recipe("unet", (10, 10), 3, hidden=(4, 8, 16)).build()


def test_mean_loss_is_the_mean_over_pixels():
    given = dense_fixture.handles(["records", "masks"])
    answers, label = given["masks"](given["records"].x).numpy(), dense_fixture.label().numpy()
    expected = [
        np.mean([answers[i, r, c, label[i, r, c]] for r in range(dense_fixture.SIDE) for c in range(dense_fixture.SIDE)])
        for i in range(fixture.RECORDS)
    ]
    assert dense.mean_loss(**given).tolist() == pytest.approx(expected)


def test_what_the_attack_network_sees():
    answers, label = dense_fixture.answers(fixture.member(), 100), dense_fixture.label()
    maps = dense._loss_map(answers, label)
    assert maps.shape == (24, 1, 8, 8) and maps[3, 0, 2, 5] == pytest.approx(-float(answers[3, 2, 5, label[3, 2, 5]]))
    both = dense._scores_and_label(answers, label)
    assert both.shape == (24, 6, 8, 8) and both[:, :3].sum(1).numpy() == pytest.approx(1)
    assert torch.equal(both[:, 3:].argmax(1), label)
    answers[0, 0, 0] = torch.tensor([0.0, -1000.0, -1000.0])
    label[0, 0, 0] = 1
    assert dense._loss_map(answers, label)[0, 0, 0, 0] == pytest.approx(-np.log(1e-30)), "cut off as in the authors' code"


def test_patches_are_windows_of_their_own_picture():
    maps = torch.arange(5 * 2 * 8 * 10.0).reshape(5, 2, 8, 10)
    place = torch.rand(5, 2, generator=torch.Generator().manual_seed(0))
    place[:2] = torch.tensor([[0.0, 0.0], [0.999, 0.999]])
    assert torch.equal(dense._cut(maps, 1.0, place), maps)
    patches = dense._cut(maps, 0.5, place)
    assert torch.equal(patches[0], maps[0, :, :4, :5]) and torch.equal(patches[1], maps[1, :, 4:, 5:])
    assert patches.shape == (5, 2, 4, 5)
    assert (patches.diff(dim=-1) == 1).all() and (patches.diff(dim=-2) == 10).all()
    assert (patches[:, 1] - patches[:, 0] == 80).all() and (patches[:, 0] // 160 == torch.arange(5.0)[:, None, None]).all()


def test_bad_settings_are_one_sentence():
    given = dense_fixture.handles(["records", "masks", "shadow_models"])
    for bad in ({"patches": 0}, {"patch": 1.5}, {"epochs": 0}):
        with pytest.raises(AttackError, match="patch is a share"):
            dense.structured_loss_map(**given, **bad)
    flat = ShadowData(torch.rand(4, 8, 8), torch.zeros(4, dtype=torch.long), np.arange(4, dtype=np.uint64))
    with pytest.raises(AttackError, match="label for every pixel"):
        guessed_unet(given["records"], given["masks"], flat)


@pytest.mark.slow
def test_no_garment_is_in_two_scenes():
    x, label = segmentation.scenes(60, garments=1, seed=3)
    assert x.shape == label.shape == (60, 28, 28) and x.dtype == np.float32 and label.dtype == np.int64
    assert x.min() >= 0 and x.max() <= 1 and set(np.unique(label)) <= set(range(11))
    assert ((x > 0) == (label > 0)).all(), "what is not labelled is black"
    garments = {picture[picture > 0].tobytes() for picture in x}
    assert len(garments) == 60
    assert np.array_equal(segmentation.scenes(60, garments=1, seed=3)[0], x)
