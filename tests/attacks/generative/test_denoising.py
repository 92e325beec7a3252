"""Diffusion models: the schedule, training and sampling, and the attacks by formulas of their own."""

from __future__ import annotations

import dataclasses

import fixture
import generative_fixture
import numpy as np
import pytest
import torch

from attacks import metrics, seeds
from attacks.engine.code import Code
from attacks.generative import denoising
from attacks.handles import AttackError, DenoiserAccess, Ledger, NoisePredictor, QueryLimitError
from attacks.handles.views import generative
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.diffusion import SAMPLING_STEPS, sample, schedule
from attacks.models.generators.training import fit
from attacks.models.training import TrainingSet
from attacks.targets import data, diffusion
from taxonomy.loading import load

CATALOG = load()
ATTACKS = ("matsumoto-2023-loss", "duan-2023-secmi", "kong-2024-pia", "rao-2025-sima", "fu-2024-pfami")
TINY = GeneratorRecipe("diffusion", (2, 2), (32, 32), unit=False, epochs=1500, batch=128, learning_rate=0.01)


@pytest.fixture(scope="module")
def trained():
    """A model of 128 records that lie in two corners, and the records."""
    corners = torch.tensor([[-0.9, 0.8, 0.8, -0.9], [0.8, -0.9, -0.9, 0.8]]).repeat(64, 1).reshape(128, 2, 2)
    return fit(TINY, TrainingSet(corners, torch.zeros(128, dtype=torch.long), 3)), corners


def test_the_schedule_is_the_squared_cosine():
    kept, t = np.array(schedule()), np.arange(1, 1000) / 1000
    height = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    assert kept[:999] == pytest.approx(height / np.cos(0.008 / 1.008 * np.pi / 2) ** 2)
    assert len(kept) == 1000 and (np.diff(kept) < 0).all() and 0 < kept[-1] < 1e-5 and kept[0] > 0.9999


def test_training_finds_noise_and_samples_lie_where_the_records_do(trained):
    model, corners = trained
    untrained = fit(dataclasses.replace(TINY, epochs=0), TrainingSet(corners, torch.zeros(128, dtype=torch.long), 3)).eval()
    noise = torch.randn(128, 2, 2, generator=torch.Generator().manual_seed(0))
    kept = schedule()[500]
    noisy = kept**0.5 * corners + (1 - kept) ** 0.5 * noise
    errors = [(m.predict(noisy, 500) - noise).square().mean().item() for m in (model, untrained)]
    assert errors[0] < 0.2 < 0.7 < errors[1]
    with torch.no_grad():
        made = model.decode(torch.randn(200, 4, generator=torch.Generator().manual_seed(1)))
    assert made.shape == (200, 2, 2) and made.abs().max() <= 1
    assert (torch.cdist(made.flatten(1), corners[:2].flatten(1)).min(dim=1).values < 0.3).double().mean() > 0.9


@pytest.mark.slow
def test_the_same_seed_trains_the_same_bits(trained):
    model, corners = trained
    again = fit(TINY, TrainingSet(corners, torch.zeros(128, dtype=torch.long), 3))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_sampling_is_the_papers_deterministic_step():
    """Song et al. 2021, equation 12 with sigma 0 and the record within its range, in numpy."""

    def predict(x, step):
        return 0.8 * x + step / 1000

    kept, x = schedule(), np.random.default_rng(0).normal(size=(5, 3))
    steps = np.linspace(999, 0, SAMPLING_STEPS).round().astype(int)
    expected = x
    for k, step in enumerate(steps):
        noise = predict(expected, step)
        found = np.clip((expected - np.sqrt(1 - kept[step]) * noise) / np.sqrt(kept[step]), -1, 1)
        following = kept[steps[k + 1]] if k + 1 < len(steps) else 1.0
        expected = np.sqrt(following) * found + np.sqrt(1 - following) * noise
    assert sample(predict, kept, torch.from_numpy(x)).numpy() == pytest.approx(expected)


# -- the attacks -----------------------------------------------------------------------------------------------------------


def run(attack_id, **params):
    entry = CATALOG.attacks[attack_id]
    given = generative_fixture.handles(["records", "predicted_noise"])
    return Code().function(entry.run)(**given, **{**entry.params, **params}).numpy(), given


