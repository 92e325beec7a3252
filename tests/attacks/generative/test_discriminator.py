"""Adversarial networks, the attacks by their discriminators, and the steps that train such networks."""

from __future__ import annotations

import math

import generative_fixture
import numpy as np
import pytest
import torch

from attacks import metrics
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.generative import discriminator as attacks
from attacks.handles import AttackError, DiscriminatorAccess, KnownMembers, Ledger, Population, Records, SamplePool
from attacks.models import generators
from attacks.models.dropout import Dropout
from attacks.models.generators import GeneratorRecipe
from attacks.models.training import TrainingSet
from attacks.steps import adversarial_networks, informed_discriminator, informed_gan, surrogate_gan
from attacks.targets import generator as target
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import from_user

TABLE = GeneratorRecipe("gan", (6,), (16, 8), latent=4, unit=False, epochs=3, batch=8, learning_rate=0.001)
PICTURES = GeneratorRecipe("dcgan", (8, 8), (4, 8), latent=5, epochs=3, batch=8, learning_rate=0.001)
COLOURS = GeneratorRecipe("dcgan", (3, 8, 12), (4, 8), latent=5, epochs=3, batch=8, learning_rate=0.001)
WITH_ENCODER = GeneratorRecipe("dcgan-vae", (8, 8), (4, 8), latent=5, epochs=3, batch=8, learning_rate=0.001)
FAMILIES = [TABLE, PICTURES, COLOURS, WITH_ENCODER]


def training_set(recipe, count=24, seed=0, classes=1):
    x = torch.rand(count, *recipe.shape, generator=torch.Generator().manual_seed(seed))
    return TrainingSet(x, torch.arange(count) % classes, seed)


def records(x):
    return Records(x, None, np.arange(len(x), dtype=np.uint64), Ledger())


@pytest.mark.parametrize("recipe", FAMILIES, ids=lambda r: f"{r.family}{r.shape}")
def test_families(recipe):
    """Shapes, the range of samples, the same bits from the same seed, and answers that do not hang on other records."""
    data = training_set(recipe)
    (made,), (again,) = (generators.fit_many(recipe, [data]) for _ in range(2))
    assert all(torch.equal(value, again.parameters()[name]) for name, value in made.parameters().items())
    x = made.module.decode(torch.randn(7, made.module.latent))
    assert x.shape == (7, *recipe.shape) and (not recipe.unit or (x.min() >= 0 and x.max() <= 1))
    together = made.module.real(data.x)
    assert together.shape == (24,)
    assert torch.allclose(together[3:4], made.module.real(data.x[3:4]), atol=1e-6)
    if recipe.family == "dcgan-vae":
        mean, log_variance = made.module.encode(data.x)
        assert mean.shape == log_variance.shape == (24, 5)


def test_pictures_must_be_halved():
    with pytest.raises(ValueError, match=r"cannot be halved 2 times"):
        GeneratorRecipe("dcgan", (6, 8), (4, 8), latent=5).build()


def test_one_step_follows_the_cross_entropy():
    """The first step of a dense network, against the same losses written out; Goodfellow et al. 2014, Algorithm 1."""
    recipe = GeneratorRecipe("gan", (6,), (5,), latent=4, unit=False, epochs=1, batch=24, learning_rate=0.01)
    data = training_set(recipe)
    (made,) = generators.fit_many(recipe, [data])
    torch.manual_seed(data.seed)
    fresh = recipe.build()
    order, z = torch.randperm(24), torch.randn(24, 4)
    judge, maker = (
        torch.optim.Adam(part.parameters(), lr=0.01, betas=(0.5, 0.999)) for part in (fresh.discriminator, fresh.generator)
    )
    fake = fresh.generator(z)
    judge.zero_grad()
    real, taken = fresh.discriminator(data.x[order])[:, 0], fresh.discriminator(fake.detach())[:, 0]
    (-(real.sigmoid().log().mean() + (1 - taken.sigmoid()).log().mean())).backward()
    judge.step()
    maker.zero_grad()
    (-fresh.discriminator(fake)[:, 0].sigmoid().log().mean()).backward()
    maker.step()
    for name, value in fresh.state_dict().items():
        assert torch.allclose(value, made.parameters()[name], atol=1e-5), name


