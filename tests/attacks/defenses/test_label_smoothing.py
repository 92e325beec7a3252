"""Label smoothing trains towards smoothed labels, as torch's own loss does, and makes networks less sure."""

from __future__ import annotations

import pytest
import torch
from small_classifier import CLASSES, RECIPE, alike, answers, records, trained

from attacks.defenses.label_smoothing import label_smoothing, smoothed
from attacks.models.training import fit

DATA = records(80, 1)


def smooth(share):
    return trained(label_smoothing, DATA, share=share)


def by_torch(recipe, data, *, share):
    """A loop of its own, with the loss that torch has for it."""
    network = recipe.build()
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=share)
    optimizer = torch.optim.Adam(network.parameters(), lr=RECIPE.learning_rate)
    for _ in range(RECIPE.epochs):
        for rows in torch.randperm(len(DATA.x)).split(RECIPE.batch):
            optimizer.zero_grad()
            loss_of(network(DATA.x[rows]), DATA.y[rows]).backward()
            optimizer.step()
    return network


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_it_is_the_loss_of_torch(share):
    assert alike(smooth(share), trained(by_torch, DATA, share=share))


def test_without_a_share_it_is_our_training():
    assert alike(smooth(0.0), fit(RECIPE, DATA))


def test_a_label_keeps_its_share_and_the_rest_is_even():
    found = smoothed(torch.tensor([2]), CLASSES, 0.2)
    assert torch.allclose(found, torch.tensor([[0.05, 0.05, 0.85, 0.05]])) and found.dtype == torch.float32


def test_networks_are_as_sure_as_their_labels():
    sure = {share: float(answers(smooth(share), DATA.x).exp().amax(-1).mean()) for share in (0.0, 0.2, 0.6)}
    assert sure[0.0] > 0.97
    assert sure[0.2] == pytest.approx(0.85, abs=0.06) and sure[0.6] == pytest.approx(0.55, abs=0.06)