def model(x, step):
    """The fixture's model, in numpy; records come to it in float32."""
    height = x[:, 1].astype(np.float32).astype(np.float64)
    return np.stack([np.zeros(len(x)), height * np.abs(height) / 2], axis=1) * (1 + step / 1000)


def left(step):
    return 1 - (step + 1) / 1001


def test_the_loss_is_the_squared_error_of_the_noise():
    x = generative_fixture.records().numpy().astype(np.float64)
    streams = seeds.streams(0, fixture.IDS)
    errors = []
    for _ in range(3):
        drawn = np.stack([stream.standard_normal(2) for stream in streams])
        found = model(np.sqrt(left(350)) * x + np.sqrt(1 - left(350)) * drawn, 350)
        errors.append(((found - drawn) ** 2).sum(axis=1))
    assert run("matsumoto-2023-loss", draws=1)[0] == pytest.approx(-errors[0])
    assert run("matsumoto-2023-loss", draws=3)[0] == pytest.approx(-np.mean(errors, axis=0))
    assert (run("matsumoto-2023-loss", seed=1)[0] != run("matsumoto-2023-loss")[0]).all()


def test_the_noise_of_one_draw_does_not_decide():
    """With the draws of the entry, two seeds rank the fixture's records nearly alike; with one draw they do not."""

    def agreement(**params):
        return np.corrcoef([run("matsumoto-2023-loss", seed=seed, **params)[0].argsort().argsort() for seed in (0, 1)])[0, 1]

    assert agreement() > 0.8 > agreement(draws=1)


def test_secmi_is_the_authors_error_at_step_90():
    """As the authors' code: DDIM to 90 in strides of 10, to 100 and back, and the squared distance between the two at 90."""

    def step_to(x, here, there):
        a, b, noise = left(here), left(there), model(x, here)
        return np.sqrt(b) * (x - np.sqrt(1 - a) * noise) / np.sqrt(a) + np.sqrt(1 - b) * noise

    x = generative_fixture.records().numpy().astype(np.float64)
    for here in range(0, 90, 10):
        x = step_to(x, here, here + 10)
    back = step_to(step_to(x, 90, 100), 100, 90)
    score, given = run("duan-2023-secmi")
    assert score == pytest.approx(-((x - back) ** 2).sum(axis=1))
    assert given["predicted_noise"].ledger.queries == 11 * fixture.RECORDS


def test_pia_is_the_papers_distance_of_two_answers():
    x = generative_fixture.records().numpy().astype(np.float64)
    first = model(x, 0)
    second = model(np.sqrt(left(200)) * x + np.sqrt(1 - left(200)) * first, 200)
    score, given = run("kong-2024-pia")
    assert score == pytest.approx(-(np.abs(first - second) ** 4).sum(axis=1))
    assert np.argsort(score).tolist() == np.argsort(-np.linalg.norm(first - second, 4, axis=1)).tolist()
    assert given["predicted_noise"].ledger.queries == 2 * fixture.RECORDS


@pytest.mark.parametrize("attack_id", ["duan-2023-secmi", "kong-2024-pia"])
def test_equal_records_get_equal_scores(attack_id):
    score, _ = run(attack_id)
    assert score[0] == score[1]


def test_steps_that_are_none_are_refused():
    for attack_id, params in (
        ("matsumoto-2023-loss", {"step": 1000}),
        ("kong-2024-pia", {"step": -1}),
        ("duan-2023-secmi", {"step": 10}),
        ("duan-2023-secmi", {"stride": 0}),
        ("duan-2023-secmi", {"step": 1000, "stride": 100}),
    ):
        with pytest.raises(AttackError, match="step"):
            run(attack_id, **params)


# -- handles, views and targets --------------------------------------------------------------------------------------------


def test_queries_are_counted_and_stop_at_the_limit():
    oracle = NoisePredictor("predicted_noise", generative_fixture.KEPT, generative_fixture.noise, Ledger(limit=30))
    oracle(torch.zeros(24, 2), 5)
    assert oracle.ledger.queries == 24 and oracle.ledger.touched == {"predicted_noise"}
    with pytest.raises(QueryLimitError):
        oracle(torch.zeros(24, 2), 5)


