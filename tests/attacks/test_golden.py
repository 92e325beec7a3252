"""Every running attack has golden scores on the fixture, so that sign flips and tie errors cannot hide.

To add those of a new attack: python tests/attacks/test_golden.py ID, then look at what was added to golden.json.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import fixture
import numpy as np
import promotions
import pytest
import torch
from scipy import stats

from attacks import metrics
from attacks.engine.code import Code
from attacks.handles import AttackError, Guessed, Scored
from attacks.models import signals
from taxonomy.check import handles
from taxonomy.loading import load

GOLDEN = Path(__file__).with_name("golden.json")
# Attacks on records that are pictures.
PICTURES = {
    *("choquettechoo-2021-augmentation", "choquettechoo-2021-combined"),
    *("hilprecht-2019-monte-carlo-features", "hui-2021-blindmi", "fu-2024-pfami"),
}
RUNNING = sorted(a.id for a in load().attacks.values() if a.run and a.goal == "membership")
# Attack networks of Nasr et al. 2019: some hundred steps of training make up to 1e-6 of the 1e-16 by which sums in float64
# differ between processors, in log-odds that reach 20.
TRAINED = {a for a in RUNNING if a.startswith("nasr-2019")}
# Over hundreds of float32 steps instruction sets drift apart as those of a target do: by 0.015 of 3.4 in log-odds.
TRAINED_LONG = {"nasr-2018", "liu-2022-trajectory", "du-2026-imia"}
# A recurrent network that learns from these magnifies that, to 0.7 of a range of 6 without AVX; the order of records stays.
RECURRENT = {"li-2024-seqmia"}
# One label of a record that gradient steps moved is all their score: where these end on the fixture's steep networks, the last
# digits of a processor decide for a record or two.
ONE_LABEL = {"wu-2024-yoqo", "peng-2024-oslo"}
UPDATES_LEAK = "salem-2020-updates-leak"  # finds labels in place of scores


@functools.cache
def scores(attack_id: str) -> tuple[torch.Tensor, float | None]:
    catalog = load()
    attack = catalog.attacks[attack_id]
    names = handles(catalog, attack.needs)
    given = fixture.handles(names, label_granted="record.label" in attack.needs, of_pictures=attack_id in PICTURES)
    result = Code().function(attack.run)(**given, **attack.params)
    if isinstance(result, Guessed):
        return result.score, None
    return (result.score, result.cut) if isinstance(result, Scored) else (result, None)


@pytest.mark.parametrize("attack_id", RUNNING)
def test_golden(attack_id, monkeypatch):
    golden = json.loads(GOLDEN.read_text())
    promotions.refused(monkeypatch)
    assert attack_id in golden, f"{attack_id} has no golden scores; run: python tests/attacks/test_golden.py {attack_id}"
    score, cut = scores(attack_id)
    tolerance = {"rel": 1e-3, "abs": 1e-3} if attack_id in TRAINED else {"rel": 1e-6, "abs": 1e-9}
    if attack_id in TRAINED_LONG:
        tolerance = {"rel": 0.05, "abs": 0.05}
    if attack_id in ONE_LABEL:
        assert np.mean(score.numpy() != golden[attack_id]["score"]) <= 0.1
    elif attack_id in RECURRENT:
        assert stats.spearmanr(score.numpy(), golden[attack_id]["score"]).statistic > 0.9
    else:
        assert score.tolist() == pytest.approx(golden[attack_id]["score"], **tolerance)
    expected = golden[attack_id]["cut"]
    assert cut == (None if expected is None else pytest.approx(expected, **tolerance))


@pytest.mark.parametrize("attack_id", RUNNING)
def test_higher_means_member(attack_id):
    if attack_id == "long-2018-gmia-indirect":
        pytest.skip("the fixture's records do not tell of each other; test_vulnerable_records.py has some that do")
    if attack_id == "jayaraman-2021-morgan":
        pytest.skip("the fixture's members lie below the band of losses; test_neighbouring_loss.py has some that lie in it")
    if attack_id in ONE_LABEL:
        pytest.skip("an adversarial example of one of the fixture's networks fools no other; test_one_query.py has some that do")
    score, _ = scores(attack_id)
    assert metrics.auc(score.numpy(), fixture.member()) > 0.5


def labels() -> torch.Tensor:
    catalog = load()
    attack = catalog.attacks[UPDATES_LEAK]
    return Code().function(attack.run)(**fixture.handles(handles(catalog, attack.needs)), **attack.params)


def test_golden_labels_of_updates():
    found = labels()
    assert found.tolist() == json.loads(GOLDEN.read_text())[UPDATES_LEAK]["found"]
    _, truth = fixture.updated(fixture.answers(fixture.member(), 100), fixture.UPDATES, 402)
    assert (found == truth).double().mean() > 0.8


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
    reference = reference_signal(signals.margin)
    spread = (((reference - reference.mean(axis=0)) ** 2).sum() / (reference.size - fixture.RECORDS)) ** 0.5
    offline = stats.norm.ppf(stats.norm.cdf(target, reference.mean(axis=0), spread))
    assert scores("carlini-2022-lira-offline")[0].tolist() == pytest.approx(offline.tolist())


def test_rmia_is_the_papers_ratio():
    def confidence(log_probs, label):
        return torch.softmax(log_probs / 2, -1)[torch.arange(len(label)), label]

    given = fixture.handles(["shadow_models", "scores", "records"])
    shadow = given["shadow_models"].signal(confidence).numpy()
    target = confidence(given["scores"](given["records"].x), fixture.label()).numpy()
    mean_out = reference_signal(confidence).mean(axis=0)
    ratio = target / shadow.mean(axis=0)  # every record is in exactly half, so this is the mean of both means
    assert scores("zarifzadeh-2024-rmia")[0].exp().tolist() == pytest.approx(ratio.tolist())
    estimate = (1.3 * mean_out + 0.7) / 2
    assert scores("zarifzadeh-2024-rmia-offline")[0].exp().tolist() == pytest.approx((target / estimate).tolist())


def reference_signal(of):
    """A signal of the reference models (models, records), none of which was trained on a candidate."""
    given = fixture.handles(["reference_models", "records"])
    return given["reference_models"].signal(of, given["records"].x, fixture.label()).numpy()


def calibration_data(of):
    """A signal of the target (records,) and of the shadow models (models, records), and which was trained on what."""
    given = fixture.handles(["shadow_models", "scores", "records"])
    target = of(given["scores"](given["records"].x), fixture.label()).numpy()
    return target, given["shadow_models"].signal(of).numpy(), given["shadow_models"].trained_on.numpy()


def test_mast_is_the_midpoint_of_mean_losses():
    """Sablayrolles et al. 2019 as Carlini et al. 2022, Section V-C, describe it."""
    loss, shadow, inside = calibration_data(signals.loss)
    expected = [(shadow[inside[:, i], i].mean() + shadow[~inside[:, i], i].mean()) / 2 - loss[i] for i in range(fixture.RECORDS)]
    score, cut = scores("sablayrolles-2019-mast")
    assert score.tolist() == pytest.approx(expected) and cut == 0.0


def test_attack_r_is_the_empirical_quantile():
    """Ye et al. 2022: the share of reference losses at or below the target's, by scipy, is what the score leaves of one."""
    (loss, *_), reference = calibration_data(signals.loss), reference_signal(signals.loss)
    below = [stats.percentileofscore(reference[:, i], loss[i], kind="mean") / 100 for i in range(fixture.RECORDS)]
    score, cut = scores("ye-2022-attack-r")
    assert (1 - score).tolist() == pytest.approx(below) and cut == pytest.approx(0.9)


