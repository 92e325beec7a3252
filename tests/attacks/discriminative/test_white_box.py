"""White-box attacks against their formulas, written again with numpy on closed forms."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import white_box
from attacks.federated import white_box as federated_white_box
from attacks.handles import AttackError, HostedModel, Ledger, Population, Records, ReferenceModels, Scored, ShadowModels
from attacks.models import internals, signals
from attacks.models.training import Recipe
from attacks.steps import attack_network

NAMES = ["records", "parameters", "architecture"]
TRAINED = ["records", "parameters", "trainer"]


def softmax_regression(weights, x, label):
    """Gradients (n, width, classes) and (n, classes) of a model without hidden layers, by the textbook's formula."""
    logits = x @ weights["1.weight"].T.double().numpy() + weights["1.bias"].double().numpy()
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), label] -= 1
    return x[:, :, None] * p[:, None, :], p


def linear_case(seed=0):
    generator = torch.Generator().manual_seed(seed)
    recipe = Recipe("mlp", (4,), 3)
    weights = {"1.weight": torch.randn(3, 4, generator=generator), "1.bias": torch.randn(3, generator=generator)}
    return recipe, weights, torch.randn(300, 4, generator=generator), torch.arange(300) % 3


def test_gradients_are_those_of_softmax_regression():
    recipe, weights, x, label = linear_case()
    of_weight, of_bias = softmax_regression(weights, x.double().numpy(), label.numpy())
    network = internals.network(recipe, weights)
    found = internals.gradients(network, x, label, lambda g: g["1.weight"])
    assert found.shape == (300, 3, 4) and found.dtype == torch.float64
    assert found.transpose(1, 2).numpy() == pytest.approx(of_weight)
    expected = np.sqrt((of_weight**2).sum((1, 2)) + (of_bias**2).sum(1))
    assert internals.gradients(network, x, label, internals.norm).numpy() == pytest.approx(expected)


def test_layers_are_the_values_behind_the_activations():
    given = fixture.handles(NAMES)
    network = internals.network(given["architecture"].recipe, given["parameters"].weights)
    first, second, logits = internals.layers(network, given["records"].x)
    x, weights = given["records"].x.double(), {k: v.double() for k, v in given["parameters"].weights.items()}
    assert torch.allclose(first, torch.relu(x @ weights["1.weight"].T + weights["1.bias"]))
    assert torch.allclose(second, torch.relu(first @ weights["3.weight"].T + weights["3.bias"]))
    assert torch.allclose(logits, second @ weights["5.weight"].T + weights["5.bias"])
    scores = fixture.handles(["scores"])["scores"](given["records"].x)
    assert torch.allclose(torch.log_softmax(logits, -1), scores, atol=1e-4), "the fixture's network answers as its oracle does"


def test_calibrated_gradient_norm_is_a_difference_of_means():
    given = fixture.handles([*NAMES, "reference_models"])
    x, label = given["records"].x, given["records"].label

    def norms(weights):
        return internals.gradients(internals.network(fixture.RECIPE, weights), x, label, internals.norm).numpy()

    outside = np.mean([norms(m.parameters()) for m in given["reference_models"].own.models], axis=0)
    target = norms(given["parameters"].weights)
    assert white_box.gradient_norm_calibrated(**given).numpy() == pytest.approx(outside - target)
    assert white_box.gradient_norm(*[given[n] for n in NAMES]).numpy() == pytest.approx(-target)


def test_weights_of_a_platform_cannot_be_read():
    given = fixture.handles([*NAMES, "reference_models"])
    shadow = given["reference_models"].own
    hosted = ShadowModels([HostedModel(m) for m in shadow.models], shadow.records, shadow.trained_on)
    with pytest.raises(AttackError, match="shows no weights"):
        white_box.gradient_norm_calibrated(*[given[n] for n in NAMES], ReferenceModels(hosted))


