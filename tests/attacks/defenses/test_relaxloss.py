"""RelaxLoss trains to a level of the loss and no further."""

from __future__ import annotations

import pytest
import torch
from small_classifier import CLASSES, RECIPE, accuracy, answers, records, same, trained
from torch.nn.functional import cross_entropy, nll_loss

from attacks.defenses.relaxloss import flattened, relaxed, relaxloss
from attacks.models.training import fit

DATA, OTHERS = records(80, 1), records(400, 2)
LOGITS = 2 * torch.randn(30, CLASSES, generator=torch.Generator().manual_seed(0))
LABELS = LOGITS.argmax(-1)
LOSS = float(cross_entropy(LOGITS, LABELS))


def relaxed_to(level):
    return trained(relaxloss, DATA, level=level)


def slope(level, raises):
    logits = LOGITS.clone().requires_grad_()
    relaxed(logits, LABELS, level, raises=raises).backward()
    return logits.grad


def test_at_level_nought_it_is_our_training():
    assert same(relaxed_to(0.0), fit(RECIPE, DATA))


@pytest.mark.parametrize("level", [0.3, 0.8])
def test_the_loss_of_members_stays_at_the_level(level):
    assert float(nll_loss(answers(fit(RECIPE, DATA), DATA.x), DATA.y)) < 0.1
    found = relaxed_to(level)
    assert float(nll_loss(answers(found, DATA.x), DATA.y)) == pytest.approx(level, rel=0.5)
    assert accuracy(found, OTHERS) > 0.5


@pytest.mark.parametrize("raises", [True, False])
def test_above_the_level_it_descends(raises):
    logits = LOGITS.clone().requires_grad_()
    cross_entropy(logits, LABELS).backward()
    assert torch.allclose(slope(LOSS / 2, raises), logits.grad)


def test_below_the_level_even_epochs_ascend():
    assert torch.allclose(slope(2 * LOSS, raises=True), -slope(LOSS / 2, raises=True))


def test_below_the_level_odd_epochs_even_out_the_wrong_classes():
    """The slope is that of the loss as it is written down, found by small steps."""

    def loss(logits):
        answer = logits.softmax(-1)
        true = answer[range(len(LABELS)), LABELS]
        wrong = torch.ones_like(answer)
        wrong[range(len(LABELS)), LABELS] = 0
        uneven = ((1 - true) / (CLASSES - 1) * (wrong * answer.log()).sum(-1) + true * true.log()).neg()
        return float(uneven.mean())

    found, step = slope(2 * LOSS, raises=False), 1e-6
    for row in range(3):
        for column in range(CLASSES):
            change = torch.zeros(LOGITS.shape, dtype=torch.float64)
            change[row, column] = step
            exact = (loss(LOGITS.double() + change) - loss(LOGITS.double() - change)) / (2 * step)
            assert float(found[row, column]) == pytest.approx(exact, abs=1e-5)


def test_flattened_answers_are_probabilities_that_keep_the_true_class():
    answer, target = LOGITS.softmax(-1), flattened(LOGITS, LABELS)
    assert torch.allclose(target.sum(-1), torch.ones(len(LOGITS)))
    assert torch.equal(target.gather(-1, LABELS[:, None]), answer.gather(-1, LABELS[:, None]))
    assert torch.allclose(target.sort(-1).values[:, 0], target.sort(-1).values[:, CLASSES - 2])
