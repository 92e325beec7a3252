"""Attacks on generative models: formulas written again, and what an adversary must not be able to do."""

from __future__ import annotations

import dataclasses
import functools

import generative_fixture as fixture
import numpy as np
import pytest
import torch
from scipy import optimize

from attacks import metrics
from attacks.engine import plan
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.generative import density_ratio, latent_search, monte_carlo, nearest_sample, powell
from attacks.generative.autoencoder import reconstruction
from attacks.handles import AttackError, LatentOracle, Ledger, NotGrantedError, Number, Population, Records, SamplePool
from attacks.handles.views import generative
from attacks.models.training import TrainingSet
from attacks.steps import reference_generator
from attacks.targets import generator
from taxonomy.graph import Graph, goal
from taxonomy.loading import load
from taxonomy.resolver import Resolver

CATALOG = load()
TINY = {"data": "digits", "family": "vae", "members": 100, "non_members": 100, "hidden": [64], "latent": 4, "batch": 20}


def given(*names):
    return fixture.handles(["records", *names]).values()


class Granted:
    """Fresh handles of a target that share a ledger, and a reference generator by its recipe."""

    def __init__(self, target):
        self.target, self.ledger = target, Ledger()
        self.records = target.records(self.ledger, with_label=False)
        self.pool = SamplePool(self["Q.samples"](2000))

    def __getitem__(self, term):
        return self.target.makers[term](self.ledger)

    @functools.cached_property
    def reference(self):
        return reference_generator.known_recipe(self.records, self["D1.samples"], self["M2"], self["D1.size"], seed=3)


@pytest.fixture(scope="module")
def trained() -> Granted:
    return Granted(generator.build(**TINY, epochs=200, learning_rate=0.003, pool=500))


@pytest.fixture(scope="module")
def untrained() -> Granted:
    return Granted(generator.build(**TINY, epochs=0, learning_rate=0.003, pool=500))


# -- the nearest sample ------------------------------------------------------------------------------------------------


def test_the_nearest_sample_is_the_nearest():
    records, pool, reference = given("sample_pool", "reference_generator")

    def distance(samples):
        away = records.x.double().numpy()[:, None] - samples.double().numpy()
        return np.sqrt((away**2).sum(-1)).min(1)

    score = nearest_sample.nearest_sample(records, pool)
    assert score.tolist() == pytest.approx((-distance(pool.x)).tolist())
    score = nearest_sample.calibrated(records, pool, reference, seed=7)
    expected = distance(reference.samples(len(pool), 7)) - distance(pool.x)
    assert score.tolist() == pytest.approx(expected.tolist())


def test_samples_are_compared_in_chunks():
    x, samples = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.randn(9000, 3)
    distance, index = nearest_sample.to_nearest(x, samples, 4)
    whole = torch.cdist(x.double(), samples.double())
    assert index.tolist() == whole.topk(4, largest=False).indices.tolist()
    assert torch.allclose(distance, whole.gather(1, index))
    assert nearest_sample.to_nearest(x, samples[:2], 4)[1].shape == (5, 2), "there are no more"


# -- searches ----------------------------------------------------------------------------------------------------------


def test_powell_finds_what_scipy_finds_with_fewer_questions():
    generator = np.random.default_rng(0)
    turns = np.linalg.qr(generator.normal(size=(6, 5, 5)))[0]
    scales, centres = 10.0 ** generator.uniform(-1, 1, size=(6, 5)), generator.normal(size=(6, 5))
    asked = []

    def valleys(z):
        asked.append(len(z))
        turned = np.einsum("nij,nj->ni", turns, z.numpy() - centres)
        return torch.from_numpy((scales * turned**2 + np.abs(turned) ** 3).sum(1))

    found = powell.minimise(valleys, torch.zeros(6, 5, dtype=torch.float64), 600)
    assert len(asked) <= 600
    assert found.numpy() == pytest.approx(centres, abs=1e-3)

    def first(z):
        turned = turns[0] @ (z - centres[0])
        return (scales[0] * turned**2 + np.abs(turned) ** 3).sum()

    by_scipy = optimize.minimize(first, np.zeros(5), method="Powell")
    assert first(found[0].numpy()) <= by_scipy.fun + 1e-6


