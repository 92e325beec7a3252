"""Inputs from gradients (Aono et al. 2017): exact from a single record, a mixture from several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.federated.gradient_leakage import divided
from attacks.handles import AttackError, FederatedTrainer, Ledger, Records
from attacks.handles.federation import seen
from attacks.models import federation
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import federated_gradients
from attacks.targets.federated_judges import inputs_of_uploads
from taxonomy.findings import InputError

SHAPE = (2, 3)


def read(batch, *, hidden=(7,), algorithm="fedsgd", rounds=6, victim=1):
    """What the server reads off a victim's uploads, and the records behind each of them."""
    x = torch.randn(18, *SHAPE, generator=torch.Generator().manual_seed(4))
    recipe = Federation(algorithm, Recipe("mlp", SHAPE, 3, hidden), rounds, batch, 0.1)
    parts = [TrainingSet(a, torch.arange(6) % 3, 0) for a in x.split(6)]
    history = federation.run(recipe, parts, 5)
    view = seen(history, None, victim, Ledger())
    records = Records(x[:1], None, np.zeros(1, np.uint64), Ledger())
    found = divided(records, view.updates, FederatedTrainer("trainer", recipe.model, 18, recipe, Ledger()))
    truth = [parts[victim].x[rows[victim]].double() for rows in history.batches]
    return found, truth, history, parts[victim]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_the_input_of_a_single_record_is_exact(hidden):
    found, truth, _, _ = read(1, hidden=hidden)
    assert found.shape == (6, *SHAPE) and found.dtype == torch.float64
    for guess, record in zip(found, truth, strict=True):
        assert (guess - record[0]).norm() / record.norm() < 1e-5


def test_several_records_are_mixed_by_their_errors():
    """By numpy, for a model without hidden layers: the mean of the inputs, weighted by the errors of the chosen unit."""
    found, _, history, part = read(3, hidden=())
    for number, guess in enumerate(found):
        rows = history.batches[number][1].numpy()
        x, y = part.x.flatten(1).double().numpy()[rows], part.y.numpy()[rows]
        w = {name: value.double().numpy() for name, value in history.globals[number].items()}
        logits = x @ w["1.weight"].T + w["1.bias"]
        error = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(3)[y]
        unit = np.abs(error.mean(0)).argmax()
        mixture = error[:, unit] @ x / error[:, unit].sum()
        assert guess.flatten().numpy() == pytest.approx(mixture, rel=1e-3, abs=1e-4)
        assert min(np.linalg.norm(mixture - record) for record in x) > 0.1


def test_nothing_sent_gives_nothing():
    weights = Recipe("mlp", SHAPE, 3).build().state_dict()
    still = federation.History([weights] * 2, [[weights] * 2], [[weights] * 2], [], torch.tensor([0.5, 0.5]))
    view = seen(still, None, 1, Ledger())
    recipe = Federation("fedsgd", Recipe("mlp", SHAPE, 3), 1, 1, 0.1)
    records = Records(torch.zeros(1, *SHAPE), None, np.zeros(1, np.uint64), Ledger())
    assert divided(records, view.updates, FederatedTrainer("trainer", recipe.model, 2, recipe, Ledger())).tolist() == [
        torch.zeros(SHAPE).tolist()
    ]


def test_a_convolution_comes_first_in_a_cnn():
    records = Records(torch.zeros(1, 8, 8), None, np.zeros(1, np.uint64), Ledger())
    recipe = Federation("fedsgd", Recipe("cnn", (8, 8), 3, (4,)), 1, 1, 0.1)
    trainer = FederatedTrainer("trainer", recipe.model, 2, recipe, Ledger())
    with pytest.raises(AttackError, match="the first layer of a cnn is not a dense layer"):
        divided(records, None, trainer)


def test_the_judge_counts_inputs_that_are_recovered():
    truth = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0], [3.0, 0.0]]), torch.tensor([[5.0, 5.0]])]
    judge = inputs_of_uploads(truth, torch.tensor([1.0, 1.0]))
    found = torch.tensor([[1.0, 1e-4], [3.0, 0.0], [5.0, 4.0]], dtype=torch.float64)
    metric = judge(found)
    assert metric.value == pytest.approx(2 / 3) and metric.chance == metric.details["shuffled"] == pytest.approx(2 / 9)
    assert metric.details["squared_error"] == pytest.approx((1e-8 / 2 + 0 + 1 / 2) / 3)
    assert metric.details["squared_error_of_mean"] == pytest.approx((1 / 2 + 2 / 2 + 16) / 3)
    moved = judge(found.roll(1, 0))
    assert moved.value == 0 and moved.chance == metric.chance
    for bad in (found[:2], torch.full((3, 2), torch.inf), None):
        with pytest.raises(AttackError, match="one finite input a round"):
            judge(bad)


PARAMS = {
    "data": "digits",
    "participants": 2,
    "records": 20,
    "non_members": 20,
    "hidden": [8],
    "rounds": 10,
    "batch": 1,
    "learning_rate": 0.05,
}


def test_the_control_judges_other_records():
    for judged in (True, False):
        target = federated_gradients.build(**PARAMS, uploads_judged=judged)
        ledger = Ledger()
        made = {name: target.makers[term](ledger) for name, term in (("updates", "M1.updates"), ("trainer", "M2"))}
        metric = target.judges["reconstruction"](divided(target.records(ledger, with_label=False), *made.values()))
        assert metric.value == judged and (metric.ci[0] > metric.chance) == judged
    with pytest.raises(InputError, match="asks for"):
        federated_gradients.build(**{**PARAMS, "records": 1000})
