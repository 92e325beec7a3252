"""Where the resolution of answers ends: bounds of rounded scores, and attacks that lose no record to them."""

from __future__ import annotations

import math

import fixture
import pytest
import torch
from changed_answers import TARGET, N, X, one_hot, oracle, to_decimals

from attacks import metrics
from attacks.discriminative import calibrated
from attacks.engine import plan as plans
from attacks.engine.execution import Run
from attacks.engine.proof import Proof
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger, ScoreOracle, ShadowModels
from attacks.models import signals
from attacks.models.resolution import bounded, certain
from taxonomy.loading import load


def test_bounds_are_half_the_resolution():
    p = torch.tensor([[1.0, 0, 0, 0], [0.99, 0.01, 0, 0], [0.5, 0.5, 0, 0], [0.4, 0.3, 0.2, 0.1]], dtype=torch.float64)
    found = bounded(p.log(), 0.01)
    margin = signals.margin(found, torch.zeros(4, dtype=torch.long))
    assert margin[0] == pytest.approx(math.log(1 / 0.005)) and margin[0] > margin[1] > margin[2] > margin[3]
    assert found.exp().sum(-1).tolist() == pytest.approx([1] * 4) and found.isfinite().all()
    assert torch.equal(found[3], p[3].log()), "what has no probability of 0 stays as it is"
    assert found[1].exp()[0] / found[1].exp()[1] == pytest.approx(99)
    assert certain(found, 0.01).tolist() == [True, False, False, False]
    assert torch.equal(bounded(found, 0.01), found), "to bound twice is to bound once"
    assert bounded(p[:1].log(), 1.0).exp()[0].tolist() == pytest.approx([2 / 3, *[1 / 9] * 3])


@pytest.mark.parametrize(("change", "resolution"), [(lambda p: to_decimals(p, 2), 0.01), (one_hot, 1.0)])
def test_rounded_answers_lose_no_record(change, resolution):
    ledger = Ledger()
    asked = oracle(change, ledger, resolution=resolution)
    together = asked(X)
    assert together.isfinite().all() and together.exp().sum(-1).tolist() == pytest.approx([1] * N)
    assert torch.equal(together.argmax(-1), TARGET.log_probs(X).argmax(-1))
    margins = signals.margin(together, fixture.label())
    assert margins.isfinite().all() and margins.max() == pytest.approx(math.log(2 / resolution))
    ties = int((change(TARGET.log_probs(X)).exp().amax(-1) == 1).sum())
    (note,) = ledger.notes
    assert note.endswith(f"such answers are ties ({ties} of {N} answers)")
    alone = torch.cat([asked(row) for row in X.split(1)])
    assert torch.equal(alone, together), "an answer is bounded by itself, whatever it is asked with"


@pytest.mark.parametrize(("change", "resolution", "least"), [(lambda p: to_decimals(p, 2), 0.01, 0.6), (one_hot, 1.0, 0.5)])
def test_lira_on_rounded_answers_of_a_real_network(change, resolution, least, kept_store):
    """A margin of +inf has no density, so that all was lost. An adversary sees that answers are rounded, and rounds alike."""
    catalog = load()
    plan = plans.make(catalog, catalog.target("digits-mlp"), None, ["carlini-2022-lira"], {"shadow-models": {"count": "4"}})
    engine = Engine(catalog, Store(kept_store))
    target = engine.target("digits-mlp", 0)
    (planned,) = plan.attacks
    proof = Proof(Run(engine, plan, target, 0), planned)
    shadow = proof.artifact(next(rule for rule in planned.rules if rule.yields == "shadow-models.matched"))
    model = target.makers["Q.scores"](Ledger())
    ledger = Ledger()
    scores = ScoreOracle("scores", lambda x: change(model(x)), ledger, resolution=resolution)

    class AsAnswered:
        def __init__(self, own):
            self.own = own

        def kept_log_probs(self, x):
            return bounded(change(self.own.kept_log_probs(x)), resolution)

    alike = ShadowModels([AsAnswered(own) for own in shadow.models], shadow.records, shadow.trained_on)
    records = target.records(ledger, with_label=True)
    for models in (shadow, alike):
        score = calibrated.lira(records, scores, models)
        assert score.isfinite().all()
    assert metrics.auc(score.numpy(), target.member.numpy()) > least
    (note,) = ledger.notes
    assert "ties" in note and note.endswith("of 1,600 answers)")
