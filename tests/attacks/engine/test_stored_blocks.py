"""Blocks in the store: one node each, made once, and the same bits whatever else was wanted, in whatever order, by whom."""

from __future__ import annotations

import dataclasses
import gc

import pytest
import torch

from attacks.engine.code import Code
from attacks.engine.executors import executor
from attacks.engine.places import SerialExecutor, Silent
from attacks.engine.store import Store
from attacks.engine.versions import environment
from attacks.engine.workshop import HELD, StoreWorkshop, node_of
from attacks.models.devices import CPU
from attacks.models.paths import SIZES
from attacks.models.training import NumberedSets, Recipe

SIZE = SIZES["mlp"]
RECIPE = Recipe("mlp", (3,), 2, hidden=(8,), epochs=2, batch=8, learning_rate=0.01)
DRAWN = torch.Generator().manual_seed(0)
X, LABEL = torch.randn(40, 3, generator=DRAWN), torch.randint(0, 2, (40,), generator=DRAWN)


def sets(count: int, first: int = 0) -> NumberedSets:
    def rows(k: int) -> torch.Tensor:
        return torch.randperm(40, generator=torch.Generator().manual_seed(first + k))[:20]

    return NumberedSets(X, LABEL, count=count, rows=rows, seed=lambda k: first + k)


class Told(Silent):
    """Keeps what is told."""

    def __init__(self):
        self.begun, self.advanced = [], 0

    def start(self, what, total):
        self.begun.append((what, total))

    def advance(self):
        self.advanced += 1


def workshop(folder, pool=None, device=CPU) -> StoreWorkshop:
    return StoreWorkshop(Store(folder), pool or SerialExecutor(), Code(), Told(), device)


def bits(models) -> list[bytes]:
    return [b"".join(value.numpy().tobytes() for value in model.parameters().values()) for model in models]


@pytest.fixture(scope="module")
def nine(tmp_path_factory) -> list[bytes]:
    return bits(workshop(tmp_path_factory.mktemp("store")).fit_many(RECIPE, sets(9), "models"))


@pytest.mark.parametrize("requests", [(9,), (1, 9), (9, 2), (5, 3, 9)], ids=str)
def test_neither_the_number_nor_the_order_of_requests_matters(nine, tmp_path, requests):
    at_work = workshop(tmp_path)
    for count in requests:
        at_work.fit_many(RECIPE, sets(SIZE, first=50), "others")
        assert bits(at_work.fit_many(RECIPE, sets(count), "models")) == nine[:count]
    kinds = [node.kind for node in at_work.store.nodes()]
    assert kinds == ["block"] * 4 and at_work.trained == 4 * SIZE, "each block is made once"


@pytest.mark.slow
def test_several_workers_give_the_same_bits(nine, tmp_path):
    with executor(2) as pool:
        assert bits(workshop(tmp_path, pool).fit_many(RECIPE, sets(9), "models")) == nine


def test_what_is_trained_unasked_is_told(tmp_path):
    at_work = workshop(tmp_path)
    at_work.fit_many(RECIPE, sets(SIZE + 1), "shadow models")
    assert (at_work.trained, at_work.spare, at_work.reused) == (2 * SIZE, SIZE - 1, 0)
    told = f"Training shadow models and {SIZE - 1} more, so that blocks of {SIZE} are whole"
    assert at_work.progress.begun == [(told, 2 * SIZE)] and at_work.progress.advanced == 2 * SIZE
    at_work.fit_many(RECIPE, sets(2 * SIZE), "shadow models")
    assert (at_work.trained, at_work.spare, at_work.reused) == (2 * SIZE, SIZE - 1, 2 * SIZE)
    at_work.fit_many(RECIPE, sets(2 * SIZE + 1), "shadow models")
    assert (at_work.trained, at_work.spare, at_work.reused) == (3 * SIZE, 2 * (SIZE - 1), 4 * SIZE)


