"""The page on which a reader plays the adversary: its numbers are the catalog's; without JavaScript they stand in tables."""

from __future__ import annotations

import re

import adversary
import numpy as np
import pytest
from test_pages import words

from attacks import metrics
from taxonomy import evidence, record_evidence
from taxonomy.loading import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> record_evidence.RecordEvidence:
    measured = record_evidence.find(load(), adversary.TARGET)
    assert measured is not None
    return measured


def test_scores_are_those_behind_the_evidence(found):
    """The AUC and TPR of the scores are those that stand with each attack for the same seed, to the digits of files."""
    catalog = load()
    member = np.array([r.member for r in found.records])
    for place, one in enumerate(found.attacks):
        measured = evidence.find(catalog, one.attack)
        (seed,) = (s for t in measured.targets if t.target == found.target for s in t.seeds if s.seed == found.seed)
        scores = np.array([r.scores[place] for r in found.records])
        curve = metrics.roc(scores, member)
        area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
        assert area == pytest.approx(seed.auc, abs=2e-4)
        tpr, precisions = adversary.at_rate(found, place, 0.01)
        assert tpr == pytest.approx(seed.tpr_at_fpr["0.01"], abs=2e-5)
        fpr = 4 / 400
        assert precisions[0] == pytest.approx(tpr / (tpr + fpr)) and precisions[2] < precisions[1] < precisions[0]


def test_drawn_scores_keep_their_order(found):
    for place, one in enumerate(found.attacks):
        scores = [r.scores[place] for r in found.records]
        drawn = adversary.scale(one.attack, scores)
        assert drawn.edges == sorted(drawn.edges) and len(drawn.edges) == adversary.BINS + 1
        above = np.diff(np.array(drawn.scores)[np.argsort(scores, kind="stable")])
        assert above.min() >= 0


def test_the_order_says_nothing_of_members(found):
    order = adversary.shuffled(found)
    assert sorted(order) == list(range(len(found.records)))
    first = sum(found.records[i].member for i in order[: len(order) // 2])
    assert 170 <= first <= 230, "of 400 that are drawn from 800, half of them members: three deviations are 42"


def test_without_javascript_there_are_tables(site, found):
    text = words(site / "play.html")
    written = (site / "play.html").read_text(encoding="utf-8")
    assert written.count('class="pixels"') == adversary.ROUND and "Five thresholds as a table" in text
    for place in range(len(found.attacks)):
        for rate in adversary.RATES:
            assert f"{adversary.at_rate(found, place, rate)[0]:.3f}" in text
    assert re.search(r"assets/play-data\.js", written)
