"""Noise that is made against a classifier of members: what it keeps, its budget, and which attacks it stops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attacks.defenses import memguard
from attacks.defenses.answers import Mask, label_shown
from attacks.defenses.owner import Owner
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.handles import Ledger, ScoreOracle
from attacks.models.training import Model, Recipe, TrainingSet, fit
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

SEED, CLASSES, COUNT = 3, 6, 60
EITHER = {"guard": (memguard.guard, {"budget": 2.0}), "fool": (memguard.fool, {"step": 0.1, "steps": 100})}


def part(seed: int, count: int = COUNT) -> TrainingSet:
    """Records whose labels tell nothing, which a network can only learn by heart."""
    generator = torch.Generator().manual_seed(seed)
    return TrainingSet(torch.randn(count, 8, generator=generator), torch.randint(CLASSES, (count,), generator=generator), seed)


def owner(reference: TrainingSet) -> Owner:
    recipe, data = Recipe("mlp", (8,), CLASSES, (64,), 60, 16, 0.003), part(1)
    return Owner(Model(recipe, fit(recipe, data), "mine"), data, reference)


@pytest.fixture(scope="module")
def mine() -> Owner:
    return owner(part(2))


def shown(mine: Owner, name: str, x: Tensor, **params) -> tuple[Tensor, Tensor]:
    """Return what the mask shows of records, and what the model says of them."""
    function, defaults = EITHER[name]
    log_probs = mine.model.log_probs(x)
    mask = Mask(function, {**defaults, **params}, SEED, mine)
    return mask(log_probs, x, torch.zeros(len(x), dtype=torch.int64)).log_probs, log_probs


def everybody(mine: Owner) -> Tensor:
    return torch.cat([mine.data.x, mine.reference.x])


def distance(one: Tensor, other: Tensor) -> Tensor:
    return (one.exp() - other.exp()).abs().sum(dim=-1)


@pytest.mark.slow
@pytest.mark.parametrize("name", EITHER)
def test_labels_stay_and_scores_are_probabilities(mine, name):
    masked, exact = shown(mine, name, everybody(mine))
    assert torch.equal(masked.argmax(-1), exact.argmax(-1))
    assert torch.allclose(masked.exp().sum(-1), torch.ones(len(masked)).double())
    assert (distance(masked, exact) > 0).double().mean() > 0.9


@pytest.mark.parametrize("name", EITHER)
def test_the_owners_classifier_is_misled(mine, name):
    masked, exact = shown(mine, name, everybody(mine))
    member = torch.arange(2 * COUNT) < COUNT
    odds = [memguard._classifier(mine, SEED)(answers) for answers in (exact, masked)]
    right = [float(((found > 0) == member).double().mean()) for found in odds]
    assert right[0] > 0.6 and right[1] < 0.4


def test_owners_of_the_same_answers_share_their_classifier(mine):
    """Attacks make owners anew of the same models, one after another: each classifier is trained once."""
    again = Owner(mine.model, mine.data, mine.reference)
    assert again != mine and memguard._classifier(again, SEED) is memguard._classifier(mine, SEED)
    assert memguard._classifier(mine, SEED + 1) is not memguard._classifier(mine, SEED)
    other = Owner(mine.model, mine.data, part(5))
    assert memguard._classifier(other, SEED) is not memguard._classifier(mine, SEED)


@pytest.mark.slow
def test_noise_is_shown_as_often_as_the_budget_allows(mine):
    """Each record's noise is shown with a probability of budget over distance: half of it moves answers half as far."""
    x = torch.cat([everybody(mine), part(7, 300).x])
    whole, exact = shown(mine, "guard", x)
    far = distance(whole, exact)
    budget = 0.5 * float(far[far > 0].median())
    some, _ = shown(mine, "guard", x, budget=budget)
    is_shown = distance(some, exact) > 0
    assert torch.equal(some[is_shown], whole[is_shown])
    expected = (budget / far[far > 0]).clamp(max=1)
    spread = float((expected * (1 - expected)).sum().sqrt())
    assert abs(float(is_shown.sum()) - float(expected.sum())) < 4 * spread
    none, _ = shown(mine, "guard", x, budget=0.0)
    assert torch.equal(none, exact)


@pytest.mark.parametrize("name", EITHER)
def test_a_record_has_one_answer(mine, name):
    x = everybody(mine)
    every, _ = shown(mine, name, x)
    again, _ = shown(mine, name, x)
    assert torch.equal(every, again)
    # Beside others the model's own answers differ in their last bits, and descent by as little.
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(5))
    other, _ = shown(mine, name, x[order])
    assert torch.allclose(other.exp(), every[order].exp(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", EITHER)
def test_labels_are_told_without_a_search_and_are_the_same(mine, name, monkeypatch):
    function, params = EITHER[name]
    monkeypatch.setattr(memguard, "_classifier", None)
    mask = Mask(function, params, SEED, mine)
    labels = label_shown(mask, lambda ledger: ScoreOracle("scores", mine.model.log_probs, ledger))(Ledger())
    assert torch.equal(labels(mine.data.x), mine.model.log_probs(mine.data.x).argmax(-1))


def test_a_defender_without_records_of_others_cannot(mine):
    alone = Owner(mine.model, mine.data, TrainingSet(mine.data.x[:0], mine.data.y[:0], 0))
    with pytest.raises(AttackError, match="no records of others"):
        shown(alone, "guard", mine.data.x)


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("memguard", {"budget": "-1"}, "memguard.budget must be at least 0 and at most 2"),
        ("memguard", {"budget": "3"}, "memguard.budget must be at least 0 and at most 2"),
        ("adversarial-examples", {"step": "0"}, "adversarial-examples.step must be above 0"),
        ("adversarial-examples", {"steps": "0"}, "adversarial-examples.steps must be at least 1"),
    ],
)
def test_bad_settings_are_one_sentence(name, setting, message):
    with pytest.raises(InputError, match=message):
        defended.apply(load(), name, setting)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memguard", "adversarial-examples"])
def test_it_stops_the_learned_attack_it_was_made_for_and_no_attack_on_labels(kept_store, name):
    """On genomes-mlp, since Location-30 comes with no package. Who knows of it learns from answers with the same noise."""
    catalog = load()
    attacks = ["ml-leaks-1", "yeom-2018-gap"]

    def auc(applied: defended.Applied | None) -> dict[str, float]:
        plan = plans.make(catalog, catalog.target("genomes-mlp"), None, attacks, {}, applied)
        return {one["attack"]: one["auc"] for one in Engine(catalog, Store(kept_store)).run(plan, 10).results}

    plain = auc(None)
    naive = auc(defended.apply(catalog, name, {}, adaptive=False))
    assert plain["ml-leaks-1"] > 0.75 and naive["ml-leaks-1"] < 0.55
    assert naive["yeom-2018-gap"] == plain["yeom-2018-gap"]