def test_known_records_join_the_fakes():
    """With two classes in the recipe, class 0 is learned as fake: a network that sees none of it judges it otherwise."""
    recipe = GeneratorRecipe("gan", (6,), (32,), latent=4, classes=2, unit=False, epochs=60, batch=8, learning_rate=0.005)
    drawn = training_set(recipe, classes=2)
    data = TrainingSet(drawn.x + (drawn.y == 0)[:, None] / 2, drawn.y, drawn.seed)
    (made,) = generators.fit_many(recipe, [data])
    judged = made.module.real(data.x)
    assert metrics.auc(judged.double().numpy(), data.y.numpy() == 1) > 0.9
    alone = TrainingSet(data.x[data.y == 1], data.y[data.y == 1], data.seed)
    (without,) = generators.fit_many(recipe, [alone])
    assert without.module.real(data.x[data.y == 0]).mean() > judged[data.y == 0].mean()


def test_dropout_stands_in_the_discriminator():
    recipe = GeneratorRecipe("dcgan", (8, 8), (4, 8), latent=5, dropout=0.5)
    module = recipe.build()
    assert sum(isinstance(layer, Dropout) for layer in module.discriminator) == 2
    assert not any(isinstance(layer, Dropout) for layer in module.generator)


def test_scores_are_the_discriminators_logits():
    given = generative_fixture.handles(["records", "discriminator", "surrogate_gan", "informed_gan", "informed_discriminator"])
    x = given["records"].x.numpy()

    def logit(shift):
        return 3 - 2 * np.abs(x[:, 1] - shift) - 0.01 * x[:, 0]

    cases = [
        (attacks.of_target, "discriminator", 0.0),
        (attacks.of_surrogate, "surrogate_gan", 0.4),
        (attacks.of_informed_surrogate, "informed_gan", 0.3),
        (attacks.informed, "informed_discriminator", 0.2),
    ]
    for attack, name, shift in cases:
        score = attack(given["records"], given[name])
        assert score.dtype == torch.float64 and score.tolist() == pytest.approx(logit(shift).tolist(), abs=1e-5)
    assert given["discriminator"].ledger.queries == 0, "a discriminator at home is asked for nothing"


@pytest.mark.parametrize("recipe", [TABLE, PICTURES], ids=lambda r: r.family)
def test_an_untrained_discriminator_is_at_chance(recipe):
    """Over ten discriminators that learned nothing: AUC 1/2 within four standard errors, and hardly a tie."""
    found = []
    for seed in range(10):
        torch.manual_seed(seed)
        judge = DiscriminatorAccess("discriminator", recipe.build().eval().real, Ledger())
        x = torch.rand(200, *recipe.shape)
        score = attacks.of_target(records(x), judge)
        assert score.dtype == torch.float64 and len(score.unique()) > 195, "float32 networks round, but seldom alike"
        found.append(metrics.auc(score.numpy(), np.arange(200) < 100))
    assert abs(np.mean(found) - 0.5) < 4 * np.sqrt(201 / (12 * 100 * 100 * 10))


class NotToBeSeen(Records):
    """Candidates that must not be looked at."""

    def _touch(self):
        raise AssertionError("a step looked at the candidates")


def known_members(x, others):
    from attacks.handles import ShadowData

    def of_class_0(count, first):
        return torch.zeros(count, dtype=torch.int64), np.arange(first, first + count, dtype=np.uint64)

    return KnownMembers("known_members", x, *of_class_0(len(x), 0), Ledger(), ShadowData(others, *of_class_0(len(others), 1000)))


STEPS = [
    (surrogate_gan.from_samples, ()),
    (informed_gan.from_known_members, ("known",)),
    (informed_gan.from_non_members, ("population",)),
    (informed_discriminator.from_known_members, ("known",)),
    (informed_discriminator.from_non_members, ("population",)),
]


@pytest.mark.parametrize(("step", "more"), STEPS, ids=lambda s: getattr(s, "__name__", "-"))
@pytest.mark.parametrize("shape", [(6,), (8, 8)], ids=["table", "pictures"])
def test_steps_never_see_candidates_and_give_the_same_bits_twice(step, more, shape):
    generator = torch.Generator().manual_seed(0)
    pool, x, others = (torch.rand(count, *shape, generator=generator) for count in (70, 10, 10))
    label, ids = torch.zeros(10, dtype=torch.int64), np.arange(10, dtype=np.uint64)
    given = {
        "known": known_members(x, others),
        "population": Population("population", others, label, ids, Ledger()),
    }
    candidates = NotToBeSeen(x, None, ids, Ledger())
    first, again, other = (step(candidates, SamplePool(pool), *(given[m] for m in more), steps=4, seed=s) for s in (0, 0, 1))
    judged = [made.discriminator(x) if hasattr(made, "discriminator") else made(x) for made in (first, again, other)]
    assert judged[0].dtype == torch.float64 and judged[0].shape == (10,)
    assert torch.equal(judged[0], judged[1]) and not torch.equal(judged[0], judged[2])


