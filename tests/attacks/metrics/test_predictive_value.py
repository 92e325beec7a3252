"""Of those accused, how many are members: by hand, by counting, and as often within the interval as it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from attacks import metrics
from attacks.metrics import predictive_value


def test_it_is_the_share_of_members_among_those_accused():
    """Of 10,000 people 100 are members: 40 of them are found, and 99 of the 9,900 others are accused."""
    assert predictive_value.predictive_value(0.4, 0.01, 0.01) == pytest.approx(40 / (40 + 99))
    assert predictive_value.predictive_value(0.0, 0.01, 0.5) == 0
    assert predictive_value.predictive_value(0.01, 0.01, 0.1) == pytest.approx(0.1), "guessing tells nothing beyond the prior"


def test_it_stands_by_prior_and_by_rate_and_says_what_is_not_resolved():
    generator, member = np.random.default_rng(0), np.arange(800) < 400
    figures = metrics.summarize(generator.normal(size=800) + 2 * member, member, None)
    found = predictive_value.summarize(figures)
    assert set(found["ppv"]) == {"0.01", "0.1", "0.5"} and set(found["unresolved"]) == {"0.001"}
    for prior, of_prior in found["ppv"].items():
        assert set(of_prior) == {"0.01", "0.001"} and of_prior["0.001"] is None
        told, tpr, p = of_prior["0.01"], figures["tpr_at_fpr"]["0.01"], float(prior)
        assert told["value"] == pytest.approx(p * tpr / (p * tpr + (1 - p) * 0.01))
        assert told["ci"][0] <= told["value"] <= told["ci"][1]
    values = [found["ppv"][prior]["0.01"]["value"] for prior in ("0.01", "0.1", "0.5")]
    assert values == sorted(values) and values[0] < 0.5 < 0.9 < values[2]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("simulations", "others"), [(60, 400), pytest.param(400, 400, marks=pytest.mark.slow)])
def test_the_interval_holds_the_true_value(simulations, others):
    """Normal scores, whose true rate at 1 % is known; an accuser whose threshold one in a hundred of all others is above."""
    generator, member, held = np.random.default_rng(2), np.arange(others + 400) < 400, 0
    truth = predictive_value.predictive_value(float(stats.norm.sf(stats.norm.isf(0.01) - 1.5)), 0.01, 0.1)
    for _ in range(simulations):
        figures = metrics.summarize(generator.normal(size=len(member)) + 1.5 * member, member, None)
        low, high = predictive_value.summarize(figures)["ppv"]["0.1"]["0.01"]["ci"]
        held += low <= truth <= high
    assert held / simulations >= 0.93 - 3 * (0.93 * 0.07 / simulations) ** 0.5