def test_a_denoiser_at_home_answers_alike_without_a_limit_and_generates(trained):
    model, corners = trained
    ledger = Ledger(limit=0)
    denoiser = DenoiserAccess("denoiser", model.kept, (2, 2), model.predict, ledger)
    oracle = generative.noise_of_denoiser(denoiser)
    assert oracle(corners, 40).dtype == torch.float64
    assert torch.equal(oracle(corners, 40).float(), model.predict(corners, 40)) and ledger.queries == 0
    generator = generative.generator_of_denoiser(denoiser)
    z = torch.randn(3, generator.size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    made = generator(z)
    assert torch.equal(made.detach(), model.decode(z).detach())
    (slope,) = torch.autograd.grad(made.sum(), z)
    assert slope.abs().sum() > 0


@pytest.mark.slow
def test_digits_are_those_of_the_classifiers_in_the_range_of_the_model():
    own, shared = diffusion.digits(), data.load("digits")
    assert own.x.shape == (len(shared.x), 8, 8) and own.x.dtype == np.float32
    assert (own.x.min(), own.x.max()) == (-1, 1) and (own.y == shared.y).all()
    flat = own.x.reshape(len(own.x), -1).astype(np.float64)
    spread = flat.std(axis=0)
    assert (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1) == pytest.approx(shared.x, abs=1e-4, rel=1e-4)


def test_sima_is_the_length_of_the_noise_in_the_record_itself():
    given = generative_fixture.handles(["records", "predicted_noise"])
    height = given["records"].x[:, 1].double().numpy()
    expected = -height * np.abs(height) / 2 * 1.05
    assert denoising.noise_norm(**given, step=50).tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert given["records"].ledger.queries == fixture.RECORDS, "one query a record"


def test_fluctuation_is_nothing_where_a_version_is_the_picture():
    given = generative_fixture.handles(["records", "predicted_noise"], of_pictures=True)
    whole = denoising.fluctuation(**given, versions=1, least=1.0, most=1.0, steps=2)
    assert whole.tolist() == pytest.approx([0.0] * fixture.RECORDS, abs=1e-12)


def test_versions_are_the_middle_at_full_size():
    """Of a slope, the middle share is a slope as much flatter, and constant pictures stay as they are."""
    slope = torch.arange(8, dtype=torch.float64).expand(2, 8, 8)
    shown = denoising._middle(slope, 0.5)
    assert shown[0, 0].tolist() == pytest.approx((3.5 + 0.5 * (np.arange(8) - 3.5)).tolist())
    assert torch.equal(denoising._middle(torch.ones(1, 8, 8), 0.7), torch.ones(1, 8, 8))


def test_fluctuation_is_for_pictures():
    with pytest.raises(AttackError, match="it takes pictures"):
        denoising.fluctuation(**generative_fixture.handles(["records", "predicted_noise"]))


@pytest.mark.slow
def test_an_untrained_model_leaks_nothing():
    """AUC pooled over five seeds, 1/2 within the 99.9 % interval, with all five attacks."""
    params = {**CATALOG.targets["digits-diffusion"].params, "epochs": 0}
    found = {name: [] for name in ATTACKS}
    for seed in range(5):
        target = diffusion.build(**params, seed=seed)
        for name, areas in found.items():
            entry = CATALOG.attacks[name]
            records = target.records(Ledger(), with_label=False)
            score = Code().function(entry.run)(records, target.makers["Q.predicted-noise"](Ledger()), **entry.params).numpy()
            truth = target.member.numpy()
            areas.append((metrics.auc(score, truth), metrics.auc_variance(score, truth)))
    for name, areas in found.items():
        area, error = np.mean([a for a, _ in areas]), np.sqrt(sum(v for _, v in areas)) / 5
        assert abs(area - 0.5) <= 3.2905 * error, (name, area, error)


def test_the_split_of_the_larger_target_and_its_pictures():
    params = {**CATALOG.targets["digits-diffusion-large"].params, "epochs": 0}
    target = diffusion.build(**params)
    assert target.facts == {"training_size": 1250, "pool_size": len(diffusion.digits().x) - 1500}
    assert len(target.x) == 500 and target.member.sum() == 250
    pool = target.makers["D1.samples"](Ledger())
    assert not set(map(bytes, pool.x.numpy())) & set(map(bytes, target.x.numpy()))
    shown = target.exhibits()
    assert list(shown) == ["samples", "training pictures nearest to them"]
    assert all(p.shape == (16, 8, 8) and p.min() >= 0 and p.max() <= 1 for p in shown.values())
