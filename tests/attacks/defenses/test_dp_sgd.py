"""DP-SGD: Opacus and our exact accountant agree, the noise is what epsilon takes, and the epsilon stands in the results."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from attacks.defenses.dp_sgd import dp_sgd
from attacks.defenses.noise_for_epsilon import closeness, epsilon_of, integrated_epsilon, noise_for
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.metrics.epsilon import gaussian_epsilon
from attacks.models import noisy_descent, training
from attacks.models.training import Recipe, TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

opacus = pytest.importorskip("opacus")

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
RECIPE = Recipe("mlp", (5,), 3, hidden=(4,), epochs=2, batch=16, learning_rate=0.01)
DELTA = 1e-5


def records(count=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 5, generator=generator)
    return TrainingSet(x, x[:, :3].argmax(dim=1), seed)


def applied(**settings):
    return defended.apply(CATALOG, "dp-sgd", {name: str(value) for name, value in settings.items()})


def run(store, defense, attacks=("yeom-2018-loss",), target="tiny", settings=None):
    plan = plans.make(CATALOG, CATALOG.target(target), None, list(attacks), settings or {}, defense)
    outcome = Engine(CATALOG, Store(store)).run(plan, 10)
    assert not outcome.failures, outcome.failures
    return outcome


@pytest.mark.parametrize(("noise", "steps"), [(16.7, 20), (5.0, 20), (1.0, 1), (2.0, 4), (100.0, 20)])
def test_opacus_and_our_exact_accountant_agree_where_every_record_is_in_every_step(noise, steps):
    """Opacus integrates numerically and adds its error, 0.01, so that its epsilon is a bound."""
    exact, bound = gaussian_epsilon(noise, steps, DELTA), integrated_epsilon(noise, 1.0, steps, DELTA)
    assert exact <= bound <= exact + 0.0205
    assert integrated_epsilon(noise, 1.0, steps, DELTA, 0.002) <= exact + 0.0045
    assert epsilon_of(noise, 1.0, steps, DELTA) == exact


def test_opacus_and_our_descent_take_the_same_step_without_noise():
    """Clipped gradients, their sum, the division: on all records, with plain descent."""
    data = records(8)
    torch.manual_seed(3)
    ours = RECIPE.build()
    theirs = RECIPE.build()
    theirs.load_state_dict(ours.state_dict())
    noisy_descent.descend(ours, data.x, data.y, steps=3, divisor=8, learning_rate=0.5, clip=0.3, noise=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module, optimizer, batches = opacus.PrivacyEngine().make_private(
            module=theirs,
            optimizer=torch.optim.SGD(theirs.parameters(), lr=0.5),
            data_loader=DataLoader(TensorDataset(data.x, data.y), batch_size=8),
            noise_multiplier=0.0,
            max_grad_norm=0.3,
        )
        for _ in range(3):
            for x, y in batches:
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(x), y).backward()
                optimizer.step()
    for name, weight in ours.state_dict().items():
        assert torch.allclose(weight, theirs.state_dict()[name], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(1.0, 1.0, 20), (0.1, 1.0, 60), (4.0, 0.25, 20), (0.5, 0.25, 20)])
def test_the_noise_is_the_least_that_epsilon_takes(epsilon, rate, steps):
    noise, reached = noise_for(epsilon, DELTA, rate, steps)
    assert reached <= epsilon
    assert epsilon_of(noise * 0.98, rate, steps, DELTA, closeness(epsilon)) > epsilon
    if rate < 1:
        assert noise < noise_for(epsilon, DELTA, 1.0, steps)[0], "who draws records needs less noise"


def test_a_budget_that_no_noise_meets_is_one_sentence():
    with pytest.raises(AttackError, match="no noise makes 40 steps"):
        noise_for(1e-9, 1e-30, 1.0, 40)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [32, 64])
def test_a_network_tells_what_it_was_trained_by(batch):
    found = [dp_sgd(replace(RECIPE, batch=batch), records(), epsilon=2.0, delta=DELTA, clip=1.0).facts]
    rate = batch / 64
    noise, reached = noise_for(2.0, DELTA, rate, round(2 / rate))
    facts = {"epsilon": reached, "delta": DELTA, "noise": noise, "sampling_rate": rate, "steps": round(2 / rate)}
    assert found == [facts]


@pytest.mark.slow
def test_records_are_drawn_one_by_one_and_noise_follows_from_the_seed():
    def weights(seed, epsilon):
        torch.manual_seed(seed)
        network = dp_sgd(RECIPE, records(), epsilon=epsilon, delta=DELTA, clip=1.0)
        return nn.utils.parameters_to_vector(network.parameters()).detach()

    assert weights(1, 2.0).equal(weights(1, 2.0)) and not weights(1, 2.0).equal(weights(2, 2.0))


def test_a_target_that_descends_on_all_records_gets_the_noise_of_the_exact_epsilon():
    recipe = Recipe("mlp", (5,), 3, epochs=4, batch=32, learning_rate=1.0, clip=1.0)
    data = records()
    with torch.random.fork_rng():
        torch.manual_seed(data.seed)
        found = dp_sgd(recipe, data, epsilon=1.0, delta=DELTA, clip=1.0)
    noise = found.facts["noise"]
    same = training.fit(replace(recipe, noise=noise), data)
    assert all(value.equal(same.state_dict()[name]) for name, value in found.state_dict().items())
    assert found.facts["epsilon"] == gaussian_epsilon(noise, 4, DELTA) == pytest.approx(1.0, rel=0.02)
    with pytest.raises(AttackError, match="already"):
        dp_sgd(replace(recipe, noise=1.0), data, epsilon=1.0, delta=DELTA, clip=1.0)


@pytest.mark.slow
def test_the_epsilon_stands_in_the_results_and_more_of_it_means_less_noise(tmp_path):
    accuracy = {}
    for epsilon in (1.0, 30.0):
        outcome = run(tmp_path, applied(epsilon=epsilon))
        facts = outcome.as_json()["defense"]["facts"]
        assert 0.9 * epsilon < facts["epsilon"] <= epsilon and facts["delta"] == DELTA
        accuracy[epsilon] = outcome.defense.utility["test_accuracy"]["defended"]
    assert accuracy[1.0] < accuracy[30.0]
    assert run(tmp_path, applied(epsilon=30.0)).defense.facts == facts, "from the store too"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epsilon": 0}, "epsilon must be at least 0.01"),
        ({"epsilon": 0.001}, "epsilon must be at least 0.01"),
        ({"epsilon": -1}, "epsilon must be at least 0.01"),
        ({"epsilon": "nan"}, "epsilon must be a finite number"),
        ({"epsilon": "inf"}, "epsilon must be a finite number"),
        ({"delta": 0}, "delta must be at least 1e-12"),
        ({"delta": 1}, "delta must be at least 1e-12 and at most"),
        ({"clip": 0}, "clip must be at least 1e-06"),
        ({"noise": 1}, "no parameter 'noise'"),
    ],
)
def test_bad_settings_are_one_sentence(settings, said):
    with pytest.raises(InputError, match=said):
        applied(**settings)


def test_targets_that_do_not_learn_so(tmp_path):
    for target, said in (("genomes-random-forest", "not differentiable"), ("digits-vae", "not discriminative")):
        with pytest.raises(InputError, match=said):
            run(tmp_path, applied(), target=target)
    assert not list(Store(tmp_path).nodes())


def test_without_opacus_it_is_one_sentence_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(InputError, match=r"Opacus: pip install 'mia-atlas\[dp\]'"):
        run(tmp_path, applied())
    assert not list(Store(tmp_path).nodes())


def test_a_network_that_mixes_records_is_refused(monkeypatch):
    class Normalising(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))

    monkeypatch.setattr(Recipe, "build", lambda recipe: Normalising())
    with pytest.raises(AttackError, match=r"Opacus cannot train this network.*BatchNorm"):
        dp_sgd(RECIPE, records(), epsilon=1.0, delta=DELTA, clip=1.0)