def test_powell_keeps_to_its_budget_and_searches_each_row_by_itself():
    asked = []

    def bowl(z):
        asked.append(1)
        return (z - 1).square().sum(dim=1) + z.prod(dim=1).square()

    starts = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for budget in (1, 3, 10, 57):
        asked.clear()
        found = powell.minimise(bowl, starts, budget)
        assert len(asked) <= budget
        assert (bowl(found) <= bowl(starts)).all(), "a search never ends above its start"
    alone = torch.cat([powell.minimise(bowl, row, 57) for row in starts.split(1)])
    assert torch.equal(alone, found)


@pytest.mark.parametrize("regulariser", [0.0, 0.001])
def test_searches_find_the_nearest_point_of_the_line(regulariser):
    records, latent, line = given("latent", "generator")
    x = records.x.double().numpy()

    def best(row):
        def objective(z):
            return ((12 + 8 * z - row[0]) ** 2 + row[1] ** 2) / 2 + regulariser * (z**2 - 1) ** 2

        z = optimize.minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x
        return ((12 + 8 * z - row[0]) ** 2 + row[1] ** 2) / 2

    expected = [-best(row) for row in x]
    assert latent_search.by_queries(records, latent, regulariser=regulariser).tolist() == pytest.approx(expected, abs=1e-4)
    assert latent_search.by_gradient(records, line, regulariser=regulariser).tolist() == pytest.approx(expected, abs=1e-4)


def test_calibration_subtracts_the_distance_to_the_reference():
    records, latent, line, reference = given("latent", "generator", "reference_generator")
    height = records.x[:, 1].double()
    expected = ((height - 3).square() - height.square()) / 2  # the reference's line is at height 3
    options = {"regulariser": 0.0, "samples": 100}
    found = latent_search.by_queries_calibrated(records, latent, reference.hosted(), **options)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    found = latent_search.by_gradient_calibrated(records, line, reference, **options)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.slow
def test_searches_come_nearer_than_the_nearest_sample(trained):
    x = trained.records.x
    decode = trained["Q.latent"]
    start = latent_search._nearest_codes(x, decode, decode.size, 2000, 1, 5)[0]
    nearest = latent_search.mean_squared(decode(start.float()), x)
    by_queries = -latent_search.by_queries(trained.records, decode, samples=2000, queries=300, regulariser=0.0, seed=5)
    by_gradient = -latent_search.by_gradient(trained.records, trained["M1.generator"], samples=2000, regulariser=0.0, seed=5)
    for found in (by_queries, by_gradient):
        assert (found <= nearest).all() and found.mean() < 0.8 * nearest.mean()
    assert float(by_gradient.mean()) == pytest.approx(float(by_queries.mean()), rel=0.1), "both end in the same valleys"
    more = -latent_search.by_gradient(trained.records, trained["M1.generator"], samples=2000, starts=3, regulariser=0.0, seed=5)
    assert (more <= by_gradient + 1e-12).all(), "further starts can only help"


def test_records_that_are_searched_for_in_step_do_not_touch_each_other(trained):
    """On a real network: alone, or in another order, each record ends where it does among all others.

    Networks round by 1e-7 more or less as blocks are larger or smaller, which a search amplifies a little.
    """
    target = trained.target

    def found(rows):
        records = Records(target.x[rows], None, target.ids[rows], Ledger())
        return torch.stack(
            [
                latent_search.by_queries(records, trained["Q.latent"], samples=500, queries=150, seed=5),
                latent_search.by_gradient(records, trained["M1.generator"], samples=500, steps=100, seed=5),
                reconstruction(records, trained["M1.encoder"], trained["Q.latent"], draws=10, seed=5),
            ]
        )

    every = found(np.arange(200))
    for rows in (np.random.default_rng(0).permutation(200), np.arange(40, 60), np.arange(7, 8)):
        assert torch.allclose(found(rows), every[:, rows], rtol=1e-3, atol=0)


