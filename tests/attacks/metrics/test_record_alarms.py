"""How often a record passes under models that never saw it, counted by hand and against chance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attacks.metrics import record_alarms


def test_rates_are_counted_over_models_that_never_saw_the_record():
    signal = np.array([[1.0, 5.0, 5.0], [5.0, 5.0, 0.0], [5.0, 0.0, 5.0], [0.0, 0.0, 5.0]])
    trained_on = np.array([[False, True, True], [False, False, True], [True, False, True], [False, True, True]])
    found = record_alarms.measure(signal, trained_on, 5.0)
    assert found.models.tolist() == [3, 2, 0] and found.rates[:2].tolist() == [1 / 3, 1 / 2] and np.isnan(found.rates[2])
    assert found.pooled == 2 / 5
    told = found.as_json()
    assert told["records"] == 2 and told["models"] == [2, 3]
    assert told["quantiles"]["0.5"] == pytest.approx((1 / 3 + 1 / 2) / 2) and told["quantiles"]["1"] == 0.5
    assert json.loads(json.dumps(told)) == told


def test_records_that_are_alike_are_as_many_as_by_chance_and_outliers_are_more():
    """Of 2,000 records twenty pass half of the time; the pooled rate is hardly moved by them."""
    generator, trained_on = np.random.default_rng(0), np.random.default_rng(1).random((32, 2000)) < 0.5
    signal = generator.normal(size=(32, 2000))
    alike = record_alarms.measure(signal, trained_on, 2.3263).as_json()
    assert alike["pooled_fpr"] == pytest.approx(0.01, abs=0.002)
    for times in ("2", "10"):
        told = alike["above"][times]
        assert abs(told["records"] - told["by_chance"]) < 4 * max(1, told["by_chance"]) ** 0.5
    signal[:, :20] += 2.3263
    outlying = record_alarms.measure(signal, trained_on, 2.3263).as_json()
    assert outlying["pooled_fpr"] < 0.02
    assert outlying["above"]["10"]["records"] >= 18 and outlying["above"]["10"]["by_chance"] < 8


def test_a_rate_of_just_twice_the_pooled_one_is_not_above_it():
    signal = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    found = record_alarms.measure(signal, np.zeros((3, 2), dtype=bool), 1.0)
    assert found.pooled == 1 / 3 and found.rates.tolist() == [2 / 3, 0]
    assert found.as_json()["above"]["2"]["records"] == 0


def test_without_models_that_never_saw_a_record_nothing_is_told():
    told = record_alarms.measure(np.zeros((2, 3)), np.ones((2, 3), dtype=bool), 0.0).as_json()
    assert told["pooled_fpr"] is None and told["models"] is None and told["records"] == 0
    assert set(told["quantiles"].values()) == set(told["above"].values()) == {None}


@pytest.mark.parametrize(
    ("signal", "trained_on", "said"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2), dtype=bool), r"\(models, records\)"),
        (np.zeros(3), np.zeros(3, dtype=bool), r"\(models, records\)"),
        (np.array([[0.0, np.nan]]), np.zeros((1, 2), dtype=bool), "1 of 2 values of the signal"),
    ],
)
def test_what_is_no_signal_is_refused(signal, trained_on, said):
    with pytest.raises(ValueError, match=said):
        record_alarms.measure(signal, trained_on, 0.0)
