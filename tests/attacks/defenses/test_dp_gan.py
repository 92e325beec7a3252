"""Noise in a discriminator: what passes it is bounded and noisy, and without noise and bound nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attacks.defenses.dp_gan import Noisy, noisy_discriminator
from attacks.defenses.owner import Trained
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.training import fit
from attacks.models.training import TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
DENSE = GeneratorRecipe("gan", (4, 4), hidden=(8,), latent=2, epochs=2, batch=8, learning_rate=0.01)
DEEP = GeneratorRecipe("dcgan", (8, 8), hidden=(4, 8), latent=2, epochs=2, batch=8, learning_rate=0.01)
RECIPES = [DENSE, DEEP]


def records(recipe):
    x = torch.rand(16, *recipe.shape, generator=torch.Generator().manual_seed(0))
    return TrainingSet(x, torch.zeros(16, dtype=torch.int64), 3)


def defense(**params):
    return Trained("training", "attacks.defenses.dp_gan:noisy_discriminator", params)


def test_what_passes_is_no_longer_than_the_bound_and_as_noisy_as_it_says():
    layer, x = Noisy(2.0, 0.5), torch.randn(5, 300, 10, generator=torch.Generator().manual_seed(0))
    x[0] = 0.001 * x[0]
    short = layer.eval()(x)
    assert short[1:].flatten(1).norm(dim=1).tolist() == pytest.approx([2.0] * 4) and torch.equal(short[0], x[0])
    assert float((layer.train()(x) - short).std()) == pytest.approx(0.5 * 2.0, rel=0.05)


@pytest.mark.parametrize("recipe", RECIPES, ids=["gan", "dcgan"])
def test_without_noise_and_with_room_it_is_the_same_network(recipe, trusted):
    plain, same = fit(recipe, records(recipe)), defense(bound=1e9, noise=0.0).fit(recipe, records(recipe))
    found = same.state_dict()
    assert plain.state_dict().keys() == found.keys()
    assert all(torch.allclose(value.double(), found[name].double(), atol=1e-6) for name, value in plain.state_dict().items())
    noisy = defense(bound=1.0, noise=0.5).fit(recipe, records(recipe)).state_dict()
    assert any(not value.equal(noisy[name]) for name, value in found.items())


@pytest.mark.parametrize("recipe", RECIPES, ids=["gan", "dcgan"])
def test_a_trained_one_answers_without_noise_and_is_had_again_from_its_weights(recipe, trusted):
    by = defense(bound=1.0, noise=0.5)
    network = by.fit(recipe, records(recipe))
    again = by.restored(recipe, network.state_dict())
    x = records(recipe).x
    with torch.no_grad():
        assert network.real(x).equal(network.real(x)) and network.real(x).equal(again.real(x))
        bare = recipe.build()
        bare.load_state_dict(network.state_dict())
        z = torch.randn(3, recipe.latent, generator=torch.Generator().manual_seed(0))
        assert bare.eval().decode(z).equal(network.decode(z)), "who holds the weights generates the same"


@pytest.fixture
def trusted():
    from attacks.engine.code import Code

    return Code()


def test_a_model_without_a_discriminator_is_refused_before_it_is_trained(tmp_path):
    with pytest.raises(AttackError, match="family vae has none"):
        noisy_discriminator(GeneratorRecipe("vae", (4, 4), hidden=(8,), latent=2), records(DENSE), bound=1.0, noise=0.5)
    applied = defended.apply(CATALOG, "dp-gan", {})
    plan = plans.make(CATALOG, CATALOG.target("digits-vae"), None, (), {}, applied)
    with pytest.raises(InputError, match="family vae has none"):
        Engine(CATALOG, Store(tmp_path)).run(plan, 10)
    assert not list(Store(tmp_path).nodes())


@pytest.mark.parametrize(("name", "value"), [("bound", 0), ("noise", -1), ("bound", "nan")])
def test_bad_settings_are_one_sentence(name, value):
    with pytest.raises(InputError, match=rf"dp-gan\.{name} must be"):
        defended.apply(CATALOG, "dp-gan", {name: str(value)})
