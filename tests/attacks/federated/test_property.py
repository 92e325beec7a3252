"""Properties of batches (Melis et al. 2019): features, simulated updates and both attacks, by formulas written again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from attacks.engine import artifacts
from attacks.federated import property as properties
from attacks.handles import (
    AttackError,
    FederatedTrainer,
    Ledger,
    MarkedRecords,
    OthersUpdates,
    OwnUpdates,
    PropertyUpdates,
    Records,
    Rounds,
    Seat,
)
from attacks.handles.federation import seen
from attacks.models import federation
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.steps import marked_updates
from attacks.steps import property_updates as steps
from attacks.targets.federated_judges import property_of_rounds


def test_features_are_those_of_the_authors_code():
    """Absolute values, biases skipped, kernels and large matrices pooled by their maximum, length 1."""
    generator = np.random.default_rng(3)
    small, large = generator.normal(size=(3, 4)), generator.normal(size=(60, 100))
    kernels, too_many = generator.normal(size=(2, 3, 5, 5)), generator.normal(size=(80, 70, 1, 1))
    update = {"a": kernels, "b": too_many, "c": generator.normal(size=9), "d": large, "e": small}
    expected = np.concatenate([np.abs(kernels).max((2, 3)).ravel(), np.abs(large).max(0), np.abs(small).ravel()])
    found = marked_updates.features({name: torch.from_numpy(value) for name, value in update.items()})
    assert found.tolist() == pytest.approx((expected / np.linalg.norm(expected)).tolist())
    assert marked_updates.features({"e": torch.zeros(2, 2)}).tolist() == [0, 0, 0, 0]


def slope(weights, x, y, classes):
    """The gradient of the mean cross-entropy of a model without hidden layers, by the textbook's formula."""
    logits = x @ weights["1.weight"].T + weights["1.bias"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p -= np.eye(classes)[y]
    return {"1.weight": p.T @ x / len(x), "1.bias": p.mean(0)}


LINEAR = Recipe("mlp", (5,), 3)


def rounds(count=2, recipe=LINEAR):
    every = []
    for k in range(count + 1):
        torch.manual_seed(k)
        every.append({name: value.clone() for name, value in recipe.build().state_dict().items()})
    return Rounds("rounds", every, Ledger()), every


def marked(count=12, same=True, recipe=LINEAR):
    """Records of which the first half has the property; all of a half are alike if `same`."""
    x = torch.randn(count, *recipe.shape, generator=torch.Generator().manual_seed(9))
    having = torch.arange(count) < count // 2
    if same:
        x = torch.where(having[:, None], x[0], x[-1])
    y = torch.where(having, 1, 2)
    return MarkedRecords("property_data", x, y, having, record_ids(x.numpy()), Ledger())


@pytest.mark.parametrize("others", [1, 3])
def test_simulated_updates_are_mean_gradients(others):
    """Algorithm 3 at the model of each round; with bystanders, who never have the property, Section VII-A."""
    data, (handle, every) = marked(), rounds()
    recipe = Federation("fedsgd", LINEAR, 2, 5, 0.1)
    made = marked_updates.simulated(handle, recipe, data, others, 2, 0)
    x, y = data.x.double().numpy(), data.label.numpy()
    expected = []
    for weights in every[:2]:
        w = {name: value.double().numpy() for name, value in weights.items()}
        for having in (5, 0, 4, 0):  # a whole batch, none, 80 % of it, none
            rows = [*range(having), *range(6, 6 + 5 - having)]
            batch, rest = slope(w, x[rows], y[rows], 3), slope(w, x[6:11], y[6:11], 3)
            mean = np.abs((batch["1.weight"] + (others - 1) * rest["1.weight"]) / others).ravel()
            expected.append(mean / np.linalg.norm(mean))
    assert made.x.numpy() == pytest.approx(np.array(expected), abs=1e-5) and made.x.dtype == torch.float64
    assert made.marked.tolist() == [True, False] * 4


def test_the_step_counts_the_others_by_the_adversarys_share():
    data, (handle, every) = marked(), rounds()
    recipe = Federation("fedsgd", LINEAR, 2, 5, 0.1)
    trainer = FederatedTrainer("trainer", LINEAR, 24, recipe, Ledger())
    records = Records(data.x, None, data.ids, Ledger())
    for share, others in ((0.5, 1), (0.25, 3)):
        own = OwnUpdates("own_updates", every[:2], every[:2], share, Ledger())
        made = steps.from_marked_records(records, handle, own, trainer, data, batches=3, seed=4)
        assert made.x.tolist() == marked_updates.simulated(handle, recipe, data, others, 3, 4).x.tolist()
    again = artifacts.unpack(*artifacts.pack(made), workshop=None)
    assert again.x.tolist() == made.x.tolist() and again.marked.tolist() == made.marked.tolist()
    json.dumps(artifacts.pack(made)[0])


def test_batches_that_cannot_be_told_apart_are_refused():
    handle, _ = rounds()
    with pytest.raises(AttackError, match="fedsgd"):
        marked_updates.simulated(handle, Federation("fedavg", LINEAR, 2, 5, 0.1), marked(), 1, 1, 0)
    with pytest.raises(AttackError, match="6 records with the property and 6 without fill no batch of 7"):
        marked_updates.simulated(handle, Federation("fedsgd", LINEAR, 2, 7, 0.1), marked(), 1, 1, 0)


def test_the_forest_scores_what_it_learned():
    """Two directions of gradients, told apart whatever the size of the step; scores are probabilities."""
    generator = np.random.default_rng(0)
    having = np.arange(40) % 2 == 0
    kind = np.where(having[:, None], [[1.0, 0.1]], [[0.1, 1.0]]) * generator.uniform(0.8, 1.2, size=(40, 2))
    learned = PropertyUpdates(
        torch.stack([marked_updates.features({"w": torch.from_numpy(k[None])}) for k in kind]), torch.from_numpy(having)
    )
    sent = [{"w": -1e-3 * torch.tensor([[1.0, 0.1]])}, {"w": 7 * torch.tensor([[0.1, 1.0]])}]
    others = OthersUpdates("others_updates", sent, 0.5, Ledger())
    found = properties.passive(Records(torch.zeros(1, 2), None, np.zeros(1, np.uint64), Ledger()), others, learned, seed=1)
    assert found.dtype == torch.float64 and found[0] > 0.9 and found[1] < 0.1


def test_an_active_participant_trains_for_the_property_too():
    """Its step is a mixture of the honest one and of one for the property, which leaves the output of the task alone."""
    data, hidden = marked(same=False), Recipe("mlp", (5,), 3, (6,))
    recipe = Federation("fedsgd", hidden, 1, 12, 0.1)
    _, (received, honest) = rounds(1, hidden)
    passive = properties._TwoTasks(recipe, data, 0.0, 0).upload(0, received, honest)
    assert all(torch.allclose(passive[name], honest[name], atol=1e-7) for name in honest), "weight 0 is the passive attack"

    policy = properties._TwoTasks(recipe, data, 0.25, 0)
    head = {name: value.detach().double().numpy() for name, value in policy._head.named_parameters()}
    found = policy.upload(0, received, honest)
    w = {name: value.double().numpy() for name, value in received.items()}
    x = data.x.double().numpy()
    before = x @ w["1.weight"].T + w["1.bias"]
    logits = np.maximum(before, 0) @ head["weight"].T + head["bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[data.marked.long().numpy()]
    back = (p @ head["weight"]) * (before > 0) / len(x)
    mixed = {name: 0.25 * w[name] + 0.75 * value.double().numpy() for name, value in honest.items()}
    assert found["1.weight"].numpy() == pytest.approx(mixed["1.weight"] - 0.25 * 0.1 * back.T @ x, abs=1e-6)
    assert found["1.bias"].numpy() == pytest.approx(mixed["1.bias"] - 0.25 * 0.1 * back.sum(0), abs=1e-6)
    assert found["3.weight"].numpy() == pytest.approx(mixed["3.weight"], abs=1e-6), "the output of the task is not touched"
    moved = {name: value.detach().double().numpy() for name, value in policy._head.named_parameters()}
    features = np.maximum(before, 0)
    assert moved["weight"] == pytest.approx(head["weight"] - 0.25 * 0.1 * p.T @ features / len(x), abs=1e-6)


def test_the_active_attack_runs_the_federation_once_and_must_be_a_participant():
    data, recipe = marked(same=False), Federation("fedsgd", Recipe("mlp", (5,), 3, (6,)), 4, 6, 0.1)
    parts = [TrainingSet(data.x, data.label, 0), TrainingSet(data.x, data.label, 0)]

    def seat(place):
        return Seat(
            "seat",
            "x",
            4,
            None,
            lambda policy, ledger: seen(federation.run(recipe, parts, 0, policy, place), place, 1, ledger),
            Ledger(),
        )

    trainer = FederatedTrainer("trainer", recipe.model, 24, recipe, Ledger())
    records = Records(data.x, None, data.ids, Ledger())
    first, again = seat(0), seat(0)
    found = properties.active(records, first, trainer, data, batches=2, seed=3)
    assert found.shape == (4,) and first.runs == 1
    assert found.tolist() == properties.active(records, again, trainer, data, batches=2, seed=3).tolist()
    with pytest.raises(AttackError, match="participant"):
        properties.active(records, seat(None), trainer, data)


def test_the_judge_of_properties_is_an_auc():
    truth = torch.tensor([True, False, True, False, True])
    metric = property_of_rounds(truth)(torch.tensor([0.9, 0.1, 0.4, 0.5, 0.8]))
    assert metric.value == pytest.approx(5 / 6) and metric.chance == 0.5 and metric.ci[0] < 5 / 6 < metric.ci[1]
    for bad in (torch.zeros(4), torch.full((5,), torch.nan), None):
        with pytest.raises(AttackError, match="one finite number a round"):
            property_of_rounds(truth)(bad)
