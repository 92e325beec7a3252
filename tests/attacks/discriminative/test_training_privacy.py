"""The owner's measure of each record's risk: its formula and its judge written again, and who is shown the training set."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression

from attacks import metrics
from attacks.discriminative.training_privacy import pointwise
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, Ledger, NotGrantedError, OwnTrainingSet, Records, ScoreOracle, Trainer
from attacks.handles.views import grades
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.targets import judges, owned
from taxonomy.loading import load

RECIPE = Recipe("logistic-regression", (3,), 2)
SMALL = {"data": "breast-cancer", "architecture": "logistic-regression", "members": 30, "non_members": 30}


def case(inside=30, outside=10, seed=0):
    """Candidates of which the first were trained on, the handles of the owner, and all that they were made from."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(inside + outside, 3)).astype(np.float32)
    y = (x.sum(axis=1) + generator.normal(size=len(x)) > 0).astype(np.int64)
    rows = generator.permutation(inside)  # the training set stands in another order than the candidates
    ledger, ids = Ledger(), record_ids(x)
    held = torch.from_numpy(x[rows]), torch.from_numpy(y[rows])
    (model,) = training.fit_many(RECIPE, [TrainingSet(*held, 7)])
    given = (
        Records(torch.from_numpy(x), None, ids, ledger),
        ScoreOracle("scores", model.log_probs, ledger),
        Trainer("trainer", RECIPE, inside, ledger),
        OwnTrainingSet("training_set", *held, ids[rows], 7, ledger),
    )
    return given, x, y, rows, ledger


def test_risk_is_the_largest_log_ratio():
    given, x, y, rows, ledger = case()
    found = pointwise(*given)
    published = LogisticRegression(max_iter=1000).fit(x[rows], y[rows])
    expected = np.zeros(len(x))
    for i in rows:
        others = rows[rows != i]
        again = LogisticRegression(max_iter=1000).fit(x[others], y[others])
        ratio = published.predict_proba(x[[i]]) / again.predict_proba(x[[i]])
        expected[i] = np.log(np.maximum(ratio, 1 / ratio)).max()
    # scikit-learn works out the probabilities of float32 records in float32, of one record otherwise than of many.
    assert found.dtype == torch.float64 and found.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert (found[:30] > 0).all() and (found[30:] == 0).all(), "leaving out what was not there changes nothing"
    assert ledger.queries == 30 and {"scores", "trainer", "training_set"} <= ledger.touched
    assert "record.label" not in ledger.touched


def test_risk_on_the_fixture():
    """Each record's answers of the target against those of the network that the fixture hands over in its place."""
    given = fixture.handles(["records", "scores", "trainer"])
    member = fixture.member()
    x, ids = given["records"].x[member], fixture.IDS[member]
    own = OwnTrainingSet("training_set", x, fixture.label()[member], ids, 0, Ledger())
    nobody = np.zeros(fixture.RECORDS, dtype=bool)
    expected = np.zeros(fixture.RECORDS)
    for k, i in enumerate(np.nonzero(member)[0]):
        with_it, without = fixture.answers(member, 100)[i].numpy(), fixture.answers(nobody, 300 + k)[i].numpy()
        expected[i] = np.abs(with_it - without).max()
    assert pointwise(**given, training_set=own).tolist() == pytest.approx(expected.tolist())


def test_a_limit_is_no_silent_sample():
    given, *_ = case()
    with pytest.raises(AttackError, match="30 candidates are in the training set, each of which takes a model; 29 are allowed"):
        pointwise(*given, models=29)
    given, *_ = case(inside=30)
    own = given[3]
    single = OwnTrainingSet("training_set", own.x[:1], own.label[:1], own.ids[:1], 7, Ledger())
    with pytest.raises(AttackError, match="leaves nothing to train on"):
        pointwise(*given[:3], single)


def test_rank_correlation_is_pearsons_of_mean_ranks():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 8, 40).astype(float), generator.normal(size=40)
    second += first
    found = metrics.rank_correlation("x", first, second, more=1.0)
    ranks = [[(np.sum(v < a) + np.sum(v <= a) + 1) / 2 for a in v] for v in (first, second)]
    expected = np.corrcoef(ranks)[0, 1]
    assert found.value == pytest.approx(expected) and found.chance == 0 and found.details == {"more": 1.0}
    width = stats.norm.ppf(0.975) * np.sqrt((1 + expected**2 / 2) / 37)
    assert np.arctanh(found.ci) == pytest.approx([np.arctanh(expected) - width, np.arctanh(expected) + width])
    constant = metrics.rank_correlation("x", np.ones(40), second)
    assert constant.value == 0 and constant.ci[0] < 0 < constant.ci[1]
    perfect = metrics.rank_correlation("x", second, second)
    assert perfect.value == pytest.approx(1) and 0.9 < perfect.ci[0] < perfect.ci[1] <= 1
    with pytest.raises(ValueError, match="at least four"):
        metrics.rank_correlation("x", first[:3], second[:3])


