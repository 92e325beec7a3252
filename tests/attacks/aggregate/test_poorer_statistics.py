"""Statistics with noise, without small counts, and as yes or no: what is published, and what attacks make of it."""

from __future__ import annotations

import itertools
import math

import fixture_statistics
import pytest
import torch

from attacks.aggregate import beacon as beacons
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Aggregates, AttackError, Beacon, Ledger, QueryLimitError, SuppressedAggregates
from attacks.handles.views import poorer_answers
from attacks.targets import aggregate
from taxonomy.loading import load
from taxonomy.threat import from_user

POORER = ["Q.noisy-aggregates", "Q.suppressed-aggregates"]


@pytest.fixture(scope="module")
def engine(kept_store):
    return Engine(load(), Store(kept_store))


def made(engine, name="flights-group-25", seed=0):
    target, ledger = engine.target(name, seed), Ledger()
    return target, {term: make(ledger) for term, make in target.makers.items()}, ledger


@pytest.mark.slow
def test_what_is_published_with_noise(engine):
    _, given, _ = made(engine)
    exact, noisy = given["Q.aggregates"].values, given["Q.noisy-aggregates"].values
    assert float(noisy.min()) >= 0 and float(noisy.max()) <= 1 and not torch.equal(exact, noisy)
    assert torch.equal(noisy, made(engine)[1]["Q.noisy-aggregates"].values), (
        "it is drawn once, so that asking again tells nothing"
    )
    off = (noisy - exact)[(noisy > 0) & (noisy < 1)].abs().mean()
    assert float(off) * 25 == pytest.approx(aggregate.NOISE, rel=0.2)


def test_small_counts_are_left_out_and_bounded(engine):
    _, given, ledger = made(engine)
    exact, shown = given["Q.aggregates"].values, given["Q.suppressed-aggregates"]
    people = (exact * 25).round()
    assert torch.equal(shown.values.isnan(), people < aggregate.LEAST)
    found = poorer_answers.aggregates_of_suppressed(shown).values
    assert torch.equal(found[people >= aggregate.LEAST], exact[people >= aggregate.LEAST])
    assert bool((found[people < aggregate.LEAST] == shown.below / 2).all())
    assert any("left out" in note for note in ledger.notes)


def test_a_beacon_says_whether_anybody_has_it(engine):
    _, given, ledger = made(engine)
    beacon, everything = given["Q.beacon"], torch.arange(given["Q.aggregates"].values.numel())
    assert torch.equal(beacon(everything), given["Q.aggregates"].values.flatten() > 0)
    assert ledger.queries == len(beacon) == len(everything)
    of_statistics = poorer_answers.beacon_of_aggregates(given["Q.aggregates"])
    assert torch.equal(of_statistics(everything), beacon(everything))
    assert ledger.queries == 2 * len(beacon), "reading what is published is no query"
    with pytest.raises(QueryLimitError):
        Beacon("beacon", torch.ones(5, dtype=torch.bool), Ledger(limit=2))(torch.arange(3))


def test_likelihood_ratio_of_a_beacon_by_hand():
    """The definition, written again with plain numbers, feature by feature."""
    given = fixture_statistics.handles(["records", "beacon", "marginals", "training_size"])
    found = beacons.likelihood_ratio(**given, questions=3, error=0.01).score
    columns, has = given["marginals"].columns.flatten(1) > 0, given["records"].x.flatten(1) > 0
    count, size = len(columns), fixture_statistics.RECORDS // 2
    frequency = [min(max(float(c.double().mean()), 1 / (2 * count)), 1 - 1 / (2 * count)) for c in columns.T]
    for own, score in itertools.islice(zip(has, found, strict=True), 6):
        rarest = sorted((f, j) for j, f in enumerate(frequency) if own[j])[:3]
        expected = 0.0
        for f, j in rarest:
            no_inside, no_outside = 0.01 * (1 - f) ** (size - 1), (1 - f) ** size
            yes = bool(given["beacon"](torch.tensor([j]))[0])
            expected += math.log((1 - no_inside) / (1 - no_outside)) if yes else math.log(no_inside / no_outside)
        assert float(score) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [{"questions": 0}, {"error": 0.0}, {"error": 1.0}])
def test_settings_that_make_no_sense(wrong):
    given = fixture_statistics.handles(["records", "beacon", "marginals", "training_size"])
    with pytest.raises(AttackError, match="questions are at least 1"):
        beacons.likelihood_ratio(**given, **wrong)


@pytest.mark.parametrize("answer", POORER)
def test_attacks_on_frequencies_run_on_poorer_ones(engine, answer):
    catalog = engine.catalog
    threat = from_user(catalog, observation="black-box", model="aggregate", knows=[answer, "D1.samples", "D1.size"])
    outcome = engine.run(plans.make(catalog, catalog.target("flights-group-50"), threat, ["homer-2008", "sankararaman-2009"]), 0)
    assert not outcome.failures and all(result["auc_ci"][0] > 0.5 for result in outcome.results)


def test_a_beacon_is_no_frequency(atlas):
    threat = from_user(atlas.catalog, observation="black-box", model="aggregate", knows=["Q.beacon", "D1.samples", "D1.size"])
    closure = atlas.resolver.closure(threat.grants)
    assert "Q.aggregates" not in closure and "attack:raisaro-2017-beacon" in closure and "attack:homer-2008" not in closure


def test_frequencies_are_a_beacon(atlas):
    threat = from_user(atlas.catalog, observation="black-box", model="aggregate", knows=["Q.aggregates", "D1.samples", "D1.size"])
    assert "attack:raisaro-2017-beacon" in atlas.resolver.closure(threat.grants)


def test_views_of_noise_and_suppression_keep_the_shape():
    values = torch.rand(4, 5).double()
    assert poorer_answers.same_aggregates(Aggregates("noisy_aggregates", values, Ledger())).values.shape == (4, 5)
    none = SuppressedAggregates("suppressed_aggregates", torch.full((2, 2), math.nan).double(), 0.2, Ledger())
    assert poorer_answers.aggregates_of_suppressed(none).values.tolist() == [[0.1, 0.1], [0.1, 0.1]]
