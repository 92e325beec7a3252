"""The audit in one run: its guesses, the training whose epsilon is known, and the bound on targets with coins."""

from __future__ import annotations

import io

import fixture
import numpy as np
import pytest
import torch
from rich.console import Console

from attacks.audit import report
from attacks.cli import tables
from attacks.discriminative.audit import surest_guesses
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, Ledger, Records, ScoreOracle
from attacks.metrics import epsilon
from attacks.models import noisy_descent, signals, training
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import private
from taxonomy.findings import InputError
from taxonomy.loading import load

AUDIT = "steinke-2023-one-run-audit"
CATALOG = load()


def test_guesses_are_the_surest_ones():
    given = fixture.handles(["records", "scores"])
    found = surest_guesses(**given, share_in=0.25, share_out=0.125)
    loss = signals.loss(given["scores"](given["records"].x), fixture.label())
    assert found.score.tolist() == (-loss).tolist()
    assert [int((found.guess == g).sum()) for g in (1, -1, 0)] == [6, 3, 15], "shares of 24 records"
    assert loss[found.guess == 1].max() <= loss[found.guess == 0].min()
    assert loss[found.guess == -1].min() >= loss[found.guess == 0].max()
    assert not surest_guesses(**given, share_in=0, share_out=0).guess.any()
    with pytest.raises(AttackError, match="together at most 1"):
        surest_guesses(**given, share_in=0.6, share_out=0.6)


def test_which_of_equal_scores_are_guessed_their_ids_decide():
    given = fixture.handles(["records"])
    records = given["records"]
    alike = ScoreOracle("scores", lambda x: torch.full((len(x), 2), 0.5, dtype=torch.float64).log(), Ledger())
    guess = surest_guesses(Records(records.x, records.label % 2, records.ids, Ledger()), alike).guess
    order = torch.randperm(len(guess), generator=torch.Generator().manual_seed(0))
    other = Records(records.x[order], records.label[order] % 2, records.ids[order.numpy()], Ledger())
    assert guess.any() and torch.equal(surest_guesses(other, alike).guess, guess[order])


def small(count: int) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(5, 3)), torch.randn(count, 5) * 3, torch.arange(count) % 3


def one_step(count: int, clip: float, noise: float) -> torch.Tensor:
    """The change of all weights by one step at rate 1, undivided."""
    model, x, y = small(8)
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    torch.manual_seed(1)
    noisy_descent.descend(model, x[:count], y[:count], steps=1, divisor=1, learning_rate=1.0, clip=clip, noise=noise)
    return (torch.nn.utils.parameters_to_vector(model.parameters()) - before).detach()


def test_one_record_more_moves_a_step_by_at_most_the_clip():
    for clip in (0.1, 1.0, 100.0):
        moved = float((one_step(8, clip, 0.0) - one_step(7, clip, 0.0)).norm())
        assert moved <= clip * (1 + 1e-5)
    assert float((one_step(8, 0.1, 0.0) - one_step(7, 0.1, 0.0)).norm()) == pytest.approx(0.1, rel=1e-4)


def test_without_clip_and_noise_it_is_gradient_descent():
    model, x, y = small(8)
    torch.nn.functional.cross_entropy(model(x), y, reduction="sum").backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert one_step(8, 1e6, 0.0).tolist() == pytest.approx((-gradient).tolist(), abs=1e-4)


def test_noise_is_as_large_as_it_says():
    x, y = torch.zeros(2, 4000), torch.zeros(2, dtype=torch.int64)
    changes = {}
    for noise in (0.0, 2.0):
        torch.manual_seed(0)
        model = torch.nn.Linear(4000, 2)
        before = model.weight.detach().clone()
        noisy_descent.descend(model, x, y, steps=4, divisor=10, learning_rate=5.0, clip=0.5, noise=noise)
        changes[noise] = model.weight.detach() - before
    spread = float((changes[2.0] - changes[0.0]).std())
    assert spread == pytest.approx(5.0 * 2.0 * 0.5 * 4**0.5 / 10, rel=0.05), "rate x noise x clip x sqrt(steps) / divisor"


