"""Uploads that are masked: the server reads their sum and nothing else, which stops some attacks and not others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.defenses.masked_uploads import add_up, masked
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.handles import Ledger
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

NAME, SERVER = "masked-uploads", "genomes-federated-server"
UPLOADS = [
    {"w": torch.randn(20, 30, generator=torch.Generator().manual_seed(k)), "b": torch.full((3,), float(k))} for k in range(4)
]
# What a server does with single uploads, and what anybody does with the global models.
STOPPED = {
    "nasr-2019-passive-server", "nasr-2019-active-server", "nasr-2019-isolating", "nasr-2019-isolating-ascent", "aono-2017",
    "zhu-2025-fedmia", "zhu-2025-fedmia-loss",
}  # fmt: skip
UNTOUCHED = {"nasr-2019-passive", "nasr-2019-unsupervised-federated", "nasr-2019-stand-alone", "yeom-2018-loss"}


def test_the_sum_is_exact_but_for_rounding():
    found = add_up(UPLOADS, bits=32, seed=1)
    for name, value in found.items():
        expected = sum(one[name].double() for one in UPLOADS)
        assert value.dtype == torch.float64 and float((value - expected).abs().max()) <= len(UPLOADS) / 2 * 2.0**-32
    assert torch.equal(found["b"], torch.full((3,), 6.0).double())
    assert torch.equal(add_up(UPLOADS[:1], bits=8, seed=1)["b"], UPLOADS[0]["b"].double())


def test_masks_cancel_and_differ_by_seed():
    one, other = (masked(UPLOADS, bits=32, seed=seed) for seed in (1, 2))
    assert not np.array_equal(one[0]["w"], other[0]["w"])
    for name in ("w", "b"):
        assert np.array_equal(sum(each[name] for each in one), sum(each[name] for each in other))


def test_a_masked_upload_by_itself_tells_nothing():
    """Each of its values is as likely anything: the high bits are even, and hang together with no upload."""
    for number, one in enumerate(masked(UPLOADS, bits=32, seed=1)):
        high = (one["w"] >> np.uint64(56)).astype(float)
        assert abs(high.mean() - 127.5) < 5 * 256 / np.sqrt(12 * high.size)
        correlation = np.corrcoef(high.ravel(), UPLOADS[number]["w"].numpy().ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(high.size)
        assert len(np.unique(one["b"])) == 3, "equal values are masked each by itself"


@pytest.mark.parametrize("value", [1e12, float("nan"), float("inf")])
def test_what_does_not_fit_is_one_sentence(value):
    with pytest.raises(AttackError, match="32 binary places leave no room"):
        add_up([{"w": torch.tensor([value])}, {"w": torch.zeros(1)}], bits=32, seed=1)


def planned(target: str, applied: defended.Applied | None, attacks=()) -> plans.Plan:
    catalog = load()
    return plans.make(catalog, catalog.target(target), None, attacks, {}, applied)


@pytest.mark.slow
def test_the_resolver_says_which_attacks_it_stops():
    applied = defended.apply(load(), NAME, {})
    before, after = ({one.attack.id for one in planned(SERVER, each).attacks} for each in (None, applied))
    assert before - after == STOPPED & before and STOPPED - before <= {"aono-2017"}
    assert UNTOUCHED <= after <= before


@pytest.mark.parametrize("attack", sorted(STOPPED - {"aono-2017"}))
def test_a_stopped_attack_is_refused(attack):
    with pytest.raises(InputError, match=f"{attack}: it is infeasible"):
        planned(SERVER, defended.apply(load(), NAME, {}), [attack])


@pytest.mark.parametrize(("bits", "message"), [("0", "at least 1"), ("60", "at most 52"), ("many", "whole number")])
def test_bad_settings_are_one_sentence(bits, message):
    with pytest.raises(InputError, match=message):
        defended.apply(load(), NAME, {"bits": bits})


def test_it_is_for_federations():
    with pytest.raises(InputError, match="targets that are federated; genomes-mlp is not"):
        planned("genomes-mlp", defended.apply(load(), NAME, {}))


@pytest.mark.slow
def test_what_stays_feasible_runs_on_the_sums_and_works_as_before(kept_store):
    attacks = sorted(UNTOUCHED)
    engine = Engine(load(), Store(kept_store))
    plan = planned(SERVER, defended.apply(load(), NAME, {}), attacks)
    hidden = engine.target_of(plan, 10)
    assert not {"M1.updates", "active"} & set(hidden.makers)
    plain = engine.target(SERVER, 10)
    exact, sums = (one.makers["M1.rounds"](Ledger()) for one in (plain, hidden))
    for number in range(len(exact) + 1):
        for name, value in exact.weights(number).items():
            assert torch.allclose(sums.weights(number)[name], value, rtol=1e-5, atol=1e-7)
    of_sums, of_uploads = (
        {one["attack"]: one["auc"] for one in engine.run(each, 10).results} for each in (plan, planned(SERVER, None, attacks))
    )
    for attack in attacks:
        assert of_sums[attack] == pytest.approx(of_uploads[attack], abs=0.02)
    assert of_sums["nasr-2019-passive"] > 0.6


@pytest.mark.slow
def test_a_participant_sees_what_it_saw(kept_store):
    """Melis et al. read words from the sum of the others' uploads, which no mask on single ones hides."""
    target, attacks = "glosses-federated", ["melis-2019-membership"]
    engine = Engine(load(), Store(kept_store))
    scores = [
        engine.run(planned(target, each, attacks), 10).scores[attacks[0]] for each in (None, defended.apply(load(), NAME, {}))
    ]
    assert np.array_equal(*scores)
