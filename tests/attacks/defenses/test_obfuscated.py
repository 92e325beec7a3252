"""Training data that is altered: how much of it, how far, and that nothing else is."""

from __future__ import annotations

import pytest
import torch

from attacks.defenses.obfuscated import altered, obfuscate
from attacks.models.training import Recipe, TrainingSet, fit
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

COUNT, SCALE = 400, torch.tensor([1.0, 10.0, 0.1] * 20)
DATA = TrainingSet(SCALE * torch.randn(COUNT, 60, generator=torch.Generator().manual_seed(0)), torch.arange(COUNT) % 3, 5)
NONE = {"share": 0.0, "features": 0.0, "spread": 1.0, "added": 0.0}


def test_so_many_records_and_features_get_noise_of_each_features_own_size():
    found = altered(DATA, **{**NONE, "share": 0.25, "features": 0.5, "spread": 2.0}, seed=1)
    moved = found.x != DATA.x
    assert int(moved.any(dim=1).sum()) == COUNT // 4
    assert abs(float(moved.double().mean()) * 4 - 0.5) < 0.03
    sizes = torch.where(moved, found.x - DATA.x, torch.nan)
    for column in range(3):
        step = sizes[:, column::3]
        assert float(step[step.isfinite()].std() / SCALE[column]) == pytest.approx(2.0, rel=0.15)
    assert torch.equal(found.y, DATA.y)


def test_artificial_records_are_negatives_with_the_label_of_a_real_one():
    found = altered(DATA, **{**NONE, "added": 0.5, "spread": 0.0}, seed=1)
    assert len(found.x) == len(found.y) == COUNT * 3 // 2 and torch.equal(found.x[:COUNT], DATA.x)
    back = DATA.x.amax(0) + DATA.x.amin(0) - found.x[COUNT:]
    nearest = torch.cdist(back / SCALE, DATA.x / SCALE).min(dim=1)
    assert float(nearest.values.max()) < 0.01
    assert torch.equal(found.y[COUNT:], DATA.y[nearest.indices])


def test_it_repeats_and_without_noise_nothing_changes():
    one, other, another = (altered(DATA, share=1, features=1, spread=1, added=1, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.x, other.x) and not torch.equal(one.x, another.x)
    recipe = Recipe("mlp", (60,), 3, (8,), 2, 64, 0.001)
    plain, same = fit(recipe, DATA).state_dict(), obfuscate(recipe, DATA, **NONE, seed=1).state_dict()
    assert all(torch.equal(plain[name], same[name]) for name in plain)


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"share": "1.5"}, "share must be at least 0 and at most 1"), ({"spread": "-1"}, "spread must be at least 0")],
)
def test_bad_settings_are_one_sentence(setting, message):
    with pytest.raises(InputError, match=message):
        defended.apply(load(), "data-obfuscation", setting)
