"""Answers that are computed on encrypted records are the same answers, and an adversary who may ask learns as much."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from attacks.defenses import encrypted
from attacks.defenses.owner import Owner
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.models import own_code
from attacks.models.training import Model, Recipe, TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

SQUARES = "attacks.models.squares:network"
X = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(0))
NAME = "homomorphic-encryption"


@pytest.fixture(autouse=True)
def packages_of_the_catalog() -> None:
    own_code.allow(["attacks"])


def owner(recipe: Recipe) -> Owner:
    torch.manual_seed(1)
    none = TrainingSet(X[:0], torch.zeros(0, dtype=torch.int64), 0)
    return Owner(Model(recipe, recipe.build(), "mine"), none, none)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
def test_answers_are_the_same(hidden):
    pytest.importorskip("tenseal")
    mine = owner(Recipe(SQUARES, (2, 3), 3, hidden))
    found, expected = encrypted.compute(X, mine), mine.model.log_probs(X)
    assert found.dtype == torch.float64 and torch.allclose(found, expected, rtol=0, atol=1e-3)
    assert torch.equal(found.argmax(-1), expected.argmax(-1))
    assert encrypted.compute(X[:0], mine).shape == (0, 3)


def test_the_server_holds_no_key():
    tenseal = pytest.importorskip("tenseal")
    seen = []

    def served(library, context, sent, layers):
        seen.append(context.is_private())
        with pytest.raises(ValueError, match="secret"):
            library.ckks_tensor_from(context, sent).decrypt()
        return real(library, context, sent, layers)

    real = encrypted._served
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encrypted, "_served", served)
        encrypted.compute(X, owner(Recipe(SQUARES, (2, 3), 3, (4,))))
    assert seen == [False] and tenseal


def test_a_square_is_a_square():
    recipe = Recipe(SQUARES, (2, 3), 3, (4,))
    flat, first, square, last = recipe.build()
    assert isinstance(flat, nn.Flatten)
    assert torch.equal(square(first(flat(X))), first(X.flatten(1)) ** 2) and last.out_features == 3


def test_other_networks_and_too_many_layers_are_one_sentence():
    with pytest.raises(AttackError, match=r"ReLU is no such thing.*attacks\.models\.squares:network"):
        encrypted.compute_suits(Recipe("mlp", (6,), 3, (4,)))
    with pytest.raises(AttackError, match="multiplications in a row"):
        encrypted.compute_suits(Recipe(SQUARES, (6,), 3, (4,) * 20))


def run(folder, target: str, applied: defended.Applied | None, seed: int = 10):
    catalog = load()
    plan = plans.make(catalog, catalog.target(target), None, ["yeom-2018-loss", "yeom-2018-gap"], {}, applied)
    engine = Engine(catalog, Store(folder))
    return engine.run(plan, seed)


def test_a_target_that_does_not_suit_is_refused_before_it_is_trained(tmp_path):
    with pytest.raises(InputError, match=f"{NAME}: encrypted values can be added and multiplied"):
        run(tmp_path, "digits-mlp", defended.apply(load(), NAME, {}))
    assert not list(Store(tmp_path).nodes())


def test_without_tenseal_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tenseal", None)
    with pytest.raises(InputError, match=r"computed by TenSEAL: pip install 'mia-atlas\[encryption\]'"):
        run(tmp_path, "genomes-squares", defended.apply(load(), NAME, {}))
    assert not list(Store(tmp_path).nodes())


@pytest.mark.slow
def test_encryption_changes_nothing_for_who_may_ask(kept_store):
    pytest.importorskip("tenseal")
    found = [run(kept_store, "genomes-squares", applied) for applied in (None, defended.apply(load(), NAME, {}))]
    plain, hidden = [{one["attack"]: one["auc"] for one in outcome.results} for outcome in found]
    assert plain["yeom-2018-loss"] > 0.8, "there is something to protect"
    assert hidden["yeom-2018-gap"] == plain["yeom-2018-gap"]
    assert hidden["yeom-2018-loss"] == pytest.approx(plain["yeom-2018-loss"], abs=1e-3)
    accuracy = found[1].defense.utility["test_accuracy"]
    assert accuracy["defended"] == accuracy["undefended"]
