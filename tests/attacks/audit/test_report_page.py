"""The page of an audit: what a lay reader learns on the first page, everything of a reviewer's behind it, all of it escaped."""

from __future__ import annotations

import html
import re

import numpy as np
from audited import API, EVIL, IDS, LABELS, MEMBER, audit, result, scores

from attacks import metrics
from attacks.audit.report import page, sentences
from attacks.metrics.band import around
from taxonomy.loading import load

CATALOG = load()


def text(**more) -> str:
    data, found = audit(**more)
    made = page.html(data, found, MEMBER, catalog=CATALOG, ids=IDS, drawn={f"roc-1-{API}.png": b"picture"})
    assert "<script" not in made and "http" not in made and "src=" not in made.replace('src="data:', "")
    return made


def words(made: str) -> str:
    """The page as it is read: no marks, blanks run together, and none where print has none."""
    body = made.split("</style>", 1)[1]
    read = " ".join(re.sub(r"<[^>]+>", " ", body).split())
    return html.unescape(re.sub(r"\( ", "(", re.sub(r" ([),.:;])", r"\1", read)))


def test_the_first_page_says_a_sentence_a_threat_model_what_was_assumed_and_what_would_change_it():
    read = words(text())
    first = read.split("every attack", 1)[0]
    found = audit()[0]["threat_models"][0]["results"][0]
    counted = round(400 * found["tpr_at_fpr"]["0.01"])
    low, high = (400 * end for end in found["tpr_at_fpr_ci"]["0.01"])
    assert (
        f"Of 400 members, {counted} [{int(low)} to {int(high) + 1}] are found while 4 of 400 others are accused wrongly." in first
    )
    assert "the strongest of 2. It was chosen because it did best on these same records" in first
    assert "Neither can be told from guessing: no leak was shown, nor that there is none." in first, "of the labels"
    assert "All scores (Q.scores)" in first and "The candidate's true label (record.label)" in first
    assert "Predicted label" not in first.split("Labels", 1)[0], "labels follow from scores"
    assert "explains them): Black-box observation (black-box)" in first
    assert "Records of the same distribution (D1.samples), Structure and training recipe (M2): 2 more attacks" in first
    assert "Likelihood ratio attack (LiRA), online" in first
    assert "All 2 attacks together find 60 [40 to 80] of 400 members" in first
    assert "What these figures do not say" in first and "1 attack on such models was not run here" in first
    assert "where fewer than 1 in 400 others is accused wrongly" in first


def test_whatever_comes_from_outside_is_escaped():
    made = text()
    assert made.count(html.escape(EVIL)) + made.count(html.escape(EVIL).replace("&quot;", "&#34;")) >= 12
    assert EVIL in words(made)


def test_behind_it_stands_what_a_reviewer_asks():
    read = words(text())
    for wanted in (
        "It needs: Discriminative model (discriminative)",
        "Yeom",
        "4 of 400 others accused wrongly, who set the limit",
        "400 non-members cannot resolve a false positive rate of 0.1%",
        "control: the same attack where nobody is a member 0.510 0.450 to 0.570",
        "How many of the accused are members, if members are rarer than here",
        "1 % 0.100 0.050 to 0.200 –",
        "200 190 0.600 0.500 to 0.700 0.050 0.010 to 0.100 0.04",
        "age others 3 2 – – –",
        f"Beware: ties {EVIL}",
        f"infeasible {EVIL}: shokri-2017",
        f"ml-leaks-3: it raised {EVIL}",
        f"the surest first, by id: {IDS[7]}, {IDS[3]}.",
        "2026-11-29T13:00:00+00:00",
        "a" * 40,
        "b" * 64,
        "mia-atlas 0.1.0",
        f"mia audit {EVIL}",
        "32 models, 1,600 queries, 1.5 seconds",
        "the model is right on 100 % of the members",
        "Area under the ROC curve (AUC)",
    ):
        assert wanted in read, wanted


def test_every_figure_has_its_interval():
    made = text()
    cells = re.findall(r'<td class="n">(0\.\d{3}|1\.000)<small>([^<]*)</small>', made)
    assert len(cells) > 15 and all(re.fullmatch(r"\d\.\d{3} to \d\.\d{3}", interval) for _, interval in cells)
    assert not re.search(r'<td class="n">[01]\.\d{3}</td>', made)
    assert made.count('class="band"') == made.count('class="curve"') == 3


def test_a_split_that_fails_is_said_before_anything_else():
    error = {"code": "blind-baseline", "severity": "error", "message": "the split is a giveaway"}
    read = words(text(valid=False, blind_baseline={"auc": 0.9, "auc_ci": [0.85, 0.95]}, checks=[error]))
    first = read.index("Before anything else")
    assert first < read.index("are found while") and first < read.index("the split is a giveaway") < read.index("are found while")
    assert "all that follows measures how they were chosen, not the model" in read
    assert "Before anything else" not in words(text())
    assert "nobody tested whether members and others differ" in words(text(blind_baseline=None, blind_reason="no features"))


def test_without_an_ensemble_the_records_that_the_best_attack_finds_are_named():
    _, found = audit(ensemble=None)
    read = words(text(ensemble=None))
    score = found[f"{API}/yeom-2018-loss"]
    best = IDS[int(np.argmax(np.where(MEMBER, score, -np.inf)))]
    assert f"by id: {best}, " in read and "attacks together" not in read
    assert all(name not in read for name in (IDS[401], IDS[799])), "nobody who is no member is named"


def test_few_non_members_have_a_sentence_too():
    member = np.arange(80) < 40
    score = np.random.default_rng(0).normal(size=80) + member
    data, _ = audit()
    one = result("yeom-2018-loss", scores(1.0)) | metrics.summarize(score, member, None)
    data["threat_models"] = [{**data["threat_models"][1], "id": LABELS, "results": [one]}]
    read = words(page.html(data, {"yeom-2018-loss": score}, member, catalog=CATALOG))
    assert "Of 100 pairs of a member and another" in read and "40 non-members are too few to say" in read


def test_a_perfect_attack_and_one_that_finds_nothing_can_be_drawn():
    for score in (MEMBER.astype(float), -MEMBER.astype(float), np.zeros(len(MEMBER))):
        band = around(metrics.roc(score, MEMBER))
        assert np.isfinite(band.low).all() and (band.low <= band.high).all()
        data, _ = audit()
        data["threat_models"] = [{**data["threat_models"][1], "results": [result("yeom-2018-gap", score)]}]
        made = page.html(data, {"yeom-2018-gap": score}, MEMBER, catalog=CATALOG)
        assert "nan" not in made.split('class="curve"', 1)[1].split("</svg>")[0]


def test_a_spread_is_told_in_whole_numbers_where_they_are_large():
    everyone = {"mean": 0.998, "sd": 0.002, "lowest": 0.996, "highest": 1.0}
    spread = {"targets": 16, "models": 14, "auc": everyone, "tpr_at_fpr": {"0.01": everyone}}
    told = sentences.retrained(result("own", scores(1.0), models=16, seed_spread=spread))
    assert "ranks the member higher in 100 to 100 of 100 pairs (mean 100" in told
    assert "with 14 models of its own in place of 16" in told
    assert "it finds 100 to 100 % of the members while 1 % of the others are accused wrongly." in told
    many = sentences.Counts(found=2000, low=1900, high=2100, members=200_000, accused=1000, others=100_000)
    assert "finds 2,000. " in sentences.beside_guessing(many, result("own", scores(1.0)))