def test_few_known_records_count_as_much_as_many_samples(monkeypatch):
    """Of samples and known members, networks see as many, and of non-members as many as of both or of the real records."""
    seen = []
    monkeypatch.setattr(
        adversarial_networks.training, "fit_many", lambda recipe, sets, what: seen.append((recipe, *sets)) or [None]
    )
    monkeypatch.setattr(
        adversarial_networks.generators, "fit_many", lambda recipe, sets, what: seen.append((recipe, *sets)) or [None]
    )
    monkeypatch.setattr(adversarial_networks, "OwnDiscriminator", lambda model: model)
    monkeypatch.setattr(adversarial_networks, "OwnGan", lambda model: model)
    pool, x, others = (torch.full((count, 2), value) for count, value in ((600, 0.25), (7, 0.5), (11, 0.75)))
    candidates, known = NotToBeSeen(x, None, np.arange(7, dtype=np.uint64), Ledger()), known_members(x, others)
    informed_discriminator.from_known_members(candidates, SamplePool(pool), known, steps=3000)
    informed_gan.from_known_members(candidates, SamplePool(pool), known, steps=3000)
    (of_both, learned), (of_gan, mixed) = seen

    def counts(data, kind):
        values, number = data.x[data.y == kind][:, 0].unique(return_counts=True)
        return dict(zip(values.tolist(), number.tolist(), strict=True))

    assert counts(learned, 1) == {0.25: 600, 0.5: 600} and counts(learned, 0) == {0.75: 1200}
    assert counts(mixed, 1) == {0.25: 600, 0.5: 600} and counts(mixed, 0) == {0.75: 11}
    for recipe, size in ((of_both, 2400), (of_gan, 1200)):
        assert recipe.epochs * math.ceil(size / adversarial_networks.BATCH) == pytest.approx(3000, rel=0.05)


def test_the_smaller_side_is_repeated():
    """Three records against three hundred: the few are not given up."""
    generator = torch.Generator().manual_seed(0)
    many, few = torch.randn(300, 4, generator=generator), torch.randn(3, 4, generator=generator) + 3
    made = adversarial_networks.discriminator(many, few, steps=300, seed=0)
    assert (made(few) < 0).all() and (made(many) > 0).double().mean() > 0.9
    with pytest.raises(AttackError, match="at least one of each"):
        adversarial_networks.discriminator(many, few[:0], steps=1, seed=0)


def test_guesses_follow_the_records():
    generator = torch.Generator().manual_seed(0)
    for shape, family in (((8, 8), "dcgan"), ((3, 8, 8), "dcgan"), ((7, 8), "gan"), ((6,), "gan")):
        x = torch.rand(9, *shape, generator=generator)
        recipe = adversarial_networks.gan(x, x[:0], steps=1, seed=0)._generator.recipe
        assert recipe.family == family and recipe.unit
    assert not adversarial_networks.gan(
        torch.randn(9, 6, generator=generator), torch.empty(0, 6), steps=1, seed=0
    )._generator.recipe.unit


def test_who_has_records_of_its_own_takes_them_for_non_members():
    """They are more than the non-members that come with known members, and these alone decide; else the known ones are used."""
    catalog = load()
    vae, black_box = catalog.target("digits-vae"), {"observation": "black-box", "model": "generative", "frame": "stand-alone"}

    def way(attack, *knows):
        threat = from_user(catalog, knows=["Q.samples", *knows], **black_box)
        (planned,) = plans.make(catalog, vae, threat, [attack]).attacks
        return {rule.id for rule in planned.rules if rule.id.startswith("informed")}

    for attack, name in (("logan-3", "informed-discriminator"), ("logan-3-generative", "informed-gan")):
        assert way(attack, "D2.members", "D1.samples") == way(attack, "D1.samples") == {f"{name}-from-non-members"}
        assert way(attack, "D2.members") == {f"{name}-from-known-members"}
        assert {frozenset(one.knows) for one in catalog.attacks[attack].published} == {
            frozenset({"Q.samples", "D1.samples"}),
            frozenset({"Q.samples", "D2.members"}),
        }


