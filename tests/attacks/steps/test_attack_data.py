"""Attack data, the attack models that learn from it, and the steps that make shadow data and shadow models of every grade."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixture import CLASSES, IDS, RECORDS, handles, label
from scipy import stats

from attacks.discriminative import attack_data_classifier, dense, over_the_air, shadow_classifier, variance_prior
from attacks.engine import artifacts
from attacks.handles import (
    AttackData,
    AttackError,
    KnownMembers,
    LabelOracle,
    Ledger,
    Marginals,
    ModelType,
    NotGrantedError,
    Number,
    Population,
    Records,
    ReferenceModels,
    ScoreOracle,
    ShadowData,
    Superset,
    Trainer,
)
from attacks.handles.views.grades import training_set_as_superset
from attacks.models import architectures, signals
from attacks.models.training import Recipe
from attacks.seeds import record_ids
from attacks.steps import attack_data, reference_models, shadow_data, shadow_models

LEDGER = Ledger()
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
Y = torch.arange(40) % 4
HELD = ShadowData(X, Y, record_ids(X.numpy()))
CANDIDATES = Records(X[:8] + 1, Y[:8], record_ids((X[:8] + 1).numpy()), LEDGER)


def recipe(**changes):
    return Recipe(**{"architecture": "mlp", "shape": (6,), "classes": 4, "hidden": (8,), "epochs": 2, "batch": 16, **changes})


@pytest.mark.parametrize("kind", [*architectures.ESTIMATORS, "mlp"])
def test_any_attack_model(kind):
    given = handles(["records", "scores", "attack_data"])
    found = attack_data_classifier.infer_by_any_model(**given, attack_model=kind)
    assert found.score.shape == (RECORDS,) and found.score.isfinite().all() and found.score.std() > 0
    assert found.score.tolist() == attack_data_classifier.infer_by_any_model(**given, attack_model=kind).score.tolist()


def test_attack_models_are_one_a_class_on_probabilities():
    """Truex et al. 2019 with naive Bayes, written again with scipy."""
    given = handles(["records", "scores", "attack_data"])
    data = given["attack_data"]
    features, member = data.log_probs.exp().numpy(), data.member.numpy()
    target = given["scores"](given["records"].x).exp().numpy()
    found = attack_data_classifier.infer_by_any_model(**given, attack_model="naive-bayes").score
    for i in range(RECORDS):
        mine = label().numpy() == int(label()[i])
        odds = np.log(member[mine].mean()) - np.log((~member[mine]).mean())
        for side, sign in ((member, 1), (~member, -1)):
            rows = features[mine & side]
            spread = np.sqrt(rows.var(0) + 1e-9 * features[mine].var(0).max())
            odds += sign * stats.norm.logpdf(target[i], rows.mean(0), spread).sum()
        assert float(found[i]) == pytest.approx(odds, rel=1e-6)


def test_attack_models_say_what_is_wrong():
    given = handles(["records", "scores", "attack_data"])
    with pytest.raises(AttackError, match="attack_model is one of"):
        attack_data_classifier.infer_by_any_model(**given, attack_model="oracle")
    data = given["attack_data"]
    one_kind = AttackData(data.log_probs, data.label, torch.ones(RECORDS, dtype=torch.bool))
    wider = torch.nn.functional.pad(data.log_probs, (0, 1), value=float("-inf"))
    other_task = AttackData(wider, data.label, data.member)
    for attack in (attack_data_classifier.infer_by_any_model, attack_data_classifier.infer_from_known_members):
        with pytest.raises(AttackError, match="one kind only"):
            attack(given["records"], given["scores"], one_kind)
        with pytest.raises(AttackError, match="answers of 4 classes, but the target has 3"):
            attack(given["records"], given["scores"], other_task)


def test_network_of_nasr_has_the_papers_shape():
    network = attack_data_classifier._ScoresAndLabel(100)
    sizes = [tuple(w.shape) for w in network.parameters() if w.ndim == 2]
    assert sizes == [(1024, 100), (512, 1024), (64, 512), (512, 100), (64, 512), (256, 128), (64, 256), (1, 64)]
    assert all((b == 0).all() for b in network.parameters() if b.ndim == 1)


def test_attack_data_from_shadow_models_and_from_known_members():
    shadow = handles(["shadow_models"])["shadow_models"]
    data = attack_data.from_shadow_models(CANDIDATES, shadow)
    assert torch.equal(data.log_probs[RECORDS : 2 * RECORDS], shadow.log_probs(1)) and len(data) == RECORDS * len(shadow)
    assert torch.equal(data.member[RECORDS : 2 * RECORDS], shadow.trained_on[1])

    ledger, asked = Ledger(), []

    def answer(q):
        asked.append(q)
        return torch.full((len(q), 4), 0.25, dtype=torch.float64).log()

    known = KnownMembers(
        "known_members", X[:10], Y[:10], record_ids(X[:10].numpy()), ledger, ShadowData(X[10:], Y[10:], HELD.ids[10:])
    )
    data = attack_data.from_known_members(CANDIDATES, ScoreOracle("scores", answer, ledger), known, queries=13)
    assert ledger.queries == 12 and data.member.tolist() == [True] * 6 + [False] * 6
    inside = (asked[0][:, None] == X[None, :10]).all(-1).any(-1)
    assert inside.tolist() == data.member.tolist()
    alone = KnownMembers("known_members", X[:10], Y[:10], record_ids(X[:10].numpy()), ledger)
    with pytest.raises(NotGrantedError, match="no known non-members"):
        attack_data.from_known_members(CANDIDATES, ScoreOracle("scores", answer, ledger), alone)


def test_artifacts_lie_in_the_store_as_arrays():
    data = handles(["attack_data"])["attack_data"]
    again = artifacts.unpack(*artifacts.pack(data), workshop=None)
    assert torch.equal(again.log_probs, data.log_probs) and torch.equal(again.member, data.member)
    assert torch.equal(again.label, data.label)


def test_reference_models_know_their_own_members_in_no_order():
    trainer = Trainer("trainer", recipe(), 12, LEDGER)
    reference = reference_models.known_recipe(CANDIDATES, HELD, trainer, Number("training_size", 12, LEDGER), count=3)
    assert reference.training_size == 12
    found = reference.member_signal(signals.margin)
    assert len(found) == 36 and (found.diff() >= 0).all()
    shadow = handles(["shadow_models"])["shadow_models"]
    expected = shadow.signal(signals.margin)[shadow.trained_on].sort().values
    assert torch.equal(ReferenceModels(shadow).member_signal(signals.margin), expected)


def test_shadow_data_of_every_grade():
    ids = HELD.ids
    noisy = shadow_data.from_noisy(CANDIDATES, Population("noisy_population", X, Y, ids, LEDGER))
    shifted = shadow_data.from_shifted(CANDIDATES, Population("shifted_population", X, Y, ids, LEDGER))
    pool = shadow_data.from_superset(CANDIDATES, Superset("superset", X, Y, ids, LEDGER))
    known = KnownMembers("known_members", X[:10], Y[:10], ids[:10], LEDGER, ShadowData(X[10:], Y[10:], ids[10:]))
    for data in (noisy, shifted, pool, shadow_data.from_known_members(CANDIDATES, known)):
        assert torch.equal(data.x, X) and torch.equal(data.label, Y) and data.ids.tolist() == ids.tolist()
    superset = training_set_as_superset(Superset("training_set", X, Y, ids, LEDGER))
    assert torch.equal(superset.x, X)


def test_marginal_shadow_data_takes_each_feature_by_itself():
    ledger = Ledger()
    labels = LabelOracle("labels", lambda q: (q[:, 0] > 0).long(), ledger)
    marginals = Marginals("marginals", X.sort(dim=0).values, ledger)
    data = shadow_data.from_marginals(CANDIDATES, labels, marginals, queries=500)
    assert data.x.shape == (500, 6) and torch.equal(data.label, (data.x[:, 0] > 0).long())
    assert all(torch.isin(data.x[:, k], X[:, k]).all() for k in range(6))
    assert stats.pearsonr(data.x[:, 0], data.x[:, 1]).pvalue > 1e-4, "what ties features together is lost"
    with pytest.raises(AttackError, match="two records at least"):
        shadow_data.from_marginals(CANDIDATES, labels, marginals, queries=1)


def test_shadow_models_on_other_data():
    trainer = Trainer("trainer", recipe(), 12, LEDGER)
    for made, count in (
        (shadow_models.known_recipe_other_data(CANDIDATES, trainer, HELD, count=4), 4),
        (shadow_models.known_type(CANDIDATES, ModelType("model_type", "decision-tree", LEDGER), HELD, count=4), 4),
        (shadow_models.another_data_set(CANDIDATES, HELD, epochs=1), 1),
    ):
        assert made.trained_on.shape == (count, 40) and torch.equal(made.records.x, X)
        assert len(made) == 1 or (made.trained_on.sum(dim=0) == 2).all()
        assert made.log_probs(0).shape == (40, 4)
    tree = shadow_models.known_type(CANDIDATES, ModelType("model_type", "decision-tree", LEDGER), HELD, count=2)
    assert tree.models[0].recipe.hidden == () and tree.models[0].recipe.architecture == "decision-tree"
    with pytest.raises(AttackError, match="records of shape"):
        shadow_models.known_recipe_other_data(CANDIDATES, Trainer("trainer", recipe(classes=3), 12, LEDGER), HELD, count=2)


@pytest.mark.parametrize("classes", [2, 4, 7])
def test_top_scores_of_another_task_serve(classes):
    """ML-Leaks adversary 2: the other data set may have fewer classes than the target, or more."""
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(2))
    other = ShadowData(x, torch.arange(60) % classes, record_ids(x.numpy()))
    given = handles(["records", "top_k"])
    made = shadow_models.another_data_set(given["records"], other, epochs=30)
    found = shadow_classifier.infer_from_top_scores(**given, shadow_models=made)
    assert found.score.shape == (RECORDS,) and found.score.isfinite().all() and CLASSES == 3


@pytest.mark.parametrize("architecture", ["mlp", "decision-tree"])
def test_shadow_data_may_lack_the_top_class(architecture):
    """The target's answers say how many classes there are, and its candidates may be of any."""
    some = ShadowData(X[Y < 3], Y[Y < 3], HELD.ids[(Y < 3).numpy()])
    made = shadow_models.known_type(CANDIDATES, ModelType("model_type", architecture, LEDGER), some, count=2, epochs=2)
    assert made.log_probs(0).shape[1] == 3 and 3 in CANDIDATES.label

    def answer(q):
        return torch.log_softmax(q[:, :4].double(), -1)

    scores = ScoreOracle("scores", answer, Ledger())
    data = attack_data.from_shadow_models(CANDIDATES, made)
    for found in (
        shadow_classifier.infer(CANDIDATES, scores, made, epochs=2),
        shadow_classifier.infer(CANDIDATES, scores, made, epochs=2, per_class=False),
        attack_data_classifier.infer_by_any_model(CANDIDATES, scores, data),
        attack_data_classifier.infer_by_any_model(CANDIDATES, scores, data, attack_model="decision-tree"),
        attack_data_classifier.infer_from_known_members(CANDIDATES, scores, data, epochs=1),
    ):
        assert found.score.isfinite().all() and len(found.score) == 8
    fewer = ScoreOracle("scores", lambda q: torch.log_softmax(q[:, :2].double(), -1), Ledger())
    with pytest.raises(AttackError, match="answers of 3 classes, but the target has 2"):
        shadow_classifier.infer(CANDIDATES, fewer, made, epochs=2)


