"""The generator inside a federation (Hitaj et al. 2017): whom it trains against, and what it sends."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch

from attacks import federation
from attacks.federated import class_generator
from attacks.federation import Federation
from attacks.handles import AttackError, FederatedTrainer, Ledger, Records, Seat
from attacks.handles.federation import seen
from attacks.targets import federated_classes
from attacks.targets.data import Data
from attacks.targets.federated_judges import records_of_class
from attacks.training import Recipe, TrainingSet
from taxonomy.findings import InputError

LINEAR = Recipe("mlp", (5,), 4)


def policy(recipe, fakes=6, steps=0, label=1):
    torch.manual_seed(3)
    generator = class_generator._Generator(recipe.model.shape, 2, 8, -1.0, 1.0)
    return class_generator._Fakes(recipe, generator, label, fakes, steps, 0.01, 0)


@pytest.mark.parametrize("algorithm", ["fedavg", "fedsgd"])
def test_fakes_are_uploaded_as_the_last_class(algorithm, monkeypatch):
    """A step of softmax regression on the fakes, from the honest weights, by the textbook's formula."""
    honest, received = LINEAR.build().state_dict(), LINEAR.build().state_dict()
    made = policy(Federation(algorithm, LINEAR, 1, 6, 0.1, local_epochs=1))
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(made, "sample", lambda count: x[:count])
    found = made.upload(0, received, honest)
    w = {name: value.double().numpy() for name, value in honest.items()}
    records = x.double().numpy()
    p = np.exp(records @ w["1.weight"].T + w["1.bias"])
    error = p / p.sum(1, keepdims=True) - np.eye(4)[[3] * 6]
    assert found["1.weight"].numpy() == pytest.approx(w["1.weight"] - 0.1 * error.T @ records / 6, abs=1e-6)
    assert found["1.bias"].numpy() == pytest.approx(w["1.bias"] - 0.1 * error.mean(0), abs=1e-6)


def test_who_only_looks_on_uploads_honestly():
    honest, received = LINEAR.build().state_dict(), LINEAR.build().state_dict()
    found = policy(Federation("fedavg", LINEAR, 1, 6, 0.1), fakes=0).upload(0, received, honest)
    assert all(torch.equal(found[name], honest[name]) for name in honest)


def test_the_generator_learns_what_the_received_model_calls_the_class():
    torch.manual_seed(1)
    honest, received = LINEAR.build().state_dict(), LINEAR.build().state_dict()
    made = policy(Federation("fedavg", LINEAR, 1, 6, 0.1), fakes=0, steps=100)

    def called(weights):
        x = made.sample(200)
        assert x.shape == (200, 5) and x.min() >= -1 and x.max() <= 1
        return torch.softmax(x @ weights["1.weight"].T + weights["1.bias"], 1)[:, 1].mean()

    before = called(received)
    made.upload(0, received, honest)
    assert called(received) > before + 0.2


def test_it_runs_the_federation_once_and_is_the_same_again():
    x, y = torch.randn(12, 5, generator=torch.Generator().manual_seed(2)), torch.arange(12) % 3
    recipe = Federation("fedavg", LINEAR, 3, 4, 0.1)
    records = Records(x, None, np.zeros(12, np.uint64), Ledger())

    def seat():
        parts = [TrainingSet(x[:6], y[:6], 0), TrainingSet(x[6:], y[6:], 0)]
        return Seat(
            "seat", "participant", 3, None, lambda p, ledger: seen(federation.run(recipe, parts, 0, p, 0), 0, 1, ledger), Ledger()
        )

    trainer = FederatedTrainer("trainer", LINEAR, 12, recipe, Ledger())
    first, options = seat(), {"count": 5, "fakes": 4, "steps": 2, "seed": 8}
    found = class_generator.generated(records, first, trainer, **options)
    assert found.shape == (5, 5) and found.dtype == torch.float32 and first.runs == 1
    assert found.min() >= x.min() and found.max() <= x.max()
    assert found.tolist() == class_generator.generated(records, seat(), trainer, **options).tolist()
    assert found.tolist() != class_generator.generated(records, seat(), trainer, **{**options, "seed": 9}).tolist()
    for label in (-1, 3):
        with pytest.raises(AttackError, match="label is a class from 0 to 2"):
            class_generator.generated(records, seat(), trainer, label=label)
    with pytest.raises(AttackError, match="at least"):
        class_generator.generated(records, seat(), trainer, steps=0)


