"""Every running attack has golden scores on the fixture, so that sign flips and tie errors cannot hide.

To add those of a new attack: python tests/attacks/test_golden.py ID, then look at what was added to golden.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
import fixture

from attacks import metrics, signals
from attacks.code import Code
from attacks.handles import Scored
from taxonomy.catalog import load
from taxonomy.check import handles

GOLDEN = Path(__file__).with_name("golden.json")
RUNNING = sorted(a.id for a in load().attacks.values() if a.run and a.goal == "membership")


def scores(attack_id: str) -> tuple[torch.Tensor, float | None]:
    catalog = load()
    attack = catalog.attacks[attack_id]
    names = handles(catalog, attack.needs)
    given = fixture.handles(names, label_granted="record.label" in attack.needs)
    result = Code().function(attack.run)(**given, **attack.params)
    return (result.score, result.cut) if isinstance(result, Scored) else (result, None)


@pytest.mark.parametrize("attack_id", RUNNING)
def test_golden(attack_id):
    golden = json.loads(GOLDEN.read_text())
    assert attack_id in golden, f"{attack_id} has no golden scores; run: python tests/attacks/test_golden.py {attack_id}"
    score, cut = scores(attack_id)
    assert score.tolist() == pytest.approx(golden[attack_id]["score"], rel=1e-6, abs=1e-9)
    assert cut == pytest.approx(golden[attack_id]["cut"])


@pytest.mark.parametrize("attack_id", RUNNING)
def test_higher_means_member(attack_id):
    score, _ = scores(attack_id)
    assert metrics.auc(score.numpy(), fixture.member()) > 0.5


def test_lira_is_the_papers_formula():
    """Algorithm 1 of Carlini et al. 2022, written again with scipy, with one variance for each side."""
    given = fixture.handles(["shadow_models", "scores", "records"])
    shadow = given["shadow_models"].signal(signals.margin).numpy()
    inside = given["shadow_models"].trained_on.numpy()
    target = signals.margin(given["scores"](given["records"].x), fixture.label()).numpy()
    means, spreads = {}, {}
    for side, mask in (("in", inside), ("out", ~inside)):
        means[side] = [shadow[mask[:, i], i].mean() for i in range(fixture.RECORDS)]
        residuals = [shadow[k, i] - means[side][i] for k in range(fixture.MODELS) for i in range(fixture.RECORDS) if mask[k, i]]
        spreads[side] = (sum(r * r for r in residuals) / (len(residuals) - fixture.RECORDS)) ** 0.5
    online = stats.norm.logpdf(target, means["in"], spreads["in"]) - stats.norm.logpdf(target, means["out"], spreads["out"])
    assert scores("carlini-2022-lira")[0].tolist() == pytest.approx(online.tolist())
    offline = stats.norm.ppf(stats.norm.cdf(target, means["out"], spreads["out"]))
    assert scores("carlini-2022-lira-offline")[0].tolist() == pytest.approx(offline.tolist())


def test_rmia_is_the_papers_ratio():
    given = fixture.handles(["shadow_models", "scores", "records"])
    shadow = given["shadow_models"].signal(signals.log_confidence).exp().numpy()
    inside = given["shadow_models"].trained_on.numpy()
    target = signals.log_confidence(given["scores"](given["records"].x), fixture.label()).exp().numpy()
    mean_out = (shadow * ~inside).sum(0) / (~inside).sum(0)
    ratio = target / shadow.mean(axis=0)  # every record is in exactly half, so this is the mean of both means
    assert scores("zarifzadeh-2024-rmia")[0].exp().tolist() == pytest.approx(ratio.tolist())
    estimate = (1.3 * mean_out + 0.7) / 2
    assert scores("zarifzadeh-2024-rmia-offline")[0].exp().tolist() == pytest.approx((target / estimate).tolist())


def test_modified_entropy_is_the_papers_formula():
    """Mentr of Song and Mittal 2021 and thresholds by a scan of all observed values, on the first shadow model."""
    given = fixture.handles(["shadow_models", "scores", "records"])
    label = fixture.label().numpy()

    def entropy(log_probs):
        p = log_probs.exp().numpy()
        return [
            -(1 - row[y]) * np.log(row[y]) - sum(q * np.log(1 - q) for c, q in enumerate(row) if c != y)
            for row, y in zip(p, label, strict=True)
        ]

    shadow = np.array(entropy(given["shadow_models"].log_probs(0)))
    inside = given["shadow_models"].trained_on[0].numpy()
    threshold = {}
    for c in set(label.tolist()):
        found = {
            t: (shadow[inside & (label == c)] <= t).mean() + (shadow[~inside & (label == c)] > t).mean()
            for t in shadow[label == c]
        }
        threshold[c] = min(t for t, accuracy in found.items() if accuracy == max(found.values()))
    target = entropy(given["scores"](given["records"].x))
    ratio = [threshold[c] / e for c, e in zip(label.tolist(), target, strict=True)]
    score, cut = scores("song-2021-modified-entropy")
    assert score.exp().tolist() == pytest.approx(ratio) and cut == 0.0
    assert (score >= 0).tolist() == [r >= 1 - 1e-12 for r in ratio]


def test_modified_entropy_lives_without_shadow_records_of_a_class():
    given = fixture.handles(["records", "scores", "shadow_models"])
    given["shadow_models"]._records.label[:] = 1
    attack = Code().function(load().attacks["song-2021-modified-entropy"].run)
    assert attack(given["records"], given["scores"], given["shadow_models"]).score.isfinite().all()


def test_thresholds_from_the_population():
    """MALT: the loss of the population's mean confidence. Attack-P: a share alpha of the population is called a member."""
    given = fixture.handles(["population_statistics"])
    held = given["population_statistics"].signal(signals.loss).numpy()
    assert scores("sablayrolles-2019-malt")[1] == pytest.approx(np.log(np.exp(-held).mean()))
    assert scores("ye-2022-attack-p")[1] == pytest.approx(-np.quantile(held, 0.01))


def test_the_advantage_of_the_coin_is_the_gap_over_the_bound():
    """Theorem 2 of Yeom et al. 2018, in expectation over the coin."""
    given = fixture.handles(["scores", "records"])
    loss = signals.loss(given["scores"](given["records"].x), fixture.label()).numpy()
    score, member = scores("yeom-2018-bounded-loss")[0].numpy(), fixture.member()
    gap = loss[~member].mean() - loss[member].mean()
    assert score[member].mean() - score[~member].mean() == pytest.approx(gap / 16)


def test_equal_answers_get_equal_scores():
    for attack_id in ("yeom-2018-loss", "yeom-2018-gap", "ml-leaks-3", "yeom-2018-bounded-loss", "ye-2022-attack-p"):
        catalog = load()
        attack = catalog.attacks[attack_id]
        given = fixture.handles(handles(catalog, attack.needs))
        given["records"]._label[1] = given["records"]._label[0]
        result = Code().function(attack.run)(**given)
        score = result.score if isinstance(result, Scored) else result
        assert score[0] == score[1]


if __name__ == "__main__":
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    for name in sys.argv[1:] or RUNNING:
        found, at = scores(name)
        stored[name] = {"score": found.tolist(), "cut": at}
    GOLDEN.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