def test_the_attack_model_of_a_class_does_not_depend_on_other_classes():
    given = handles(["records", "scores", "shadow_models"])
    every = shadow_classifier.infer(**given, epochs=3).score
    for c in range(CLASSES):
        mine = label() == c
        alone = Records(given["records"].x[mine], label()[mine], IDS[mine.numpy()], LEDGER)
        found = shadow_classifier.infer(alone, given["scores"], given["shadow_models"], epochs=3).score
        assert found.tolist() == pytest.approx(every[mine].tolist(), rel=1e-9)


def test_slopes_that_are_written_out_learn_what_autograd_does():
    generator = torch.Generator().manual_seed(0)
    features, member = torch.rand(240, 3, generator=generator).double(), torch.arange(240) % 24 < 17
    found = shadow_classifier._train(features, member, 8, 5, 3)(features).squeeze(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).double()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(7 / 17, dtype=torch.float64))
        for _ in range(5):
            for rows in torch.randperm(240).split(100):
                optimizer.zero_grad()
                loss_of(network(features[rows]).squeeze(1), member[rows].double()).backward()
                optimizer.step()
    expected = network(features).squeeze(1).detach()
    assert found.dtype == torch.float64 and torch.allclose(found, expected, rtol=0, atol=1e-12)


def test_the_weight_of_members_is_in_float64(monkeypatch):
    """17 members and 7 others: their ratio rounds in float32 already in the eighth digit."""
    seen, loss = [], torch.nn.BCEWithLogitsLoss

    def spy(pos_weight=None):
        seen.append(pos_weight)
        return loss(pos_weight=pos_weight)

    monkeypatch.setattr(torch.nn, "BCEWithLogitsLoss", spy)
    member, features = torch.arange(24) < 17, torch.rand(24, 3, generator=torch.Generator().manual_seed(0)).double()
    over_the_air._train(features, member, 4, 1)
    dense._train(features[:, :, None, None].repeat(1, 1, 4, 4), member, 0.5, 1)
    attack_data_classifier._odds_of_network(features, member, features, 0, epochs=1)
    assert [float(weight) for weight in seen] == [7 / 17] * 3