def test_adversaries_know_a_fifth_to_a_third_of_the_training_set():
    """As in Hayes et al. 2019: and the same share of the records that were not used, which are many more."""
    catalog = load()
    for entry in catalog.targets.values():
        if entry.run == "attacks.targets.generator:build" and "D2.members" in entry.offers:
            known, others = entry.params["known_members"], entry.params.get("others", 0)
            assert 0.2 <= known / (entry.params["members"] + known + others) <= 0.3, entry.id
    built = of_digits(known_members=20, others=16, pool=500)
    known = built.makers["D2.members"](Ledger())
    assert built.facts == {"training_size": 100, "pool_size": 500}
    assert len(known) == 20 and len(known.non_members) == 100
    for name in ("known_members", "others", "pool"):
        with pytest.raises(InputError, match=rf"{name} must be at least 0 \(found -1\)"):
            of_digits(**{name: -1})
    population = {*map(bytes, built.makers["D1.samples"](Ledger()).x.numpy())}
    assert {*map(bytes, known.non_members.x.numpy())} <= population and not {*map(bytes, known.x.numpy())} & population


@pytest.mark.slow
def test_known_records_add_to_samples(kept_store):
    """Hayes et al. 2019: LOGAN-3 finds more than LOGAN-2, with known members as with other records, on a target that leaks."""
    catalog = load()
    target = catalog.target("digits-vae")

    def auc(attack, *knows):
        threat = from_user(catalog, knows=["Q.samples", *knows], observation="black-box", model="generative", frame="stand-alone")
        (result,) = Engine(catalog, Store(kept_store)).run(plans.make(catalog, target, threat, [attack]), 10).results
        return result["auc"]

    samples_only = auc("logan-2")
    for attack in ("logan-3", "logan-3-generative"):
        assert auc(attack, "D1.samples") > auc(attack, "D2.members") > samples_only, attack


def of_digits(family="gan", **settings):
    return target.build(
        **{
            "data": "digits",
            "family": family,
            "members": 64,
            "non_members": 200,
            "hidden": [256],
            "latent": 4,
            "epochs": 1,
            "batch": 64,
            "learning_rate": 0.001,
            **settings,
        }
    )


def of_discriminator(built):
    score = attacks.of_target(records(built.x), built.makers["M1.discriminator"](Ledger()))
    return metrics.auc(score.numpy(), built.member.numpy())


@pytest.mark.slow
def test_leakage_grows_with_epochs_and_is_that_of_members():
    """A discriminator that is trained long knows its records; the control, trained as long on others, knows none of these."""
    brief, long = of_discriminator(of_digits(epochs=20)), of_discriminator(of_digits(epochs=1000))
    control = of_discriminator(of_digits(epochs=1000, members_trained=False))
    assert long > 0.65 and long > brief + 0.05
    assert abs(control - 0.5) < 0.16, "four standard errors"


def test_targets_offer_what_their_family_has():
    offered = {family: {*of_digits(family).makers} for family in ("gan", "vae")}
    assert offered["gan"] - offered["vae"] == {"M1.discriminator"} and offered["vae"] - offered["gan"] == {"M1.encoder"}


@pytest.fixture
def measured_by_logan(kept_store):
    """The AUC of the white-box attack on a target of the catalog, seed 0."""
    catalog = load()

    def measure(name):
        plan = plans.make(catalog, catalog.target(name), None, ["logan-1"])
        (result,) = Engine(catalog, Store(kept_store)).run(plan, 0).results
        return result["auc"]

    return measure


@pytest.mark.slow
def test_leakage_of_convolutional_networks(measured_by_logan):
    """As Hayes et al. 2019 found: the discriminator leaks more the longer it is trained, and less of more records."""
    found = {name: measured_by_logan(name) for name in ("fashion-dcgan", "fashion-dcgan-brief", "fashion-dcgan-large")}
    assert found["fashion-dcgan"] > 0.75
    assert found["fashion-dcgan-brief"] < found["fashion-dcgan"] - 0.1
    assert found["fashion-dcgan-large"] < found["fashion-dcgan"] - 0.1
