"""A stack's three models share no record, and it can be had again from its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_classifier import CLASSES, RECIPE, accuracy, by_chance, records, trained

from attacks.defenses import stacking as module
from attacks.defenses.stacking import stacking, stacking_network
from attacks.errors import AttackError
from attacks.models.training import Model, Recipe, fit
from attacks.seeds import record_ids

DATA, OTHERS = records(91, 1), records(400, 2)
FOREST = Recipe("random-forest", RECIPE.shape, CLASSES)


def stacked(recipe=RECIPE, data=DATA):
    return trained(stacking, data, recipe=recipe)


@pytest.fixture
def fitted(monkeypatch):
    """What the three models are trained on."""
    seen = []

    def noted(recipe, data):
        seen.append((recipe.architecture, data))
        return fit(recipe, data)

    monkeypatch.setattr(module, "fit", noted)
    return seen


def test_the_three_models_share_no_record_and_leave_none_out(fitted):
    stack = stacked()
    (first, second, third) = fitted
    assert [name for name, _ in fitted] == ["mlp", "random-forest", "logistic-regression"]
    seen = [record_ids(first[1].x.numpy()), record_ids(second[1].x.numpy())]
    rest = np.setdiff1d(record_ids(DATA.x.numpy()), np.concatenate(seen))
    assert not np.intersect1d(*seen).size and sorted(map(len, [*seen, rest])) == [30, 30, 31]
    # The third learns from answers about the rest, and from its labels.
    of_rest = torch.from_numpy(np.isin(record_ids(DATA.x.numpy()), rest))
    told, learned = sorted(stack.answers(DATA.x[of_rest]).tolist()), sorted(third[1].x.tolist())
    # The last digit of an answer may hang on the others of its batch.
    assert np.allclose(learned, told, rtol=0, atol=1e-5) and third[1].x.shape[1] == 2 * CLASSES
    assert sorted(third[1].y.tolist()) == sorted(DATA.y[of_rest].tolist())


def test_a_forest_is_stacked_with_another_kind(fitted):
    stacked(FOREST)
    assert [name for name, _ in fitted] == ["random-forest", "logistic-regression", "logistic-regression"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [RECIPE, FOREST], ids=["network", "forest"])
def test_a_stack_learns_the_task_and_can_be_had_again_from_its_weights(recipe):
    stack = stacked(recipe)
    assert accuracy(stack, OTHERS) > 0.5
    empty = stacking_network(recipe)
    empty.load_state_dict(stack.state_dict())
    answers = [Model(recipe, one, "stack").log_probs(OTHERS.x) for one in (stack, empty)]
    assert torch.equal(*answers) and torch.allclose(answers[0].exp().sum(-1), torch.ones(400).double())


def test_labels_by_chance_are_hardly_learned():
    data = by_chance(90, 4)
    assert accuracy(fit(RECIPE, data), data) > 0.9
    assert accuracy(stacked(data=data), data) < 0.65


def test_too_few_records_are_refused():
    with pytest.raises(AttackError, match="there are 2"):
        stacked(data=records(2, 1))
