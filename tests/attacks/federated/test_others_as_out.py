"""FedMIA: in every round the victim's upload is tested against the others', by formulas written again."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch
from scipy import stats

from attacks.federated import others_as_out
from attacks.handles import AttackError, Ledger, Updates
from attacks.models import internals

NAMES = ["records", "updates", "architecture"]


def expected(values):
    """Mean over rounds of the normal distribution function of the others at the victim's value, by scipy."""
    others = np.delete(values, fixture.VICTIM, axis=1)
    spread = np.sqrt(others.var(axis=1) + 1e-8)
    return stats.norm.cdf(values[:, fixture.VICTIM], others.mean(axis=1), spread).mean(axis=0)


def test_losses_of_the_uploads_are_tested_against_the_others():
    given = fixture.handles(NAMES)
    values = np.empty((fixture.ROUNDS, fixture.PARTICIPANTS, fixture.RECORDS))
    for round, weights in enumerate(fixture.uploads()):
        for participant, upload in enumerate(weights):
            with torch.no_grad():
                logits = internals.rebuilt(fixture.RECIPE, upload).double()(given["records"].x.double())
            values[round, participant] = -torch.nn.functional.cross_entropy(logits, fixture.label(), reduction="none")
    assert others_as_out.by_loss(**given).tolist() == pytest.approx(expected(values).tolist(), abs=1e-9)


def test_changes_are_compared_with_each_records_gradient():
    """The cosine of all numbers laid end to end, with a gradient for each record by itself."""
    given = fixture.handles(NAMES)
    updates, records = given["updates"], given["records"]
    values = np.empty((fixture.ROUNDS, fixture.PARTICIPANTS, fixture.RECORDS))
    for round in range(fixture.ROUNDS):
        network = internals.network(fixture.RECIPE, updates.received(round, fixture.VICTIM))
        names, weights = zip(*network.named_parameters(), strict=True)
        for k in range(fixture.RECORDS):
            loss = torch.nn.functional.cross_entropy(network(records.x[k : k + 1].double()), records.label[k : k + 1])
            down = -torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])
            for participant in range(fixture.PARTICIPANTS):
                change = updates.change(round, participant)
                step = torch.cat([change[name].flatten() for name in names]).double()
                values[round, participant, k] = float(down @ step / max(float(down.norm() * step.norm()), 1e-300))
    assert others_as_out.by_gradient(**given).tolist() == pytest.approx(expected(values).tolist(), abs=1e-6)


def test_one_other_participant_is_no_distribution():
    given = fixture.handles(NAMES)
    uploads = [row[:2] for row in fixture.uploads()]
    two = Updates("updates", uploads, uploads, torch.tensor([0.5, 0.5]).double(), fixture.VICTIM, Ledger())
    with pytest.raises(AttackError, match="at least two participants beside the victim"):
        others_as_out.by_loss(given["records"], two, given["architecture"])
