"""The speed of a machine: what training takes is counted, what it costs is kept, and nothing is told that was not measured."""

from __future__ import annotations

import json

import pytest

from attacks.engine import speed
from attacks.engine.speed import Speed, Work
from attacks.engine.store import Store
from attacks.models.training import Recipe
from attacks.targets import data
from taxonomy.entries import Target
from taxonomy.loading import load

CATALOG = load()
FOUND = Speed({"loop mlp": (1e-3, 1e-8, 1e-10)}, 1.5)


def like(name: str, **params) -> Target:
    target = CATALOG.target(name)
    return target.model_copy(update={"params": {**target.params, **params}})


def test_a_perceptron_multiplies_once_a_weight_and_record():
    work = speed.trained(Recipe("mlp", (8, 8), 10, (5, 4)), 100, 3, 16)
    multiplications = 64 * 5 + 5 * 4 + 4 * 10
    assert work == Work("loop mlp", 3 * 7, multiplications + 5 + 4 + 10, 300, multiplications)


def test_a_convolution_multiplies_once_a_weight_and_place():
    work = speed.trained(Recipe("cnn", (3, 8, 12), 2, ()), 10, 1, 4, in_blocks=False)
    first, second, dense = 16 * 3 * 25, 32 * 16 * 25, 32 * 2 * 3 * 2
    assert work.multiplications == first * 8 * 12 + second * 4 * 6 + dense


def test_a_federation_takes_the_steps_of_all_its_participants():
    recipe = Recipe("mlp", (4,), 2, ())
    averaged = speed.federated(recipe, 3, 20, 5, 8, "fedavg", 2)
    assert (averaged.way, averaged.steps, averaged.records) == ("fedavg mlp", 3 * 5 * 2 * 3, 3 * 5 * 2 * 20)
    stepping = speed.federated(recipe, 3, 20, 5, 8, "fedsgd")
    assert (stepping.way, stepping.steps, stepping.records) == ("fedsgd mlp", 3 * 5, 3 * 5 * 8)


def test_targets_are_priced_by_their_own_way_of_training():
    ways = {
        ("digits-mlp", True): "loop mlp",
        ("digits-mlp", False): "blocks mlp",
        ("fashion-cnn", False): "loop cnn",
        ("digits-federated", True): "fedavg mlp",
        ("digits-federated", False): "blocks mlp",
    }
    for (name, own), way in ways.items():
        work = speed.of_target(CATALOG.target(name), own=own)
        assert work is not None and work.way == way
    stated = speed.of_target(CATALOG.target("digits-mlp"), own=True)
    assert stated is not None and (stated.steps, stated.records) == (60 * 7, 60 * 400)


def test_nothing_is_told_of_what_was_not_measured():
    others = [CATALOG.target(name) for name in ("digits-vae", "genomes-random-forest", "genomes-dp-1")]
    others += [like("digits-mlp", trainer="own.code:train"), like("digits-mlp", data="own.code:load")]
    assert {FOUND.seconds(speed.of_target(target, own=True)) for target in others} == {None}
    assert FOUND.seconds(speed.of_target(CATALOG.target("fashion-cnn"), own=True)) is None
    assert FOUND.seconds(Work("loop mlp", 10, 100, 1000, 10)) == pytest.approx(10e-3 + 1000e-8 + 10_000e-10)


@pytest.mark.parametrize("name", ["breast-cancer", "digits", "genomes-panel", "rand"])
def test_shapes_are_those_of_the_data_sets(name):
    try:
        held = data.load(name)
    except Exception as error:
        pytest.skip(str(error))
    assert speed.SHAPES[name] == (held.x.shape[1:], held.classes)


def test_what_was_measured_is_kept_and_what_is_damaged_counts_as_not_measured(tmp_path):
    store = Store(tmp_path)
    assert speed.known(store) is None
    path = speed.keep(store, FOUND)
    assert speed.known(store) == FOUND and path.parent == tmp_path and list(store.nodes()) == []
    for damaged in ("", "[]", json.dumps({"costs": {"loop mlp": [1.0]}, "start": 1}), json.dumps({"costs": 3, "start": 1})):
        path.write_text(damaged)
        assert speed.known(store) is None


@pytest.mark.slow
def test_a_machine_measures_itself():
    """That it predicts is a benchmark's to show (tests/benchmarks/test_prices.py); here, that every way has its price."""
    found = speed.measure()
    assert set(found.costs) == {"loop mlp", "blocks mlp", "loop cnn", "fedavg mlp", "fedsgd mlp"}
    assert all(min(costs) >= 0 and max(costs) > 0 for costs in found.costs.values()) and found.start >= 0
    small, large = (speed.of_target(CATALOG.target(name), own=True) for name in ("digits-mlp", "fashion-mlp"))
    assert 0 < found.seconds(small) < found.seconds(large)