def test_queries_are_counted(trained):
    before = trained.ledger.queries
    latent_search.by_queries(trained.records, trained["Q.latent"], samples=500, queries=20)
    assert 500 + 200 * 17 < trained.ledger.queries - before <= 500 + 200 * 20
    before = trained.ledger.queries
    latent_search.by_queries_calibrated(trained.records, trained["Q.latent"], trained.reference, samples=500, queries=20)
    assert trained.ledger.queries - before <= 500 + 200 * 20, "questions to one's own generator cost nothing"
    with pytest.raises(AttackError, match="at least 2"):
        latent_search.by_queries(trained.records, trained["Q.latent"], queries=1)


@pytest.mark.slow
def test_samples_at_home_are_drawn_by_the_seed_of_the_run(tmp_path, monkeypatch):
    """Who has the generator makes its own samples: of other codes in every run, and of the same ones in the same run."""
    codes = []

    def watched(latent, *, seed):
        codes.append(seed)
        return original(latent, seed=seed)

    original = generative.samples_of_latent
    monkeypatch.setattr(generative, "samples_of_latent", watched)
    names = ["gan-leaks-1", "hilprecht-2019-monte-carlo"]
    target = CATALOG.target("digits-vae")
    params = {**target.params, "epochs": 0}
    target = target.model_copy(update={"offers": ["M1.generator", "D1.samples"], "params": params})
    catalog = dataclasses.replace(CATALOG, kinds={**CATALOG.kinds, "targets": {target.id: target}})
    short = {"sample-pool": {"count": "50"}, "hilprecht-2019-monte-carlo": {"count": "50"}}
    for seed in (10, 11, 10):
        made = plan.make(catalog, target, None, names, short)
        outcome = Engine(catalog, Store(tmp_path / str(len(codes)))).run(made, seed)
        assert not outcome.failures
    assert codes[0:2] == codes[4:6] and codes[0] == codes[1] and codes[2] == codes[3] and codes[0] != codes[2]
    latent = LatentOracle("latent", 3, lambda z: z, Ledger())
    first, again, other = (original(latent, seed=seed)(5) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


# -- who may do what ---------------------------------------------------------------------------------------------------


def test_a_chosen_code_is_no_gradient(trained):
    z = torch.zeros(3, 4, requires_grad=True)
    assert not trained["Q.latent"](z).requires_grad
    assert trained["M1.generator"](z).requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        trained["Q.latent"](z).sum().backward()


def test_who_gets_samples_cannot_choose_codes(trained):
    samples = trained["Q.samples"]
    assert not hasattr(samples, "size")
    with pytest.raises((TypeError, RuntimeError)):
        samples(torch.zeros(3, 4))
    with pytest.raises(NotGrantedError):
        trained.target.grant(["Q.samples"]).handle("Q.latent", Ledger())
    closure = Resolver(Graph.of(load())).closure(["generative", "stand-alone", "Q.samples", "D1.samples"])
    assert goal("gan-leaks-1") in closure and goal("hilprecht-2019-monte-carlo") in closure
    assert not {goal(f"gan-leaks-{kind}") for kind in ("2", "3", "2-calibrated", "3-calibrated")} & closure


@pytest.mark.slow
def test_a_reference_generator_of_the_platform_has_no_gradient(trained):
    hosted = reference_generator.same_platform(trained.records, trained["D1.samples"], trained["M3"], trained["D1.size"], seed=3)
    own = trained.reference
    z = torch.zeros(2, 4, requires_grad=True)
    assert own(z).requires_grad and not hosted(z).requires_grad and not own.hosted()(z).requires_grad
    assert torch.equal(own(z), hosted(z)), "the same recipe on the same records"
    with pytest.raises(AttackError, match="no gradient to follow"):
        latent_search.by_gradient_calibrated(trained.records, trained["M1.generator"], hosted, samples=10, steps=1)


def test_reference_generators_have_not_seen_a_candidate(trained):
    seen: list[TrainingSet] = []

    class Watched:
        def fit_many(self, sets):
            seen.extend(sets)
            return [fixture.line(0.0)]

    def made(size):
        reference_generator.known_recipe(
            trained.records, trained["D1.samples"], Watched(), Number("training_size", size, Ledger()), seed=3
        )

    made(100)
    ((data,), population) = seen, trained["D1.samples"]
    assert len(data.x) == 100 and {*map(bytes, data.x.numpy())} <= {*map(bytes, population.x.numpy())}
    assert not {*map(bytes, data.x.numpy())} & {*map(bytes, trained.records.x.numpy())}
    with pytest.raises(AttackError, match="9,999 records each, as the target was, and the adversary holds only 500"):
        made(9999)


def test_a_reference_generator_can_be_guessed(trained):
    population = trained["D1.samples"]
    few = {"hidden": 16, "latent": 3, "epochs": 2, "seed": 3}
    made = reference_generator.guessed_recipe(trained.records, population, **few)
    z = torch.zeros(2, 3, requires_grad=True)
    found = made(z)
    assert found.requires_grad and found.shape == (2, *population.x.shape[1:])
    assert torch.equal(found, reference_generator.guessed_recipe(trained.records, population, **few)(z))
    nobody = Population("population", population.x[:0], population.label[:0], population.ids[:0], Ledger())
    with pytest.raises(AttackError, match="the adversary's own records, and there are none"):
        reference_generator.guessed_recipe(trained.records, nobody)


# -- chance, and what leaks --------------------------------------------------------------------------------------------


def all_scores(granted):
    records, pool, reference = granted.records, granted.pool, granted.reference
    short = {"samples": 500, "regulariser": 0.0}
    return {
        "reconstruction": reconstruction(records, granted["M1.encoder"], granted["Q.latent"], draws=30),
        "gan-leaks-1": nearest_sample.nearest_sample(records, pool),
        "gan-leaks-1-calibrated": nearest_sample.calibrated(records, pool, reference),
        "gan-leaks-2": latent_search.by_queries(records, granted["Q.latent"], queries=200, **short),
        "gan-leaks-3": latent_search.by_gradient(records, granted["M1.generator"], steps=100, **short),
        "gan-leaks-3-calibrated": latent_search.by_gradient_calibrated(
            records, granted["M1.generator"], reference, steps=100, **short
        ),
        "monte-carlo": monte_carlo.principal_components(records, granted["Q.samples"], granted["D1.samples"], count=20000),
        "domias": density_ratio.density_ratio(records, pool, granted["D1.samples"]),
    }


def test_an_untrained_generator_tells_nothing(untrained):
    for name, score in all_scores(untrained).items():
        low, high = metrics.auc_interval(score.numpy(), untrained.target.member.numpy(), 0.999)
        assert low <= 0.5 <= high, f"{name} finds members in random weights"


def test_an_overfitted_generator_leaks(trained):
    for name, score in all_scores(trained).items():
        assert metrics.auc(score.numpy(), trained.target.member.numpy()) > 0.55, name


@pytest.mark.slow
def test_more_pictures_and_dropout_leak_less(kept_store):
    """Hilprecht et al. 2019, Tables 3 and 4: leakage falls with the size of the training set, and with dropout."""
    catalog, names = load(), ["gan-leaks-1-calibrated", "hilprecht-2019-reconstruction"]
    engine = Engine(catalog, Store(kept_store))

    def found(target):
        results = engine.run(plan.make(catalog, catalog.target(target), None, names), 0).results
        return np.array([result["auc"] for result in results])

    leaks = found("fashion-vae")
    assert (found("fashion-vae-large") + 0.02 < leaks).all()
    assert (found("fashion-vae-dropout") + 0.02 < leaks).all()
