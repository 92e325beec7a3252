"""Pictures beside the page: curves that are drawn once, and what a generative model makes, each whole and in its place."""

from __future__ import annotations

import base64
import html
import io
import re
import warnings

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from attacks import metrics
from attacks.audit import report
from attacks.audit.report import pictures
from attacks.engine.defending import Defended
from attacks.engine.outcome import Outcome
from attacks.engine.plan import make
from taxonomy.defended import Applied
from taxonomy.loading import load

CATALOG = load()


def test_a_grid_shows_every_picture_once_in_reading_order():
    shades = np.arange(11)[:, None, None] / 11 * np.ones((11, 8, 8))
    shown = imread(io.BytesIO(pictures.grid(shades)))[..., 0]
    assert shown.shape == (2 * 68, 8 * 68), "eight in a row, eight times as large, with a frame"
    middle = shown[34::68, 34::68].ravel()
    assert np.allclose(middle[:11], np.arange(11) / 11, atol=1 / 255) and (middle[11:] == 1).all()
    assert imread(io.BytesIO(pictures.grid(np.zeros((3, 100, 50))))).shape[:2] == (104, 3 * 54), "large ones stay as they are"


def outcome(exhibits, score=None, member=None):
    member = np.arange(40) < 20 if member is None else member
    score = np.arange(40.0) if score is None else score
    result = {**metrics.summarize(score, member, None), "attack": "yeom-2018-loss", "title": "T", "goal": "membership"}
    result |= {"queries": 0, "models": 0, "trained": 0, "seconds": 0.0, "set_membership": None}
    plan = make(CATALOG, CATALOG.target("digits-mlp"), None, ["yeom-2018-loss"])
    return Outcome(plan, 0, {}, member, [result], scores={"yeom-2018-loss": score}, exhibits=exhibits)


def write(found: Outcome, folder) -> str:
    report.write_run(found, folder, "mia run", CATALOG)
    return (folder / "report.html").read_text()


def test_the_report_holds_the_pictures_of_a_target_that_has_some(tmp_path):
    titles = ("samples", "training <pictures> nearest to them")
    page = write(outcome(lambda: {title: torch.rand(16, 28, 28) for title in titles}), tmp_path)
    found = re.findall(r'<img alt="([^"]*): 16 grey pictures" src="data:image/png;base64,([^"]*)"', page)
    assert [alt for alt, _ in found] == ["samples", "training &lt;pictures&gt; nearest to them"]
    files = ("samples.png", "training-pictures-nearest-to-them.png")
    assert [base64.b64decode(code) for _, code in found] == [(tmp_path / name).read_bytes() for name in files]
    assert "<pictures>" not in page and "http" not in page


@pytest.mark.parametrize("adaptive", [True, False])
def test_the_first_page_of_a_run_says_what_the_defense_was_who_knew_of_it_and_what_it_costs(tmp_path, adaptive):
    found = outcome(None)
    costs = {"accuracy<b>": (0.9583, 0.3525), "training_seconds": (1.25, None)}
    costs = {name: {"undefended": before, "defended": after} for name, (before, after) in costs.items()}
    applied = Applied(CATALOG.defense("dp-sgd"), {"epsilon": 2.0, "clip": "<script>"}, adaptive)
    found.defense = Defended(applied, None, costs, facts={"sampling_rate": 0.25, "epsilon": 1.9})
    page = write(found, tmp_path)
    first = html.unescape(page.split("What these figures do not say")[0])
    knows = "The adversary knows of it, and" if adaptive else "The adversary does not know of it; whoever does"
    assert "“Training with differential privacy (DP-SGD)” (dp-sgd, epsilon 2.0, clip <script>). " + knows in first
    assert "Without it and with it: accuracy<b> 0.958 and 0.352; training seconds 1.25 and unknown." in first
    assert "Its code tells of the training: sampling rate 0.25; epsilon 1.9." in first
    assert "<script>" not in page and "<b>" not in page
    assert "The target has a defense" not in write(outcome(None), tmp_path)


def test_a_target_without_pictures_has_none_in_its_report(tmp_path):
    assert "What the target makes" not in write(outcome(None), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "results.json", "roc.png", "scores.npz"}


def curves(score, member) -> pictures.Curves:
    return pictures.Curves("title", {"attack": metrics.roc(score, member)}, {"attack": metrics.auc(score, member)})


def test_the_roc_of_infinite_scores_is_that_of_the_largest_and_smallest():
    member = np.arange(400) < 200
    score = np.round(np.random.default_rng(0).normal(size=400) + member, 1)
    infinite = np.select([score > 2, score < -1], [np.inf, -np.inf], score)
    assert pictures.roc(curves(infinite, member)) == pictures.roc(curves(np.clip(infinite, -99.0, 99.0), member))


@pytest.mark.parametrize("attacks", [1, 30, 60])
def test_a_picture_of_many_attacks_is_as_high_as_its_legend(attacks):
    """Its lines are told apart from the page by where ink is: in each curve's axes, and down to the legend's last line."""
    member = np.arange(400) < 200
    roc = metrics.roc(np.random.default_rng(0).normal(size=400) + member, member)
    names = [f"zarifzadeh-2024-rmia-{k}" for k in range(attacks)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns where nothing is left of the axes
        drawn = imread(io.BytesIO(pictures.roc(pictures.Curves("title", dict.fromkeys(names, roc), dict.fromkeys(names, 0.5)))))
    ink = (drawn[..., :3] < 1).any(axis=-1)
    height = len(ink)
    assert ink[:, :900].any(axis=1).nonzero()[0].max() > 0.9 * height, "the axes fill the picture from top to bottom"
    assert not ink[-4:].any(), "the legend ends above the picture's edge"


def test_a_picture_is_drawn_once_and_again_if_anything_in_it_changes(tmp_path, monkeypatch):
    member = np.arange(400) < 200
    score = np.random.default_rng(0).normal(size=400) + member
    write(outcome(None, score, member), tmp_path)
    drawn = (tmp_path / "roc.png").read_bytes()

    times = []
    monkeypatch.setattr(pictures, "roc", lambda shown: times.append(shown) or b"new")
    write(outcome(None, score, member), tmp_path)
    assert not times and (tmp_path / "roc.png").read_bytes() == drawn
    write(outcome(None, score + member, member), tmp_path)
    assert len(times) == 1 and (tmp_path / "roc.png").read_bytes() == b"new"
    for damaged in (drawn[:-100], drawn[:5000] + b"?" + drawn[5001:], b""):
        (tmp_path / "roc.png").write_bytes(damaged)
        write(outcome(None, score, member), tmp_path)
    assert len(times) == 4


def test_the_report_says_how_much_the_estimate_flatters_and_where_there_is_no_lower_limit(tmp_path):
    for others, flattery, unbounded in ((100, "1 % lets 1.98 %", True), (400, "1 % lets 1.25 %", False), (40, "", False)):
        member = np.arange(2 * others) < others
        page = " ".join(write(outcome(None, np.arange(2.0 * others), member), tmp_path).split())
        assert flattery in page and ("That flatters" in page) == bool(flattery)
        assert ("know no lower limit at 1 %" in page) == unbounded
