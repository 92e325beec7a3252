"""Exposure of canaries: ranks, their extrapolation by formulas of scipy, and that it grows with insertions."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from tiny_language import TINY, untrained

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.generative import exposure
from attacks.handles import AttackError, Ledger, LikelihoodOracle, RecordFormat, Records
from attacks.models import alphabet
from attacks.seeds import record_ids
from attacks.targets.canaries import CanaryFormat
from taxonomy.loading import load

CATALOG = load()
needs_jargon = pytest.mark.debian("dict-jargon")
# The mean of -log2 of a uniform number, which is the exposure of a secret that the model never saw.
UNSEEN = 1 / math.log(2)


def test_canaries_are_sentences_with_numbers():
    secret = CanaryFormat("no. ", 3)
    made = secret.records(np.array([0, 42, 999]))
    assert secret.size == 1000 and [alphabet.text(r) for r in made] == ["no. 000", "no. 042", "no. 999"]
    handle = RecordFormat("record_format", secret.size, secret.records, Ledger())
    assert torch.equal(handle.every()[[0, 42, 999]], made) and len(handle.every()) == handle.size == 1000
    drawn = handle.random(500, 1)
    assert torch.equal(drawn, handle.random(500, 1)) and not torch.equal(drawn, handle.random(500, 2))
    assert drawn.shape == (500, 7) and len(drawn.unique(dim=0)) > 300


def digits_as_number(x):
    return (x[:, -3:] - alphabet.codes("0")[0]).double() @ torch.tensor([100.0, 10.0, 1.0]).double()


def exposed(attack, answer, numbers, digits=3, **params):
    """Exposure of numbers under a made-up log-likelihood of each record."""
    secret, ledger = CanaryFormat("no. ", digits), Ledger()
    x = secret.records(np.array(numbers))
    asked = LikelihoodOracle("likelihood", lambda q: answer(q)[:, None].double(), ledger)
    made = RecordFormat("record_format", secret.size, secret.records, ledger)
    return attack(Records(x, None, record_ids(x.numpy()), ledger), asked, made, **params), ledger


def test_exposure_by_rank_counts_secrets_that_are_as_likely():
    # The smaller the number, the likelier; ten numbers share each likelihood.
    score, ledger = exposed(exposure.by_rank, lambda q: -(digits_as_number(q) // 10), [0, 9, 10, 500, 999])
    ranks = np.array([10, 10, 20, 510, 1000])
    assert score.tolist() == pytest.approx((math.log2(1000) - np.log2(ranks)).tolist())
    assert score.dtype == torch.float64 and ledger.queries == 1005
    sole, _ = exposed(exposure.by_rank, lambda q: -digits_as_number(q), [0, 1])
    assert sole.tolist() == pytest.approx([math.log2(1000), math.log2(500)])


def test_exposure_by_rank_of_a_sample():
    answer = lambda q: -digits_as_number(q)  # noqa: E731
    score, ledger = exposed(exposure.by_rank, answer, [0, 100, 500], samples=400, seed=3)
    drawn = np.random.default_rng(3).integers(1000, size=400)
    for found, number in zip(score.tolist(), [0, 100, 500], strict=True):
        others = drawn[drawn != number]
        assert found == pytest.approx(math.log2(len(others) + 1) - math.log2((others <= number).sum() + 1))
    assert ledger.queries == 403
    with pytest.raises(AttackError, match="at least 1"):
        exposed(exposure.by_rank, answer, [0], samples=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("attack", [exposure.by_rank, exposure.by_extrapolation])
def test_secrets_that_a_model_never_saw_have_a_mean_exposure_of_one_over_ln_2(attack, seed):
    """The likelihood of a secret is that of an untrained model; 1,500 secrets, 99.9 % interval."""
    model = untrained(dataclasses.replace(TINY, shape=(8,)), seed=seed)
    numbers = np.random.default_rng(seed).integers(10**4, size=1500)
    score, _ = exposed(attack, lambda q: model.likelihood(q).sum(1), numbers, digits=4, samples=5000, seed=seed)
    error = 3.2905 * score.std() / math.sqrt(len(score))
    assert abs(score.mean() - UNSEEN) < error + (0.05 if attack is exposure.by_extrapolation else 0), "a fit is no exact rank"


@pytest.mark.parametrize("shape", [-4.0, -0.8, 1.5, 6.0])
def test_the_fit_is_the_likeliest_skew_normal(shape):
    values = stats.skewnorm.rvs(shape, loc=30, scale=4, size=4000, random_state=7)
    found = exposure.skew_normal(values)
    theirs = stats.skewnorm.fit(values, found[0], loc=found[1], scale=found[2])

    def loss(at):
        return -stats.skewnorm.logpdf(values, *at).mean()

    assert loss(found) <= loss(theirs) + 1e-9 and loss(found) < loss((shape, 30, 4))
    assert found[0] == pytest.approx(shape, rel=0.3) and found[1:] == pytest.approx((30, 4), rel=0.15)
    with pytest.raises(AttackError, match="equally likely"):
        exposure.skew_normal(np.ones(10))


@pytest.mark.parametrize("shape", [-3.0, 0.0, 0.7, 5.0])
def test_shares_are_right_far_down_too(shape):
    z = np.array([-12.0, -7.0, -3.0, -1.0, 0.0, 2.0])
    found = exposure.log_share(z, shape)
    for at, log_share in zip(z, found, strict=True):
        top = stats.skewnorm.logpdf(at, shape)
        scaled, _ = integrate.quad(
            lambda t, top=top: math.exp(stats.skewnorm.logpdf(t, shape) - top), at - 30, at, points=[at - 1], epsabs=0, limit=200
        )
        assert log_share == pytest.approx(top + math.log(scaled), rel=1e-6, abs=1e-6)
    if shape == 0:
        assert found.tolist() == pytest.approx(stats.norm.logcdf(z).tolist())


def test_extrapolation_goes_beyond_the_sample():
    """A secret that is likelier than all others has the same rank however likely it is, but not the same extrapolation."""
    noise = torch.from_numpy(np.random.default_rng(5).normal(size=1000))
    planted = {0: 6.0, 1: 12.0}

    def answer(q):
        numbers = digits_as_number(q).long()
        return noise[numbers] - 20 + sum(lift * (numbers == number) for number, lift in planted.items())

    ranks, _ = exposed(exposure.by_rank, answer, [0, 1], samples=500)
    further, _ = exposed(exposure.by_extrapolation, answer, [0, 1], samples=500)
    assert ranks.max() <= math.log2(501) and further[1] > further[0] + 10 > ranks[0] + 10


@pytest.mark.slow
@needs_jargon
def test_exposure_grows_with_the_number_of_insertions(kept_store):
    """Means over the inserted canaries of three models; those that never went in have 1.44 bits whatever the others have."""
    means, never = {}, []
    for insertions, name in ((0, "jargon-canaries-null"), (1, "jargon-canaries"), (4, "jargon-canaries-4")):
        inside = []
        for seed in range(3):
            plan = plans.make(CATALOG, CATALOG.target(name), None, ["carlini-2019-exposure"])
            outcome = Engine(CATALOG, Store(kept_store)).run(plan, seed)
            score = outcome.scores["carlini-2019-exposure"]
            inside.append(score[outcome.member])
            never.append(score[~outcome.member])
        means[insertions] = np.concatenate(inside).mean()
    assert means[0] < UNSEEN + 0.3 and means[1] > means[0] + 1 and means[4] > means[1] + 1
    outside = np.concatenate(never)
    assert abs(outside.mean() - UNSEEN) < 3.2905 * outside.std() / math.sqrt(len(outside))