def test_watson_is_a_difference_of_means():
    for name, of, sign in (("loss", signals.loss, -1), ("margin", signals.margin, 1)):
        (target, *_), reference = calibration_data(of), reference_signal(of)
        expected = (sign * (target - reference.mean(axis=0))).tolist()
        given = fixture.handles(["records", "scores", "reference_models"])
        attack = Code().function(load().attacks["watson-2022"].run)
        assert attack(*given.values(), signal=name).tolist() == pytest.approx(expected)
    assert attack(*given.values()).tolist() == scores("watson-2022")[0].tolist(), "the loss is the paper's own signal"
    with pytest.raises(AttackError, match="signal is one of loss, margin"):
        attack(*given.values(), signal="entropy")


def test_base_is_rmia_at_one_temperature():
    """Lassila et al. 2025 prove it; every record of the fixture is in half of the models."""
    given = fixture.handles(["records", "scores", "shadow_models"])
    rmia = Code().function(load().attacks["zarifzadeh-2024-rmia"].run)
    assert scores("lassila-2025-base")[0].tolist() == pytest.approx(rmia(*given.values(), temperature=2.0).tolist())

    def confidence(p, y):
        return signals.log_confidence(torch.log_softmax(p / 2, -1), y)

    target, *_ = calibration_data(confidence)
    out = np.log(np.exp(reference_signal(confidence)).mean(axis=0))
    assert scores("lassila-2025-base-offline")[0].tolist() == pytest.approx((target - 0.33 * out).tolist())


def test_long_takes_the_nearer_mean():
    given = fixture.handles(["records", "scores", "shadow_models"])
    target = given["scores"](given["records"].x).exp().numpy()
    models = given["shadow_models"]
    shadow = np.stack([models.log_probs(k).exp().numpy() for k in range(len(models))])
    inside = models.trained_on.numpy()
    distance = {
        side: [((target[i] - shadow[mask[:, i], i].mean(0)) ** 2).sum() for i in range(fixture.RECORDS)]
        for side, mask in (("in", inside), ("out", ~inside))
    }
    expected = np.array(distance["out"]) - np.array(distance["in"])
    score, cut = scores("long-2017")
    assert score.tolist() == pytest.approx(expected.tolist(), abs=1e-12) and cut == 0.0


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


def test_entropy_is_the_papers_formula():
    given = fixture.handles(["shadow_models", "scores", "records"])
    answers = given["scores"](given["records"].x)
    assert signals.log_entropy(answers, fixture.label()).exp().tolist() == pytest.approx(stats.entropy(answers.exp().numpy().T))
    sure = torch.tensor([[0.0, -200.0, -201.0], [0.0, -300.0, -301.0]], dtype=torch.float64)
    assert signals.log_entropy(sure, torch.zeros(2, dtype=torch.long)).diff().item() < -90  # distinct where it rounds to 0


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
    for name in sys.argv[1:] or [*RUNNING, UPDATES_LEAK]:
        if name == UPDATES_LEAK:
            stored[name] = {"found": labels().tolist()}
            continue
        found, at = scores(name)
        stored[name] = {"score": found.tolist(), "cut": at}
        print(f"{name}: {len(found)} scores written into {GOLDEN.name}")
    GOLDEN.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
