"""The browser's resolver gives what the resolver gives, also where finding everything is too much work: the same part of it."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from building import ROOT
from same_answers import agree

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from hard_catalogs import pairs, tangled, wide
from limited_threats import about_another_model, limited_threat, shrinkable

from taxonomy.answers import Atlas
from taxonomy.loading import load
from taxonomy.threat import ThreatModel

pytestmark = pytest.mark.debian("chromium")

CASES = {
    "wide": lambda: wide(12, 3),
    "wide, in full": lambda: wide(5, 3),
    "pairs": lambda: pairs(14),
    "pairs, in full": lambda: pairs(7),
    **{f"tangled {seed}": lambda seed=seed: tangled(seed) for seed in range(4)},
}


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    for name in ("minimal-sets", "withdrawals", "graph", "resolver"):
        opened.add_script_tag(path=ROOT / "site" / "assets" / f"{name}.js")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.slow] if case in ("tangled 1", "tangled 2", "tangled 3") else [])
        for case in sorted(CASES)
    ],
)
def test_the_same_part_of_what_is_too_much(page, case):
    import explorer

    catalog = CASES[case]()
    draw, names = random.Random(1), catalog.grantable
    threats = [
        ThreatModel(observation, "discriminative", "stand-alone", frozenset(draw.sample(names, count)))
        for observation, count in (("black-box", 0), ("black-box", 4), ("white-box", len(names)))
    ]
    found = agree(page, Atlas(catalog), threats, explorer.data(catalog))
    cut_short = any(truncated for _, _, truncated in found) or any(
        answer[4] for answers, _, _ in found for answer in answers if answer[1] == "infeasible"
    )
    assert cut_short == ("in full" not in case), "these catalogs are meant to be too much work, or not"


@pytest.mark.slow
def test_the_same_answers_within_limits(page):
    """Another proof, smaller amounts, the numbers that would do, what would unlock, and what to withdraw, all within limits."""
    import explorer

    catalog = load()
    catalog.kinds["attacks"].update({attack.id: attack for attack in shrinkable(catalog, 3)})
    threats = [limited_threat(catalog, 3000 + i) for i in range(4)]
    threats += [about_another_model(catalog, threat, 3000 + i) for i, threat in enumerate(threats)]
    found = agree(page, Atlas(catalog), threats, explorer.data(catalog))
    answers = [answer for answers, _, _ in found for answer in answers]
    assert any(answer[6] for answer in answers if answer[1] == "infeasible"), "some do not fit"
    assert any(answer[3][4] or answer[3][5] for answer in answers if answer[1] == "feasible"), "some ask at home"
    assert any(left for _, cuts, _ in found for moves, *_ in cuts for _, left in moves), "some grants are replaced"
