"""InfoRMIA: the formula, written again, and what it says about the ranking."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
from scipy import special, stats

from attacks.discriminative import calibrated, information

GIVEN = ["records", "scores", "reference_models"]


def given(*more: str) -> dict:
    return fixture.handles([*GIVEN, *more])


def test_over_a_population_it_ranks_as_the_ratio_of_rmia():
    bits = information.over_population(**given("population_statistics"))
    ratio = calibrated.rmia_offline(**given())
    assert stats.rankdata(bits.numpy().round(9)).tolist() == stats.rankdata(ratio.numpy().round(9)).tolist()
    shift = bits * np.log(2) - ratio
    assert shift.tolist() == pytest.approx([float(shift[0])] * len(shift))


def test_the_shift_is_the_mean_log_ratio_of_the_population():
    """The fixture's population are the candidates, on which no reference model was trained."""
    handles = given("population_statistics")
    bits = information.over_population(**handles, temperature=1.0)
    shift = float((bits * np.log(2) - calibrated.rmia_offline(**given(), temperature=1.0))[0])
    label, rows = fixture.label(), np.arange(fixture.RECORDS)
    answers = handles["reference_models"].answers(handles["records"].x).exp().numpy()[:, rows, label]
    prior = (1.3 * answers.mean(axis=0) + 0.7) / 2
    on_target = handles["population_statistics"].log_probs.exp().numpy()[rows, label]
    assert shift == pytest.approx(np.sum(prior / prior.sum() * np.log(prior / on_target)))


def test_over_classes_it_is_the_ratio_and_the_divergence_of_the_answer():
    handles = given()
    bits = information.over_classes(**handles, temperature=1.0)
    target = handles["scores"](handles["records"].x).exp().numpy()
    prior = handles["reference_models"].answers(handles["records"].x).exp().mean(dim=0).numpy()
    rows, label = np.arange(fixture.RECORDS), fixture.label().numpy()
    expected = np.log2(target[rows, label] / prior[rows, label]) + special.rel_entr(prior, target).sum(axis=1) / np.log(2)
    assert bits.tolist() == pytest.approx(expected.tolist())
