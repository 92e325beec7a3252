"""PMIA: what is learnt from which proxies."""

from __future__ import annotations

import fixture
import pytest
import torch
from scipy import stats

from attacks.discriminative import proxies
from attacks.handles import AttackError
from attacks.models import signals

GIVEN = ["records", "scores", "reference_models"]


def test_by_class_it_is_the_likelihood_ratio_of_the_authors_code():
    """Written again with scipy, with the spread of the adversary's own records where models are few."""
    given = fixture.handles(GIVEN)
    models, label = given["reference_models"], fixture.label()
    own = models.own
    margin, inside, held = own.signal(signals.margin), own.trained_on, own.records.label
    without = models.signal(signals.margin, given["records"].x, label)
    target = signals.margin(given["scores"](given["records"].x), label)
    residuals = torch.cat([margin[~inside[:, k], k] - margin[~inside[:, k], k].mean() for k in range(len(held))])
    spread = float((residuals.square().sum() / (len(residuals) - len(held))).sqrt())
    expected = []
    for k, c in enumerate(label.tolist()):
        within = margin[inside & (held == c)]
        about = within.median()
        wide = float((within - about).square().mean().sqrt())
        out = float(without[:, k].median())
        expected.append(stats.norm.logpdf(target[k], about, wide) - stats.norm.logpdf(target[k], out, spread))
    assert proxies.posterior_odds(**given).tolist() == pytest.approx(expected)


def test_the_nearest_record_is_the_proxy_of_its_instance():
    """The fixture's own records follow the candidates in number: the first of them is nearest to every candidate."""
    given = fixture.handles(GIVEN)
    models = given["reference_models"]
    margin, inside = models.own.signal(signals.margin), models.own.trained_on
    centre, _ = proxies._of_proxies(margin, inside, models.own.records, given["records"].x, fixture.label(), "instance")
    assert centre.tolist() == [float(margin[inside[:, 0], 0].median())] * fixture.RECORDS


def test_an_unknown_proxy_is_refused():
    with pytest.raises(AttackError, match="global, class, instance"):
        proxies.posterior_odds(**fixture.handles(GIVEN), proxy="nearest")
