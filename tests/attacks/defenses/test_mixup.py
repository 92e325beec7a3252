"""Mixup trains on mixtures of records with mixed labels."""

from __future__ import annotations

import numpy as np
import torch
from small_classifier import CLASSES, RECIPE, accuracy, alike, answers, records, same, trained
from torch.nn.functional import one_hot

from attacks.defenses.mixup import mixup
from attacks.models.training import fit

DATA, OTHERS, SEED = records(80, 1), records(400, 2), 5


def mixed(alpha, seed=SEED):
    return trained(mixup, DATA, alpha=alpha, seed=seed)


def with_mixed_labels(recipe, data, *, alpha):
    """A loop of its own, which mixes labels where ours mixes losses."""
    network, weights = recipe.build(), np.random.default_rng(SEED)
    optimizer = torch.optim.Adam(network.parameters(), lr=RECIPE.learning_rate)
    labels = one_hot(DATA.y, CLASSES).float()
    for _ in range(RECIPE.epochs):
        for rows in torch.randperm(len(DATA.x)).split(RECIPE.batch):
            weight = weights.beta(alpha, alpha)
            order = torch.randperm(len(rows))
            x, y = (weight * one[rows] + (1 - weight) * one[rows][order] for one in (DATA.x, labels))
            optimizer.zero_grad()
            (-(y * network(x).log_softmax(-1)).sum(-1)).mean().backward()
            optimizer.step()
    return network


def test_the_loss_of_a_mixture_is_that_of_the_mixed_label():
    assert alike(mixed(1.0), trained(with_mixed_labels, DATA, alpha=1.0))


def test_weights_are_drawn_by_the_seed():
    assert same(mixed(1.0), mixed(1.0)) and not same(mixed(1.0), mixed(1.0, SEED + 1))


def test_it_learns_the_task_and_single_records_less():
    plain, found = fit(RECIPE, DATA), mixed(1.0)
    assert accuracy(found, OTHERS) > accuracy(plain, OTHERS) - 0.05 > 0.5
    assert float(answers(found, DATA.x).exp().amax(-1).mean()) < float(answers(plain, DATA.x).exp().amax(-1).mean()) - 0.05
