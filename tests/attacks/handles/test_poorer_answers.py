"""What is shown of scores is kept, what is not is bounded, and attacks on scores run on what is left of them."""

from __future__ import annotations

import math

import fixture
import pytest
import torch

from attacks import metrics
from attacks.discriminative import calibrated
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger, QueryLimitError, ScoreOracle, ThresholdedScoreOracle, TopScoreOracle
from attacks.handles.views import poorer_answers
from attacks.models import signals
from attacks.models.poorer_answers import completed, noisy, rounded
from attacks.targets import poorer
from taxonomy.loading import load
from taxonomy.threat import from_user

TARGET = fixture.Answers(fixture.answers(fixture.member(), 100))
X = torch.arange(fixture.RECORDS, dtype=torch.float32)[:, None]
EXACT = TARGET.log_probs(X)
POORER = ["Q.top-k", "Q.label-confidence", "Q.thresholded-scores", "Q.rounded-scores", "Q.noisy-scores"]


def scores(ledger: Ledger | None = None) -> ScoreOracle:
    return ScoreOracle("scores", TARGET.log_probs, ledger or Ledger())


def top(k: int, ledger: Ledger | None = None) -> TopScoreOracle:
    return TopScoreOracle("top_k", scores(ledger), k=k)


def test_hidden_classes_share_what_is_left():
    shown = torch.tensor([[0.6, 0.2, math.nan, math.nan], [math.nan] * 4, [0.1, 0.2, 0.3, 0.4]]).double().log()
    found = completed(shown, torch.zeros(3).double()).exp()
    expected = [[0.6, 0.2, 0.1, 0.1], [0.25] * 4, [0.1, 0.2, 0.3, 0.4]]
    assert torch.allclose(found, torch.tensor(expected).double(), rtol=0, atol=1e-6)


def test_no_hidden_class_is_likelier_than_the_last_that_is_shown():
    """Where the shown probabilities add up to 1 but for rounding, what is left says nothing, and the last one bounds the rest."""
    shown = torch.tensor([[0.0, -60.0, math.nan, math.nan]]).double()
    found = completed(shown, shown[:, 1])
    assert found[0].tolist() == pytest.approx([0, -60, -60, -60])


@pytest.mark.parametrize("k", [1, 2])
def test_the_true_labels_score_is_known_where_it_is_shown(k):
    ledger, label = Ledger(), fixture.label()
    found = poorer_answers.scores_of_top(top(k, ledger))(X)
    among = (EXACT.topk(k).indices == label[:, None]).any(-1)
    assert among.sum() > 0
    assert torch.allclose(found.logsumexp(-1), torch.zeros(len(X)).double(), atol=1e-9)
    assert torch.allclose(signals.margin(found, label)[among], signals.margin(EXACT, label)[among], atol=1e-6)
    # Elsewhere it is no more than the last that is shown, and all classes that are not shown are ties.
    of_label = found.gather(1, label[:, None])[:, 0]
    assert bool((of_label <= EXACT.topk(k).values[:, -1] + 1e-9)[~among].all())
    assert ledger.queries == len(X), "a query counts once"
    assert ledger.notes[0].endswith(f"({len(X)} of {len(X)} answers)")


def test_all_classes_shown_are_all_scores():
    ledger = Ledger()
    assert torch.allclose(poorer_answers.scores_of_top(top(9, ledger))(X), EXACT, atol=1e-12)
    assert not ledger.notes


def test_a_threshold_shows_what_reaches_it():
    oracle = ThresholdedScoreOracle("thresholded_scores", scores(), 0.6)
    shown = oracle(X)
    assert torch.equal(shown.isnan(), EXACT.exp() < 0.6)
    found = poorer_answers.scores_above_threshold(oracle)(X)
    assert torch.allclose(found[~shown.isnan()], EXACT[~shown.isnan()], atol=1e-9)
    assert bool((found.exp()[shown.isnan()] < 0.6).all())
    nothing = shown.isnan().all(-1)
    label = poorer_answers.label_above_threshold(oracle)(X)
    assert bool(nothing.any()) and bool((label[nothing] == fixture.CLASSES).all()), "who is told nothing knows no label"
    assert torch.equal(label[~nothing], EXACT.argmax(-1)[~nothing])


def test_rounded_scores_are_bounded_and_tied():
    ledger = Ledger()
    oracle = ScoreOracle("rounded_scores", lambda x: rounded(TARGET.log_probs(x), 1), ledger, resolution=0.1)
    found = poorer_answers.scores_of_rounded(oracle)(X)
    assert bool(found.isfinite().all())
    assert float((found.exp() - EXACT.exp()).abs().max()) < 0.1
    assert len(found.unique(dim=0)) < len(EXACT.unique(dim=0))
    assert torch.equal(poorer_answers.label_of_rounded(oracle)(X), found.argmax(-1))