def test_the_interval_of_a_rank_correlation_covers_chance():
    generator = np.random.default_rng(1)
    covered = [
        ci[0] < 0 < ci[1]
        for _ in range(1000)
        if (ci := metrics.rank_correlation("x", generator.normal(size=50), generator.normal(size=50)).ci)
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_the_judge_measures_success_with_pairs_of_models():
    """The same halves, models and areas by scikit-learn and scipy."""
    _, x, y, *_ = case(20, 20)
    member, pairs = np.arange(40) < 20, 6
    judge = judges.risk(RECIPE, torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(member), 3, pairs)
    inside = judges._halves(40, pairs, judges.derive_seed(3, "judge"))
    assert inside.shape == (12, 40) and (inside.sum(0) == pairs).all() and (inside.sum(1) == 20).all()
    odds = []
    for row in inside:
        p = LogisticRegression(max_iter=1000).fit(x[row], y[row]).predict_log_proba(x)
        odds.append(p[np.arange(40), y] - p[np.arange(40), 1 - y])
    odds = np.array(odds)

    def success(some):
        value, side = odds[some], inside[some]
        n = side.sum(0)[0]
        return [stats.mannwhitneyu(value[side[:, i], i], value[~side[:, i], i]).statistic / n**2 for i in range(20)]

    measured, risk = success(slice(None)), torch.from_numpy(np.random.default_rng(0).exponential(size=40))
    found = judge(risk)
    assert found.value == pytest.approx(stats.spearmanr(risk[:20], measured).statistic)
    assert found.details["success"] == pytest.approx(np.mean(measured))
    assert found.details["above_1"] == (risk[:20] > 1).double().mean()
    assert found.details["repeated"] == pytest.approx(stats.spearmanr(success(slice(6)), success(slice(6, 12))).statistic)
    perfect = torch.zeros(40, dtype=torch.float64)
    perfect[:20] = torch.tensor(measured)
    assert judge(perfect).value == pytest.approx(1) and judge(-perfect).value == pytest.approx(-1)
    assert judge(torch.ones(40)).value == 0, "a risk that is the same for all ranks nobody"
    for wrong in (torch.zeros(39), torch.full((40,), float("nan")), "risk"):
        with pytest.raises(AttackError, match="one finite number a record"):
            judge(wrong)


@pytest.mark.parametrize("trained", [True, False])
def test_the_training_set_is_what_the_target_was_trained_on(trained):
    target = owned.build(**SMALL, members_trained=trained, seed=1)
    own = target.makers["D2.training-set"](Ledger())
    (again,) = training.fit_many(RECIPE, [TrainingSet(own.x, own.label, own.seed)])
    published = target.makers["Q.scores"](Ledger())(target.x)
    assert torch.equal(again.log_probs(target.x), published), "with record and seed, training gives the published model again"
    members = set(target.ids[target.member.numpy()].tolist()) if trained else set()
    assert set(own.ids.tolist()) & set(target.ids.tolist()) == members and len(own) == 30
    own.x.zero_()
    assert own.x.abs().sum() > 0, "what is handed out is a copy"


def test_a_network_without_a_record_begins_from_the_same_weights():
    target = owned.build(data="digits", hidden=[8], epochs=3, batch=20, learning_rate=0.003, members=20, non_members=20)
    own, trainer = target.makers["D2.training-set"](Ledger()), target.makers["M2"](Ledger())
    (again,) = trainer.fit_many([TrainingSet(own.x, own.label, own.seed)])
    assert torch.equal(again.log_probs(target.x), target.makers["Q.scores"](Ledger())(target.x))


def test_a_target_that_never_saw_the_candidates_exposes_nobody():
    target = owned.build(**SMALL, members_trained=False)
    handles = [target.makers[term](Ledger()) for term in ("Q.scores", "M2", "D2.training-set")]
    found = pointwise(target.records(Ledger(), with_label=False), *handles)
    assert (found == 0).all()
    metric = target.judges["risk"](found)
    assert metric.value == 0 and metric.ci[0] < 0 < metric.ci[1]


def test_only_the_owner_is_shown_the_training_set():
    catalog = load()
    assert [a.id for a in catalog.attacks.values() if "D2.training-set" in a.needs] == ["long-2017-dtp"]
    assert not [s.id for s in catalog.steps.values() if "D2.training-set" in s.needs]
    offering = {t.id for t in catalog.targets.values() if "D2.training-set" in t.offers}
    assert offering == {"breast-cancer-owner", "breast-cancer-owner-null", "digits-owner"}
    target = owned.build(**SMALL)
    with pytest.raises(NotGrantedError, match=r"D2\.training-set was not granted"):
        target.grant(["Q.scores", "M2"]).handle("D2.training-set", Ledger())
    own = target.makers["D2.training-set"](Ledger())
    pool = grades.training_set_as_superset(own)
    assert pool.ids.tolist() == own.ids.tolist() and not hasattr(pool, "seed")


def test_the_judge_costs_nothing_until_it_is_asked(tmp_path):
    engine = Engine(load(), Store(tmp_path))
    engine.target("breast-cancer-owner", 0)
    assert engine.workshop.trained == 1
