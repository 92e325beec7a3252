"""Surrogates and stolen models: what they learn, what they ask, and how they lie in the store."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import extraction
from attacks.discriminative.transfer import WRONG, transfer
from attacks.engine import artifacts
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import (
    AttackError,
    LabelOracle,
    Ledger,
    ModelType,
    QueryLimitError,
    Records,
    ScoreOracle,
    ShadowData,
    Surrogate,
)
from attacks.models import signals, surrogate_training, training
from attacks.steps import surrogate as steps
from attacks.targets.judges import fidelity
from taxonomy.loading import load

WIDTH, CLASSES = 6, 3


class Linear:
    """A target whose scores are those of a logistic regression."""

    def __init__(self):
        self.weight = torch.randn(WIDTH, CLASSES, generator=torch.Generator().manual_seed(2)).double()

    def log_probs(self, x):
        return torch.log_softmax(x.double() @ self.weight, -1)


def points(count, seed):
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def given(count=300, limit=None):
    """Handles over the linear target; the shadow data's own labels are all wrong."""
    target, ledger, x = Linear(), Ledger(limit), points(count, 0)
    ids = np.arange(count, dtype=np.uint64)
    wrong = (signals.predicted(target.log_probs(x)) + 1) % CLASSES
    return {
        "records": Records(points(50, 1), None, np.arange(50, dtype=np.uint64), ledger),
        "scores": ScoreOracle("scores", target.log_probs, ledger),
        "labels": LabelOracle("labels", lambda q: signals.predicted(target.log_probs(q)), ledger),
        "shadow_data": ShadowData(x, wrong, ids),
        "model_type": ModelType("model_type", "logistic-regression", ledger),
    }


def agreement(model):
    x = points(500, 9)
    return float((signals.predicted(model.log_probs(x)) == signals.predicted(Linear().log_probs(x))).double().mean())


def only(handles, *names):
    return [handles[name] for name in names]


def test_surrogates_learn_the_targets_answers_and_not_the_datas_labels():
    handles = given()
    for made in (
        steps.by_labels(*only(handles, "records", "labels", "shadow_data"), epochs=20),
        steps.by_distillation(*only(handles, "records", "scores", "shadow_data"), epochs=40),
        steps.by_extraction(*only(handles, "records", "scores", "model_type"), queries=300, epochs=40),
    ):
        assert isinstance(made, Surrogate) and agreement(made) > 0.7


def test_no_more_is_asked_than_agreed():
    for step, names in ((steps.by_distillation, ("scores", "shadow_data")), (steps.by_extraction, ("scores", "model_type"))):
        handles = given()
        step(*only(handles, "records", *names), queries=40, epochs=1)
        assert handles["scores"].ledger.queries == 40
        with pytest.raises(QueryLimitError):
            step(*only(given(limit=39), "records", *names), queries=40, epochs=1)


def test_no_data_is_an_error():
    handles = given(count=1)
    with pytest.raises(AttackError, match="no records to ask the target about"):
        steps.by_labels(*only(handles, "records", "labels", "shadow_data"))
    with pytest.raises(AttackError, match="starts from shadow data"):
        extraction.by_jacobian(*only(handles, "records", "labels", "shadow_data"))
    with pytest.raises(AttackError, match="2 initial records or more"):
        extraction.by_jacobian(*only(given(), "records", "labels", "shadow_data"), initial=10, queries=5)


def test_a_surrogate_lies_in_the_store_as_the_name_of_its_model(tmp_path):
    engine = Engine(load(), Store(tmp_path))
    with engine._at_work():
        made = steps.by_labels(*only(given(), "records", "labels", "shadow_data"), epochs=2)
    meta, arrays = artifacts.pack(made)
    assert not arrays
    found = artifacts.unpack(meta, arrays, engine.workshop)
    assert isinstance(found, Surrogate) and torch.equal(found.log_probs(points(5, 3)), made.log_probs(points(5, 3)))


def test_a_network_trained_on_probabilities_has_the_least_cross_entropy():
    """Full batches of one point each: the optimum gives back the probabilities themselves."""
    wanted = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], dtype=torch.float64)
    model = surrogate_training.network(torch.eye(2), wanted.log(), 3, seed=0, hidden=0, epochs=1000)
    assert model.log_probs(torch.eye(2)).exp().flatten().tolist() == pytest.approx(wanted.flatten().tolist(), abs=0.02)