def test_noise_follows_from_the_record_alone():
    first = noisy(EXACT, X, 0.5, 1)
    turned = noisy(EXACT.flip(0), X.flip(0), 0.5, 1)
    assert torch.equal(first, turned.flip(0)) and not torch.allclose(first, EXACT, atol=0.05)
    assert not torch.equal(first, noisy(EXACT, X, 0.5, 2))
    assert torch.allclose(first.logsumexp(-1), torch.zeros(len(X)).double(), atol=1e-9)


def test_a_confidence_gives_its_label():
    assert torch.equal(poorer_answers.label_of_confidence(top(1))(X), EXACT.argmax(-1))


@pytest.mark.parametrize(
    "view",
    [
        lambda ledger: poorer_answers.scores_of_top(top(1, ledger)),
        lambda ledger: poorer_answers.scores_above_threshold(ThresholdedScoreOracle("thresholded_scores", scores(ledger))),
    ],
)
def test_limits_and_no_records(view):
    assert view(Ledger(limit=0))(X[:0]).shape == (0, fixture.CLASSES), "nothing asked is nothing counted"
    with pytest.raises(QueryLimitError):
        view(Ledger(limit=3))(X)


def test_a_poorer_answer_is_a_handle_of_its_own():
    assert set(poorer.makers(TARGET, scores)) == {*POORER} - {"Q.top-k"}


@pytest.mark.parametrize("answer", POORER)
def test_what_needs_scores_is_feasible_on_poorer_ones_and_the_proof_says_weaker(atlas, answer):
    catalog = atlas.catalog
    knows = [answer, "record.label", "D1.samples", "M2"]
    threat = from_user(catalog, observation="black-box", model="discriminative", knows=knows)
    for attack in ("yeom-2018-loss", "carlini-2022-lira", "shokri-2017", "fredrikson-2015"):
        rules = atlas.answer(catalog.attacks[attack], threat).derivation.rules
        assert [rule.weaker for rule in rules if rule.yields == "Q.scores"] == [True]
    both = from_user(catalog, observation="black-box", model="discriminative", knows=[*knows, "Q.scores"])
    rules = atlas.answer(catalog.attacks["carlini-2022-lira"], both).derivation.rules
    assert not any(rule.yields == "Q.scores" for rule in rules), "who sees all scores takes them"


def test_labels_alone_are_no_scores(atlas):
    threat = from_user(atlas.catalog, observation="black-box", model="discriminative", knows=["Q.labels", "record.label"])
    assert "Q.scores" not in atlas.resolver.closure(threat.grants)


@pytest.mark.parametrize("answer", POORER)
def test_lira_on_poorer_answers_of_the_fixture(answer):
    made = {
        **poorer.makers(TARGET, scores),
        "Q.top-k": lambda ledger: TopScoreOracle("top_k", scores(ledger), k=2),
    }
    view = {
        "Q.top-k": poorer_answers.scores_of_top,
        "Q.label-confidence": poorer_answers.scores_of_confidence,
        "Q.thresholded-scores": poorer_answers.scores_above_threshold,
        "Q.rounded-scores": poorer_answers.scores_of_rounded,
        "Q.noisy-scores": poorer_answers.scores_of_noisy,
    }[answer]
    given = fixture.handles(["records", "shadow_models"])
    found = calibrated.lira(given["records"], view(made[answer](Ledger())), given["shadow_models"])
    assert metrics.auc(found.numpy(), fixture.member()) > 0.6


@pytest.mark.slow
def test_loss_and_lira_on_poorer_answers(kept_store):
    """On digits the true label is nearly always shown, so that a mask costs nothing; two digits tie most records."""
    catalog = load()
    engine = Engine(catalog, Store(kept_store))
    found = {}
    for answer in ["Q.scores", *POORER]:
        knows = [answer, "record.label", "D1.samples", "M2"]
        threat = from_user(catalog, observation="black-box", model="discriminative", knows=knows)
        plan = plans.make(catalog, catalog.target("digits-mlp"), threat, ["yeom-2018-loss", "carlini-2022-lira"])
        outcome = engine.run(plan, 0)
        assert not outcome.failures
        found[answer] = {result["attack"]: result for result in outcome.results}
        assert all(result["auc_ci"][0] > 0.5 for result in outcome.results), answer
        assert all(result["queries"] == len(outcome.member) for result in outcome.results)
    exact = found["Q.scores"]["carlini-2022-lira"]["auc"]
    for mask in ("Q.top-k", "Q.label-confidence", "Q.thresholded-scores"):
        assert found[mask]["carlini-2022-lira"]["auc"] == pytest.approx(exact, abs=0.02)
    assert found["Q.rounded-scores"]["carlini-2022-lira"]["auc"] < exact - 0.03
    assert any("ties" in warning for warning in found["Q.rounded-scores"]["yeom-2018-loss"]["warnings"])
