"""Means over models of what is known, beside the same in plain torch."""

from __future__ import annotations

import math

import pytest
import torch

from attacks.discriminative import calibrated
from attacks.handles import AttackError


@pytest.fixture
def known():
    found = torch.rand(8, 40, generator=torch.Generator().manual_seed(0)) < 0.5
    found[:, 3], found[:, 4] = False, True
    return found


@pytest.mark.parametrize("shape", [(8, 40), (8, 40, 3)])
def test_means_leave_out_what_is_not_known(known, shape):
    values = -torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 900
    wide = known if len(shape) == 2 else known[..., None]
    mean = torch.where(wide, values, torch.nan).nanmean(dim=0)
    mean[3] = mean[known.any(dim=0)].mean(dim=0)
    assert torch.allclose(calibrated._mean(values, known), mean, rtol=1e-13, atol=0)

    counts = known.sum(dim=0).double().log()
    log_mean = torch.logsumexp(values.masked_fill(~wide, -math.inf), 0) - (counts if len(shape) == 2 else counts[:, None])
    rest = log_mean[known.any(dim=0)]
    log_mean[3] = torch.logsumexp(rest, 0) - math.log(len(rest))
    assert torch.allclose(calibrated._log_mean(values, known), log_mean, rtol=1e-13, atol=1e-13)


def test_a_side_that_no_model_is_on_is_an_error(known):
    with pytest.raises(AttackError, match="no model is on this side"):
        calibrated._mean(known.double(), torch.zeros_like(known))