def test_the_judge_is_a_classifier_of_another_kind():
    y = torch.arange(90) % 3
    x = 3 * torch.nn.functional.one_hot(y, 3).float() + 0.1 * torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    judge = records_of_class(x, y, 3, 1, 0)
    metric = judge(torch.tensor([[0.0, 3.0, 0.1], [0.1, 2.9, 0.0], [3.0, 0.0, 0.0], [0.0, 3.1, 0.0]]))
    assert metric.value == 0.75 and metric.chance == pytest.approx(1 / 3)
    assert metric.details["likeness"] > metric.details["likeness_to_others"]
    assert judge(torch.tensor([[3.0, 0.0, 0.0]])).value == 0
    for bad in (torch.zeros(0, 3), torch.zeros(2, 4), torch.zeros(3), None):
        with pytest.raises(AttackError, match="makes records of shape"):
            judge(bad)


@pytest.mark.parametrize("held", [True, False])
def test_only_the_victim_has_the_class(monkeypatch, held):
    """Classes are dealt out disjointly; in the control nobody has records of class 0, and the victim has as many as before."""
    x = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    made = Data("points", x, np.arange(600) % 6)
    monkeypatch.setattr(federated_classes, "datasets", types.SimpleNamespace(load=lambda name: made))
    dealt, honest = [], federated_classes.federated.trained

    def watched(name, data, rows, recipe, **where):
        dealt.append((data, rows, recipe))
        return honest(name, data, rows, recipe, **where)

    monkeypatch.setattr(federated_classes.federated, "trained", watched)
    options = {"data": "points", "per_class": 10, "hidden": [4], "rounds": 2, "batch": 5, "learning_rate": 0.1}
    target = federated_classes.build(**options, wanted_held=held, seed=1)
    ((data, rows, recipe),) = dealt
    own, victim = (data.y[part] for part in rows.participants)
    assert set(own) == {3, 4, 5} and set(victim) == ({0, 1, 2} if held else {1, 2}) and len(victim) == len(own) == 30
    assert recipe.model.classes == 7 and data.x.min() == -1 and data.x.max() == 1
    taken = np.concatenate([*rows.participants, rows.pool, rows.candidates[~rows.is_member]])
    assert len(np.unique(taken)) == len(taken)
    assert target.member.sum() == (30 if held else 20), "the truth is what was trained on"
    assert "reconstruction" in target.judges
    renamed = [set(made.y[data.y == k]) for k in range(6)]
    assert sorted(renamed, key=min) == [{k} for k in range(6)], "a class is renamed, not split"
    with pytest.raises(InputError, match="too few records"):
        federated_classes.build(**{**options, "per_class": 60})


def test_digits_stand_on_one_scale():
    found = federated_classes.pictures("digits")
    assert found.x.min() == -1 and found.x.max() == 1 and found.x.shape == (1797, 64)
    assert len(np.unique(found.x)) == 17, "sixteen shades of grey and white"


@pytest.mark.slow
def test_the_class_must_have_been_in_the_federation(measured):
    """Seed by seed, what is made up looks more like the class than where nobody has it, and is far oftener taken for it."""
    with_class, without = (
        [measured(target, seed)["hitaj-2017"]["metric"] for seed in range(3)]
        for target in ("digits-federated-classes", "digits-federated-classes-null")
    )
    assert np.mean([m["value"] for m in with_class]) > np.mean([m["value"] for m in without]) + 0.5
    for here, there in zip(with_class, without, strict=True):
        assert here["details"]["likeness"] > there["details"]["likeness"]