def test_a_logistic_regression_is_found_by_its_equations():
    handles = given()
    stolen = extraction.from_scores(*only(handles, "records", "scores", "model_type"), queries=300, epochs=150)
    assert handles["scores"].ledger.queries == 300
    weight = stolen.parameters()["1.weight"].T.double()
    true = Linear().weight
    # Only differences between classes can be seen in scores.
    assert (weight - weight.mean(1, keepdim=True)).flatten().tolist() == pytest.approx(
        (true - true.mean(1, keepdim=True)).flatten().tolist(), abs=0.05
    )


def test_a_type_that_cannot_be_solved_for_is_an_error():
    handles = given()
    tree = ModelType("model_type", "decision-tree", Ledger())
    for function in (extraction.from_scores, steps.by_extraction):
        with pytest.raises(AttackError, match=r"decision-tree .* cannot be solved for"):
            function(handles["records"], handles["scores"], tree)


def test_the_substitute_doubles_its_data_along_the_signed_gradient(monkeypatch):
    """Algorithm 1 of Papernot et al. 2017, the gradient written again by finite differences."""
    sets, models = [], []
    fit_many = training.fit_many

    def noted(recipe, data, what):
        sets.extend(data)
        models.extend(fit_many(recipe, data, what))
        return models[-1:]

    monkeypatch.setattr(training, "fit_many", noted)
    handles = given()
    stolen = extraction.by_jacobian(
        *only(handles, "records", "labels", "shadow_data"), initial=20, queries=70, step=0.05, hidden=8, epochs=5
    )
    assert [len(data.x) for data in sets] == [20, 40, 70] and stolen is models[-1]
    first, second = sets[0], sets[1]
    reach = 0.05 * (first.x.amax(0) - first.x.amin(0))
    moved = (second.x[20:] - first.x) / reach
    nudges = torch.eye(WIDTH)[None] * 1e-3
    label = first.y.repeat_interleave(WIDTH)[:, None]
    ahead, behind = (
        models[0].log_probs((first.x[:, None] + sign * nudges).reshape(-1, WIDTH)).gather(1, label).reshape(20, WIDTH)
        for sign in (1, -1)
    )
    clear = (ahead - behind).abs() > 1e-6
    assert clear.double().mean() > 0.9
    assert torch.allclose(moved[clear], (ahead - behind).sign().float()[clear], atol=1e-3)
    assert torch.equal(second.y[20:], signals.predicted(Linear().log_probs(second.x[20:])))


def test_transfer_is_the_loss_of_the_surrogate_and_wrong_labels_are_last():
    handles = fixture.handles(["records", "labels", "surrogate"])
    score = transfer(**handles)
    x, label = handles["records"].x, fixture.label()
    chance = torch.softmax(handles["surrogate"].log_probs(x), -1).numpy()
    right = (handles["labels"](x) == label).numpy()
    expected = np.where(right, np.log(chance[np.arange(fixture.RECORDS), label.numpy()]), -WRONG)
    assert not right.all() and score.tolist() == pytest.approx(expected.tolist())


def test_a_class_that_the_surrogate_never_saw_is_wrong():
    handles = fixture.handles(["records", "labels", "surrogate"])

    class Narrow:
        fingerprint = "narrow"

        def log_probs(self, x):
            return torch.log_softmax(torch.zeros(len(x), 2, dtype=torch.float64), -1)

    handles["surrogate"] = Surrogate(Narrow())
    assert (transfer(**handles)[fixture.label() == 2] == -WRONG).all()


def test_fidelity_counts_equal_labels():
    target = torch.tensor([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]], dtype=torch.float64)
    stolen = torch.tensor([[0.5, 0.5], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]], dtype=torch.float64)

    class Stolen:
        def log_probs(self, x):
            return stolen.log()

    metric = fidelity(Stolen(), torch.zeros(4, 1), target.log())
    assert metric.value == 0.5 and metric.chance == 0.5 and metric.ci[0] < 0.5 < metric.ci[1]
    assert metric.details["total_variation"] == pytest.approx(1 - np.mean([0.4, 0.3, 0.3, 0.7]))
