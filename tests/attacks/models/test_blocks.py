"""Blocks of models: they do what the loop does, and no model of a block knows of the others."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

from attacks.errors import DivergedError
from attacks.models import training
from attacks.models.blocks import Block
from attacks.models.paths import block_size
from attacks.models.training import Model, NumberedSets, Recipe

POOL, SIZE = 60, block_size("mlp")
RECIPE = Recipe("mlp", (2, 3), 4, hidden=(16, 8), epochs=3, batch=8, learning_rate=0.01)
DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(POOL, 2, 3, generator=DRAWN)
LABEL = torch.randint(0, 4, (POOL,), generator=DRAWN)


def rows(k: int, records: int = 30) -> torch.Tensor:
    return torch.randperm(POOL, generator=torch.Generator().manual_seed(k))[:records]


def sets(count: int, y: torch.Tensor = LABEL, *, x: torch.Tensor = X, rows=rows, most: int | None = None) -> NumberedSets:
    return NumberedSets(x, y, count=count, rows=rows, seed=lambda k: 100 + k, most=most)


def weights(module) -> list[bytes]:
    return [value.numpy().tobytes() for value in module.state_dict().values()]


@pytest.mark.parametrize(
    ("recipe", "y"),
    [
        pytest.param(RECIPE, LABEL, id="labels"),
        pytest.param(RECIPE, torch.rand(POOL, 4, generator=DRAWN), id="probabilities"),
        pytest.param(dataclasses.replace(RECIPE, classes=1, regression=True), torch.randn(POOL, generator=DRAWN), id="values"),
        pytest.param(dataclasses.replace(RECIPE, hidden=()), LABEL, id="no hidden layer"),
    ],
)
def test_a_block_does_what_the_loop_does(recipe, y):
    """Thirty records in batches of eight, so that the last batch is a smaller one."""
    (block,) = sets(SIZE, y).blocks(SIZE)
    for data, together in zip(sets(SIZE, y), training.fit_block(recipe, block), strict=True):
        by_itself, start = training.fit(recipe, data), training.fit(dataclasses.replace(recipe, epochs=0), data)
        for name, value in by_itself.state_dict().items():
            moved = (value - start.state_dict()[name]).abs().max()
            assert (together.state_dict()[name] - value).abs().max() < 1e-4 * moved, "it rounds otherwise, and nothing else"


def test_models_of_unequal_sizes_are_trained_too():
    recipe = dataclasses.replace(RECIPE, learning_rate=0.001)
    uneven = sets(SIZE, rows=lambda k: rows(k, 30 + k % 2))
    (block,) = uneven.blocks(SIZE)
    for data, module in zip(uneven, training.fit_block(recipe, block), strict=True):
        expected = Model(recipe, training.fit(recipe, data), "loop").log_probs(X)
        assert torch.allclose(Model(recipe, module, "block").log_probs(X), expected, atol=1e-4)


def test_no_model_knows_of_the_others_and_one_that_diverges_is_told():
    (block,) = sets(SIZE).blocks(SIZE)
    plain = training.fit_block(RECIPE, block)
    x = torch.cat([X, torch.full((1, 2, 3), torch.nan)])
    (spoilt,) = sets(
        SIZE, torch.cat([LABEL, LABEL[:1]]), x=x, rows=lambda k: rows(k) if k else torch.arange(POOL - 29, POOL + 1)
    ).blocks(SIZE)
    found = training.fit_block(RECIPE, spoilt)
    assert [weights(a) == weights(b) for a, b in zip(plain, found, strict=True)] == [False] + [True] * (SIZE - 1)
    with pytest.raises(DivergedError, match="its training diverged"):
        Model(RECIPE, found[0], "spoilt").log_probs(X)


def test_blocks_are_the_same_however_many_models_are_wanted():
    def content(count: int, **more) -> list[str]:
        return [block.content for block in sets(count, **more).blocks(SIZE)]

    assert [len(block) for block in sets(SIZE + 1).blocks(SIZE)] == [SIZE, SIZE], "the last one is filled up"
    assert content(1) == content(SIZE) == content(3 * SIZE)[:1] and content(SIZE + 1) == content(2 * SIZE)
    assert len(set(content(3 * SIZE))) == 3
    assert [len(block) for block in sets(SIZE + 1, most=SIZE + 2).blocks(SIZE)] == [SIZE, 2], "there are no more to fill up with"
    made = training.fit_many(RECIPE, sets(SIZE + 1))
    more = training.fit_many(RECIPE, sets(2 * SIZE))
    assert len(made) == SIZE + 1 and [weights(m._module) for m in made] == [weights(m._module) for m in more[: SIZE + 1]]


def test_the_content_of_a_block_is_that_of_its_records_and_seeds():
    (block,) = sets(SIZE).blocks(SIZE)
    order = torch.randperm(POOL, generator=torch.Generator().manual_seed(3))
    place = order.argsort()
    turned = Block(
        torch.cat([X[order], X + 1]), torch.cat([LABEL[order], LABEL]), tuple(place[r] for r in block.rows), block.seeds
    )
    assert turned.content == block.content, "neither the order of the pool nor what else is in it matters"
    assert dataclasses.replace(block, seeds=(*block.seeds[:-1], 7)).content != block.content
    assert dataclasses.replace(block, y=(LABEL + 1) % 4).content != block.content
    assert dataclasses.replace(block, rows=(block.rows[0].flip(0), *block.rows[1:])).content != block.content
    assert [weights(a) for a in training.fit_block(RECIPE, turned)] == [weights(a) for a in training.fit_block(RECIPE, block)]


def test_a_worker_is_sent_the_records_of_its_block_alone():
    large = Block(torch.zeros(100_000, 6), torch.zeros(100_000, dtype=torch.int64), (torch.arange(5), torch.arange(3, 8)), (1, 2))
    sent = pickle.dumps(large)
    assert len(sent) < 10_000
    received = pickle.loads(sent)  # noqa: S301  (our own)
    assert received.x.shape == (8, 6) and [r.tolist() for r in received.rows] == [[0, 1, 2, 3, 4], [3, 4, 5, 6, 7]]
    assert received.content == large.content


def test_what_the_loop_trains():
    """Estimators, networks without a batched program, noisy descent, trainers and architectures of one's own."""
    assert RECIPE.block_size == SIZE > 1
    others = [{"architecture": name} for name in ("cnn", "unet", "random-forest", "package.module:network")]
    for change in [*others, {"clip": 1.0, "noise": 1.0}, {"trainer": "package.module:train"}]:
        assert dataclasses.replace(RECIPE, **change).block_size == 1


def test_a_training_set_is_made_when_it_is_asked_for():
    asked: list[int] = []
    made = sets(3, rows=lambda k: (asked.append(k), rows(k))[1])
    assert len(made) == 3 and asked == []
    assert torch.equal(made[-1].x, X[rows(2)]) and made[1].seed == 101 and [data.seed for data in made[1:]] == [101, 102]
    with pytest.raises(IndexError):
        made[3]
