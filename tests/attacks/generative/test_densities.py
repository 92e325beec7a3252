"""How many samples lie near a record: Monte Carlo integration and density ratios, by formulas written again."""

from __future__ import annotations

import math

import generative_fixture as fixture
import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from attacks.generative import components, density_ratio, monte_carlo, nearest_sample
from attacks.handles import AttackError, Ledger, Records, SamplePool
from taxonomy.loading import load

CATALOG = load()


def given(*names, of_pictures=False):
    return fixture.handles(["records", *names], of_pictures=of_pictures).values()


# -- Monte Carlo -------------------------------------------------------------------------------------------------------


def in_balls(here, there, variant):
    distance = np.sqrt(((here[:, None] - there) ** 2).sum(-1))
    radius = np.median(distance.min(1))
    terms = {"epsilon": lambda d: np.ones_like(d), "log": lambda d: -np.log(d / radius), "fraction": lambda d: radius / d}
    return [terms[variant](row[row < radius]).sum() / len(there) for row in distance]


def test_the_radius_is_that_of_the_candidates_whatever_their_order():
    """As the entries say: the median of the distances of all candidates to their nearest sample."""
    for name in ("hilprecht-2019-monte-carlo", "hilprecht-2019-monte-carlo-features"):
        assert CATALOG.attacks[name].depends_on == "candidates"
    records, samples, population = given("samples", "population")

    def score(rows):
        some = Records(records.x[rows], None, records.ids[rows], Ledger())
        return monte_carlo.principal_components(some, samples, population, count=2000, variant="log")

    every, order = score(np.arange(24)), np.random.default_rng(0).permutation(24)
    assert torch.allclose(score(order), every[order], rtol=1e-6)
    assert score(np.arange(3))[:3].tolist() != every[:3].tolist(), "among others the ball is larger or smaller"


@pytest.mark.parametrize("variant", ["epsilon", "log", "fraction"])
def test_monte_carlo_is_the_papers_sum(variant):
    records, samples, population = given("samples", "population")
    by_sklearn = PCA(1).fit(population.x.double().numpy())
    expected = in_balls(*(by_sklearn.transform(x.double().numpy()) for x in (records.x, fixture.samples(800))), variant)
    found = monte_carlo.principal_components(records, samples, population, count=800, components=1, variant=variant)
    assert found.tolist() == pytest.approx(expected, rel=1e-3)
    records, samples = given("samples", of_pictures=True)
    expected = in_balls(*(gradients(x) for x in (records.x, fixture.sample_pictures(80))), variant)
    found = monte_carlo.edge_directions(records, samples, count=80, variant=variant)
    assert found.tolist() == pytest.approx(expected, rel=1e-3)