def test_matt_is_the_papers_product():
    """-(theta - theta0) . grad loss(theta0, z), with the gradient by finite differences along the step."""
    given = fixture.handles([*TRAINED, "population"])
    (reference,) = given["trainer"].fit_many([None])
    start = {k: v.double() for k, v in reference.parameters().items()}
    end = {k: v.double() for k, v in given["parameters"].weights.items()}
    x, label = given["records"].x, given["records"].label

    def loss(t):
        network = internals.network(fixture.RECIPE, reference.parameters())
        network.load_state_dict({k: start[k] + t * (end[k] - start[k]) for k in start})
        return signals.loss(torch.log_softmax(internals.layers(network, x)[-1], -1), label)

    expected = -(loss(1e-6) - loss(-1e-6)) / 2e-6
    assert white_box.taylor(**given).tolist() == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-6)


def in_another_order(given):
    """The same handles, with the adversary's own records in another order."""
    order = torch.randperm(len(given["population"]), generator=torch.Generator().manual_seed(3))
    held = given["population"]
    return {**given, "population": Population("population", held.x[order], held.label[order], held.ids[order.numpy()], Ledger())}


@pytest.mark.slow
@pytest.mark.parametrize("attack", [white_box.taylor, white_box.supervised])
def test_the_order_of_the_population_changes_no_score(attack, monkeypatch):
    """More records than are wanted, so that some are drawn. A model is told from another by the records that it is trained on."""
    trained = []

    def fit_many(self, sets):
        trained.extend(sets)
        return [fixture.Answers(fixture.answers(np.zeros(fixture.RECORDS, dtype=bool), 300)) for _ in sets]

    monkeypatch.setattr(fixture.FixedTrainer, "fit_many", fit_many)
    names = [*TRAINED, "population"] if attack is white_box.taylor else [*NAMES, "known_members", "population"]
    given = fixture.handles(names)
    found = [attack(**each, seed=4) for each in (given, in_another_order(given))]
    first, second = (each.score if isinstance(each, Scored) else each for each in found)
    assert first.tolist() == second.tolist()
    if attack is white_box.taylor:
        assert torch.equal(trained[0].x, trained[1].x) and len(trained[0].x) == fixture.RECORDS // 2


def test_a_population_too_small_for_a_model_is_refused():
    given = fixture.handles([*TRAINED, "population"])
    few = Population("population", *(getattr(given["population"], name)[:5] for name in ("x", "label", "ids")), Ledger())
    with pytest.raises(AttackError, match=r"takes 12 records of the population \(found 5\)"):
        white_box.taylor(**{**given, "population": few})


def test_one_candidate_makes_no_clusters():
    given = fixture.handles(NAMES)
    held = given["records"]
    given["records"] = Records(held.x[:1], held.label[:1], held.ids[:1], Ledger())
    with pytest.raises(AttackError, match=r"two or more of them \(found 1\)"):
        white_box.unsupervised(**given)
    with pytest.raises(AttackError, match=r"two or more of them \(found 1\)"):
        federated_white_box.unsupervised(given["records"], fixture.handles(["rounds"])["rounds"], given["architecture"])


def test_two_clusters_are_the_best_of_all_splits():
    values = torch.from_numpy(np.random.default_rng(0).normal(size=50) ** 3)
    ordered = values.sort().values.numpy()
    within = [ordered[:k].var() * k + ordered[k:].var() * (50 - k) for k in range(1, 50)]
    best = int(np.argmin(within))
    assert attack_network.between_two_clusters(values).item() == pytest.approx((ordered[best] + ordered[best + 1]) / 2)


def test_bad_values_are_refused():
    given = fixture.handles([*NAMES, "known_members", "population"])
    with pytest.raises(AttackError, match="features is one of scores, outputs, gradients"):
        white_box.supervised(**given, features="weights")
    with pytest.raises(AttackError, match="decision-tree has no gradients"):
        recipe = Recipe("decision-tree", (64,), 2)
        tree = recipe.build()
        tree.fit(torch.eye(64), torch.arange(64) % 2, 0)
        internals.network(recipe, tree.state_dict())