@pytest.mark.parametrize("predictive", ["student-t", "normal"])
def test_bavaria_is_the_authors_formula(predictive):
    """Brannvall 2026, online and offline, written again with scipy, record by record."""
    given = handles(["records", "scores", "shadow_models"])
    shadow, inside = given["shadow_models"].signal(signals.margin).numpy(), given["shadow_models"].trained_on.numpy()
    target = signals.margin(given["scores"](given["records"].x), label()).numpy()
    alpha = 2.0 if predictive == "student-t" else 1.0

    def log_density(side, values, value):
        center, beta = side.mean(), side.var() * (alpha - 1 if alpha > 1 else 1)
        n, mean = len(values), values.mean() if len(values) else side.mean()
        kappa, shape = 1 + n, alpha + n / 2
        scale = beta + ((values - mean) ** 2).sum() / 2 + n * (mean - center) ** 2 / (2 * kappa)
        if predictive == "student-t":
            spread = np.sqrt(scale * (kappa + 1) / (shape * kappa))
            return stats.t.logpdf(value, 2 * shape, (center + values.sum()) / kappa, spread)
        return stats.norm.logpdf(value, mean, np.sqrt(scale / (shape - 1) if shape > 1 else scale))

    online, offline = [], []
    for i in range(len(IDS)):
        out = log_density(shadow[~inside], shadow[~inside[:, i], i], target[i])
        online.append(log_density(shadow[inside], shadow[inside[:, i], i], target[i]) - out)
    assert variance_prior.infer(**given, predictive=predictive).tolist() == pytest.approx(online)
    reference = handles(["reference_models"])["reference_models"]
    never, own = reference.signal(signals.margin, given["records"].x, label()).numpy(), reference.member_signal(signals.margin)
    for i in range(len(IDS)):
        offline.append(log_density(own.numpy(), np.array([]), target[i]) - log_density(never, never[:, i], target[i]))
    found = variance_prior.infer_offline(given["records"], given["scores"], reference, predictive=predictive)
    assert found.tolist() == pytest.approx(offline)
    with pytest.raises(AttackError, match="predictive is one of"):
        variance_prior.infer(**given, predictive="cauchy")
