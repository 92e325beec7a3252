"""Early stopping keeps the network of the best epoch, and that is the network that our training has then."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_classifier import RECIPE, answers, records, same, trained
from torch.nn.functional import nll_loss

from attacks.defenses.early_stopping import early_stopping, watched
from attacks.models.training import fit

DATA, OTHERS = records(60, 1), records(50, 2)


def stopped(patience):
    return trained(early_stopping, DATA, OTHERS, patience=patience)


@pytest.fixture(scope="module")
def by_epoch():
    """The networks of trainings of 1, 2, ... epochs, and their losses on the records that are watched."""
    networks = [fit(replace(RECIPE, epochs=epochs), DATA) for epochs in range(1, RECIPE.epochs + 1)]
    return networks, [float(nll_loss(answers(one, OTHERS.x), OTHERS.y)) for one in networks]


@pytest.mark.parametrize("patience", [1, 3, 100])
def test_the_network_of_the_best_epoch_is_kept(by_epoch, patience):
    networks, losses = by_epoch
    found = stopped(patience)
    kept = found.facts["epochs"]
    assert same(found, networks[kept - 1]), "the weights of a training of so many epochs"
    # Until `patience` epochs in a row bring no lower loss.
    seen = next((e for e in range(patience, len(losses)) if min(losses[e - patience + 1 : e + 1]) > min(losses[:e])), None)
    assert kept == torch.tensor(losses[: len(losses) if seen is None else seen + 1]).argmin() + 1


def test_it_ends_before_single_records_are_learned(by_epoch):
    networks, _ = by_epoch
    found = stopped(5)
    assert found.facts["epochs"] < RECIPE.epochs

    def gap(network):
        return float(nll_loss(answers(network, OTHERS.x), OTHERS.y) - nll_loss(answers(network, DATA.x), DATA.y))

    assert gap(found) < 0.5 * gap(networks[-1])


def test_no_more_records_are_watched_than_are_trained_on():
    many = records(2000, 3)
    assert len(watched(many, DATA).x) == len(DATA.x) and len(watched(OTHERS, DATA).x) == len(OTHERS.x)
    assert same(trained(early_stopping, DATA, many, patience=3), trained(early_stopping, DATA, many, patience=3))
