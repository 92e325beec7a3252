"""The generator inside a federation (Hitaj et al. 2017): whom it trains against, and what it sends."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from attacks import metrics
from attacks.federated import class_generator
from attacks.handles import AttackError, FederatedTrainer, Ledger, Records, Seat
from attacks.handles.federation import seen
from attacks.models import federation
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import federated_classes
from attacks.targets.data import Data
from attacks.targets.federated_judges import of_shares, records_of_class
from taxonomy.findings import InputError
from taxonomy.loading import load

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


def test_each_generator_has_a_federation_of_its_own_and_is_the_same_again():
    x, y = torch.randn(12, 5, generator=torch.Generator().manual_seed(2)), torch.arange(12) % 3
    recipe = Federation("fedavg", LINEAR, 3, 4, 0.1)
    records = Records(x, None, np.zeros(12, np.uint64), Ledger())

    def seat():
        parts = [TrainingSet(x[:6], y[:6], 0), TrainingSet(x[6:], y[6:], 0)]
        return Seat(
            "seat", "participant", 3, None, lambda p, ledger: seen(federation.run(recipe, parts, 0, p, 0), 0, 1, ledger), Ledger()
        )

    trainer = FederatedTrainer("trainer", LINEAR, 12, recipe, Ledger())
    first, options = seat(), {"generators": 3, "count": 6, "fakes": 4, "steps": 2, "seed": 8}
    found = class_generator.generated(records, first, trainer, **options)
    assert found.shape == (3, 6, 5) and found.dtype == torch.float32 and first.runs == 3
    assert len({made.numpy().tobytes() for made in found}) == 3
    fewer = class_generator.generated(records, seat(), trainer, **{**options, "generators": 2})
    assert torch.equal(fewer, found[:2]), "what a generator makes does not hang on how many there are"
    assert found.min() >= x.min() and found.max() <= x.max()
    assert found.tolist() == class_generator.generated(records, seat(), trainer, **options).tolist()
    assert found.tolist() != class_generator.generated(records, seat(), trainer, **{**options, "seed": 9}).tolist()
    for label in (-1, 3):
        with pytest.raises(AttackError, match="label is a class from 0 to 2"):
            class_generator.generated(records, seat(), trainer, label=label)
    for wrong in ({"steps": 0}, {"generators": 1}, {"count": 1}, {"fakes": -1}):
        with pytest.raises(AttackError, match="at least"):
            class_generator.generated(records, seat(), trainer, **wrong)
    entry = load().attacks["hitaj-2017"]
    assert entry.cost.models == "generators", "each federation is paid for"


def three_classes():
    """A judge of class 1 of three, far apart, and records of the class."""
    y = torch.arange(90) % 3
    x = 3 * torch.nn.functional.one_hot(y, 3).float() + 0.1 * torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    return records_of_class(x, y, 3, 1, 0), x[y == 1]


def test_the_judge_is_a_classifier_of_another_kind():
    judge, _ = three_classes()
    mixed = torch.tensor([[0.0, 3.0, 0.1], [0.1, 2.9, 0.0], [3.0, 0.0, 0.0], [0.0, 3.1, 0.0]])
    other = torch.tensor([[3.0, 0.0, 0.0]] * 4)
    metric = judge(torch.stack([mixed, other]))
    assert metric.value == 0.375 and metric.details["lowest"] == 0 and metric.details["highest"] == 0.75
    assert (
        judge(torch.stack([mixed, mixed])).details["likeness"] > judge(torch.stack([mixed, mixed])).details["likeness_to_others"]
    )
    assert judge(torch.stack([other, other])).value == 0
    for bad in (torch.zeros(2, 0, 3), torch.zeros(2, 2, 4), torch.zeros(4, 3), torch.zeros(1, 4, 3), torch.zeros(3), None):
        with pytest.raises(AttackError, match="two or more, make two records or more of shape"):
            judge(bad)


def test_a_generator_is_one_observation_however_much_it_makes():
    """One picture made 200 times is no more than one made twice: neither certain, nor at the chance of who deals out classes."""
    judge, real = three_classes()
    picture = torch.tensor([0.0, 3.0, 0.0])
    often, twice = (judge(picture.expand(4, count, 3)) for count in (200, 2))
    assert often.value == 1 and often.ci == twice.ci and often.ci[0] < 0.5 and often.ci[1] == 1
    assert often.details["diversity"] == 0 and often.chance == 0
    assert judge(torch.stack([real, real])).details["diversity"] == pytest.approx(1)
    half = judge(torch.stack([picture.expand(9, 3), -picture.expand(9, 3)] * 5))
    assert half.value == 0.5 and half.ci[0] < 0.2 and half.ci[1] > 0.8, "each other generator fails, so the next one may"


@pytest.mark.parametrize("count", [2, 5, 20])
@pytest.mark.parametrize(
    "shares",
    [
        lambda g, n: g.random(n) < 0.5,
        lambda g, n: g.random(n) < 0.95,
        lambda g, n: g.beta(0.3, 0.1, n),
        lambda g, n: np.where(g.random(n) < 0.8, 1.0, g.random(n)),
        lambda g, n: g.beta(20, 5, n),
    ],
    ids=["a fair coin", "a coin that seldom fails", "wholly or hardly", "all, or anything", "much alike"],
)
def test_the_interval_of_shares_holds_their_mean(shares, count):
    """In 2,000 draws at least as often as it says; 0.935 is three standard errors of the simulation below 0.95."""
    generator = np.random.default_rng(count)
    mean = shares(generator, 200_000).mean()
    intervals = [of_shares(np.asarray(shares(generator, count), dtype=np.float64)) for _ in range(2000)]
    assert np.mean([low <= mean <= high for low, high in intervals]) > 0.935


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
    per_class = [np.bincount(target.label[side], minlength=6).tolist() for side in (target.member, ~target.member)]
    assert per_class == [[10 if held else 0, 10, 10, 0, 0, 0]] * 2, "a class tells nothing about membership"
    assert "reconstruction" in target.judges
    renamed = [set(made.y[data.y == k]) for k in range(6)]
    assert sorted(renamed, key=min) == [{k} for k in range(6)], "a class is renamed, not split"
    with pytest.raises(InputError, match="too few records"):
        federated_classes.build(**{**options, "per_class": 60})


def test_digits_stand_on_one_scale():
    found = federated_classes.pictures("digits")
    assert found.x.min() == -1 and found.x.max() == 1 and found.x.shape == (1797, 64)
    assert len(np.unique(found.x)) == 17, "sixteen shades of grey and white"


class DealtError(Exception):
    """Carries out what a target deals out, before anything is trained."""


@pytest.mark.parametrize("name", ["digits-federated-classes", "digits-federated-classes-null"])
def test_who_never_sees_the_model_cannot_tell_members(name, monkeypatch):
    """A forest on picture and class, cross-validated, is at chance: AUC over three seeds, 1/2 within the 99.9 % interval."""
    areas, variances = [], []

    def deal(data, held, rows, recipe, **where):
        raise DealtError(held, rows)

    monkeypatch.setattr(federated_classes.federated, "trained", deal)
    for seed in range(10, 13):
        with pytest.raises(DealtError) as found:
            federated_classes.build(**load().targets[name].params, seed=seed)
        held, rows = found.value.args
        features = np.hstack([held.x[rows.candidates], np.eye(held.classes)[held.y[rows.candidates]]])
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=0)
        score = cross_val_predict(forest, features, rows.is_member, cv=folds, method="predict_proba")[:, 1]
        areas.append(metrics.auc(score, rows.is_member))
        variances.append(metrics.auc_variance(score, rows.is_member))
    assert abs(np.mean(areas) - 0.5) <= 3.2905 * np.sqrt(np.sum(variances)) / len(areas)


@pytest.mark.slow
def test_the_class_must_have_been_in_the_federation(measured):
    """Over all generators of three seeds the class is recognised oftener than on the control, where nobody has it.

    The intervals are over generators and lie apart; seed by seed, what is made up looks more like the class.
    """
    generators = load().attacks["hitaj-2017"].params["generators"]
    with_class, without = (
        [measured(target, seed)["hitaj-2017"]["metric"] for seed in range(3)]
        for target in ("digits-federated-classes", "digits-federated-classes-null")
    )
    here, there = (of_shares(np.repeat([m["value"] for m in found], generators)) for found in (with_class, without))
    assert here[0] > there[1]
    for one, other in zip(with_class, without, strict=True):
        assert one["details"]["likeness"] > other["details"]["likeness"]