def test_a_lost_block_is_made_again_and_no_other(nine, tmp_path):
    at_work = workshop(tmp_path)
    models = at_work.fit_many(RECIPE, sets(9), "models")
    at_work.store.drop(at_work.store.place(node_of(models[SIZE].fingerprint)))
    assert bits(workshop(tmp_path).fit_many(RECIPE, sets(SIZE), "models")) == nine[:SIZE]
    again = workshop(tmp_path)
    assert bits(again.fit_many(RECIPE, sets(9), "models")) == nine
    assert (again.trained, again.spare) == (SIZE, 0)


def test_a_list_is_trained_one_by_one_by_the_loop(tmp_path):
    """Nobody can tell what else a block would hold, and the first of them must be the same however long the list is."""
    at_work = workshop(tmp_path)
    models = at_work.fit_many(RECIPE, list(sets(3)), "models")
    assert [node.kind for node in at_work.store.nodes()] == ["model"] * 3 and at_work.trained == 3
    assert bits(at_work.fit_many(RECIPE, list(sets(5)), "models"))[:3] == bits(models) and at_work.trained == 5


def test_a_recipe_of_the_loop_takes_numbered_sets_one_by_one(tmp_path):
    at_work = workshop(tmp_path)
    forests = dataclasses.replace(RECIPE, architecture="decision-tree")
    made = at_work.fit_many(forests, sets(3), "models")
    assert [node.kind for node in at_work.store.nodes()] == ["model"] * 3 and at_work.trained == len(made) == 3


def test_the_path_is_part_of_the_name():
    assert environment()["path"] == "blocks" and environment("loop")["path"] == "loop"


def test_networks_are_read_when_they_are_asked_and_few_are_held(tmp_path):
    """So memory does not grow with the number of models, of which a run may have hundreds."""
    count = (HELD + 2) * SIZE
    at_work = workshop(tmp_path)
    models = at_work.fit_many(RECIPE, sets(count), "models")
    assert not networks(), "nobody has asked them yet"
    answers = [model.log_probs(X) for model in models]
    assert 0 < len(networks()) <= HELD * SIZE < count
    assert all(torch.equal(model.log_probs(X), before) for model, before in zip(models, answers, strict=True))


def test_reading_a_network_draws_no_random_number(tmp_path):
    (model,) = workshop(tmp_path).fit_many(RECIPE, sets(1), "models")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    model.log_probs(X)
    assert torch.equal(torch.rand(3), expected)


def networks() -> list[torch.nn.Module]:
    """Return all networks of our recipe that are alive."""
    form = [(8, 3), (2, 8)]
    alive = [one for one in gc.get_objects() if type(one) is torch.nn.Sequential]
    return [one for one in alive if [tuple(layer.shape) for layer in one.parameters() if layer.ndim == 2] == form]


# The processor by another name, so that all goes the way of an accelerator and no number changes.
OTHER = "cpu:0"


def test_the_device_is_part_of_the_name_of_networks_and_of_their_answers(tmp_path, nine):
    here, there = workshop(tmp_path), workshop(tmp_path, device=OTHER)
    ours, theirs = here.fit_many(RECIPE, sets(9), "models"), there.fit_many(RECIPE, sets(9), "models")
    assert there.trained == here.trained > 9 and bits(theirs) == bits(ours) == nine
    assert not {model.fingerprint for model in ours} & {model.fingerprint for model in theirs}
    pairs = [(mine.kept_log_probs(X), other.kept_log_probs(X)) for mine, other in zip(ours, theirs, strict=True)]
    assert all(torch.equal(*pair) for pair in pairs)
    assert sum(node.kind == "answers" for node in here.store.nodes()) == 18
    single = here.fit_many(RECIPE, list(sets(1)), "models") + there.fit_many(RECIPE, list(sets(1)), "models")
    assert len({model.fingerprint for model in single}) == 2 and len(set(bits(single))) == 1


def test_what_is_trained_on_the_cpu_anyway_has_one_name(tmp_path):
    forests = dataclasses.replace(RECIPE, architecture="decision-tree")
    (piece,) = sets(1).blocks(1)
    names = {workshop(tmp_path, device=device).fingerprint(forests, piece) for device in (CPU, OTHER)}
    assert len(names) == 1
    assert environment()["device"] == CPU and environment(device="cuda")["device"] == "cuda"