def gradients(pictures):
    """Histograms of oriented gradients by a loop over pixels."""
    made = []
    for picture in pictures.double().numpy():
        (height, width), found = picture.shape, []
        cells = np.zeros((height // 9, width // 9, 9))
        for i in range(height // 9 * 9):
            for j in range(width // 9 * 9):
                down = picture[i + 1, j] - picture[i - 1, j] if 0 < i < height - 1 else 0.0
                right = picture[i, j + 1] - picture[i, j - 1] if 0 < j < width - 1 else 0.0
                degrees = math.degrees(math.atan2(down, right)) % 180
                cells[i // 9, j // 9, min(int(degrees // 20), 8)] += math.hypot(down, right) / 81
        for i in range(height // 9 - 2):
            for j in range(width // 9 - 2):
                block = cells[i : i + 3, j : j + 3].transpose(2, 0, 1).ravel()
                for cut in (0.2, np.inf):
                    block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), cut)
                found.append(block)
        made.append(np.concatenate(found))
    return np.array(made)


def test_gradients_of_larger_pictures():
    pictures = torch.rand(3, 40, 28, generator=torch.Generator().manual_seed(0))
    found = monte_carlo.oriented_gradients(pictures)
    assert found.shape == (3, 2 * 1 * 81)
    assert found.numpy() == pytest.approx(gradients(pictures), abs=1e-5)
    assert monte_carlo.oriented_gradients(torch.ones(1, 27, 27)).abs().max() == 0, "a flat picture has no edges"
    for other in (torch.rand(2, 3, 32, 32), torch.rand(2, 26, 40)):
        with pytest.raises(AttackError, match="pictures of one channel and 27 x 27 pixels"):
            monte_carlo.oriented_gradients(other)


def test_monte_carlo_says_what_it_cannot_do():
    records, samples, population = given("samples", "population")
    with pytest.raises(AttackError, match="variant is one of epsilon, log, fraction"):
        monte_carlo.principal_components(records, samples, population, count=10, variant="half")
    with pytest.raises(AttackError, match="pictures of one channel"):
        monte_carlo.edge_directions(records, samples, count=10)


def test_half_of_the_records_have_no_sample_in_their_ball():
    """The median heuristic leaves half of the records without one; ties at 0 stay, and count half."""
    records, samples, population = given("samples", "population")
    score = monte_carlo.principal_components(records, samples, population, count=500)
    assert (score == 0).double().mean() >= 0.5


# -- densities ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "components"), [(0.5, 1), (0.999, 2), (1.0, 2)])
def test_density_ratio_is_a_difference_of_kernel_estimates(share, components):
    records, pool, population = given("sample_pool", "population")
    projection = PCA(components).fit(population.x.double().numpy())
    here, made, held = (projection.transform(one.x.double().numpy()) for one in (records, pool, population))

    def density(points):
        count, size = points.shape
        spread = np.atleast_2d(np.cov(points.T)) * count ** (-2 / (size + 4))
        away = here[:, None] - points
        power = np.exp(-np.einsum("nmi,ij,nmj->nm", away, np.linalg.inv(spread), away) / 2)
        return power.mean(1) / np.sqrt(np.linalg.det(2 * np.pi * spread))

    found = density_ratio.density_ratio(records, pool, population, share=share)
    assert found.tolist() == pytest.approx(np.log(density(made) / density(held)).tolist(), rel=1e-5, abs=1e-7)


def test_the_axes_are_the_fewest_that_hold_the_share():
    """As scikit-learn chooses them, on columns of many sizes; the records that are judged play no part."""
    x = torch.randn(300, 12, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -1.5, 12)
    for share in (0.5, 0.8, 0.9, 0.99):
        mean, axes = components.axes_of_share(x, share)
        by_sklearn = PCA(share, svd_solver="full").fit(x.double().numpy())
        assert axes.shape == (12, by_sklearn.n_components_)
        assert (axes.T.numpy() @ by_sklearn.components_.T) ** 2 == pytest.approx(np.eye(axes.shape[1]), abs=1e-6)
        assert mean.numpy() == pytest.approx(by_sklearn.mean_)
    for share in (0.0, 1.5):
        with pytest.raises(AttackError, match=r"share of the variance is above 0 and at most 1 \(found"):
            components.axes_of_share(x, share)
    with pytest.raises(AttackError, match="5 records that are all alike"):
        components.axes_of_share(torch.ones(5, 3), 0.9)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_densities_need_points_that_spread(scale):
    """Whether they do is far from the tolerance, a variance of 1e-9 of the largest: rounding leaves 1e-14, or nothing."""
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * scale
    columns = [x, -x.sum(dim=1, keepdim=True), torch.full((50, 1), scale)]
    held = type("Held", (), {"x": torch.cat(columns, dim=1)})()
    found = density_ratio.density_ratio(held, SamplePool(held.x), held, share=1.0)
    assert found.abs().max() < 1e-9, "columns that follow from others are left out; the same points have the same density"
    thin = held.x[:1] + 0.01 * (held.x - held.x[:1])
    assert density_ratio.density_ratio(held, SamplePool(thin), held, share=1.0).isfinite().all(), "1e-4 of the variance is some"
    on_a_line = held.x[:1] + torch.linspace(-1, 1, 50)[:, None] * held.x[1:2]
    for flat in (torch.full((50, 4), scale / 3), on_a_line, held.x[:1]):
        with pytest.raises(AttackError, match=rf"{len(flat)} points have no density in 2 dimensions"):
            density_ratio.density_ratio(held, SamplePool(flat), held, share=1.0)


# -- Closest rows ------------------------------------------------------------------------------------------------------


def test_the_population_calibrates_the_closest_row():
    records, pool, population = given("sample_pool", "population")
    expected = [cdist(records.x, held.x).min(axis=1) * sign for held, sign in ((population, 1), (pool, -1))]
    found = nearest_sample.nearer_than_population(records, pool, population)
    assert found.tolist() == pytest.approx(np.sum(expected, axis=0).tolist(), abs=1e-5)


def test_one_table_is_all_that_is_asked_for():
    """Who has a released table of 1,000 rows runs both attacks by distance; nothing more is drawn."""
    for name in ("houssiau-2022-closest-distance", "ward-2025-distance-difference"):
        entry = CATALOG.attacks[name]
        assert entry.uses == {"sample-pool": {"count": 1000}} and entry.cost.models == 0
    assert CATALOG.attacks["houssiau-2022-closest-distance"].run == CATALOG.attacks["gan-leaks-1"].run