def test_training_is_deterministic():
    recipe = Recipe("mlp", (5,), 3, epochs=3, batch=4, learning_rate=1.0, clip=1.0, noise=1.0)
    _, x, y = small(8)
    first, second, other = (training.fit(recipe, TrainingSet(x, y, seed)).state_dict() for seed in (1, 1, 2))
    assert all(first[name].equal(second[name]) for name in first)
    assert not first["1.weight"].equal(other["1.weight"])


def test_target_with_coins():
    settings = {"data": "digits", "steps": 2, "learning_rate": 1.0, "clip": 1.0, "delta": 1e-5}
    target = private.build(candidates=400, noise=5.0, **settings)
    assert target.facts["epsilon"] == epsilon.gaussian_epsilon(5.0, 2, 1e-5)
    coins = target.member.numpy()
    assert 150 < coins.sum() < 250 and target.facts["training_size"] == coins.sum()
    assert not {"D1.size", "D1.mean-loss"} & set(target.makers), "they are not covered by the privacy of the training"
    guess = np.where(coins, 1, -1).astype(np.int8)
    guess[100:] = 0
    found = target.judges["audit"](guess).as_json()
    assert found["ci"] is None and found["details"]["true epsilon"] == target.facts["epsilon"]
    assert found["value"] == epsilon.lower_bound(400, 100, 100, 1e-5) > 3
    assert target.judges["audit"](-guess).value == 0.0
    public = private.build(candidates=400, noise=0.0, members_trained=False, **settings)
    assert public.facts["epsilon"] is None and "true epsilon" not in public.judges["audit"](guess).details
    assert public.facts["pool_size"] == target.facts["pool_size"] - coins.sum()
    with pytest.raises(InputError, match="too few"):
        private.build(candidates=1797, noise=0.0, **settings)


@pytest.fixture(scope="module")
def audited(kept_store):
    """The audit's outcome on a target, for five seeds."""
    found = {}

    def run(target):
        if target not in found:
            plan = plans.make(CATALOG, CATALOG.target(target), None, [AUDIT])
            found[target] = [Engine(CATALOG, Store(kept_store)).run(plan, seed) for seed in range(5)]
        return found[target]

    return run


def bounds(outcomes):
    return np.array([outcome.results[0]["metric"]["value"] for outcome in outcomes])


@pytest.mark.slow
@pytest.mark.parametrize("target", ["genomes-dp-4", "genomes-dp-1"])
def test_bound_stays_below_the_true_epsilon(target, audited):
    for outcome in audited(target):
        assert outcome.results[0]["metric"]["value"] <= outcome.target_facts["epsilon"]


@pytest.mark.slow
def test_bound_grows_as_noise_goes(audited):
    public, weak, strong = (bounds(audited(name)) for name in ("genomes-coins", "genomes-dp-4", "genomes-dp-1"))
    assert public.min() > 1, "without noise, one run shows that no small epsilon holds"
    assert (public > weak).all() and weak.mean() > strong.mean()


@pytest.mark.slow
def test_coins_without_effect_give_0(audited):
    assert not bounds(audited("genomes-coins-null")).any()


@pytest.mark.slow
def test_bound_is_shown_beside_the_usual_figures(audited, tmp_path):
    data = report.write_run(audited("genomes-dp-4")[0], tmp_path, "mia run", CATALOG)
    assert {"auc", "metric"} <= set(data["results"][0])
    page = (tmp_path / "report.html").read_text()
    assert "lower bound on epsilon" in page and "true epsilon: 3.99" in page
    text = io.StringIO()
    tables.results(Console(file=text, width=200), data)
    assert "AUC" in text.getvalue() and "lower bound on epsilon" in text.getvalue() and "true epsilon 3.99" in text.getvalue()


def test_a_target_without_coins_cannot_offer_them(tmp_path):
    entry = CATALOG.target("digits-mlp").model_copy(update={"offers": ["Q.scores", "record.label", "D2.coins"]})
    catalog = load()
    catalog.targets["digits-mlp"] = entry
    with pytest.raises(InputError, match=r"offers D2\.coins"):
        Engine(catalog, Store(tmp_path)).target("digits-mlp", 0)
