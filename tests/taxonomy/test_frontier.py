"""What no other attack beats at its price, and within which budget."""

from __future__ import annotations

from typing import Any

import pytest

from taxonomy.figures import Evidence
from taxonomy.frontier import access, frontiers


def measured(attack: str, auc: float, models: int, queries: int, **more: Any) -> Evidence:
    seed = {"seed": 0, "target": {}, "members": 5, "non_members": 5, "queries": queries, "models": models, "command": "mia"}
    target = {
        "target": "digits-mlp",
        "role": "power",
        "fingerprint": "1",
        "auc": {"mean": auc, "ci": (auc - 0.05, auc + 0.05)},
        "seeds": [seed],
        **more,
    }
    return Evidence.model_validate({"schema": 1, "attack": attack, "versions": {}, "targets": [target]})


FOUND = [
    measured("yeom-2018-gap", 0.55, 0, 10),
    measured("yeom-2018-loss", 0.6, 0, 10),
    measured("song-2021-entropy", 0.6, 1, 10),
    measured("choquettechoo-2021-noise", 0.58, 0, 500),
    measured("carlini-2022-lira", 0.7, 16, 10),
    measured("carlini-2022-gradient-norm", 0.72, 0, 10),
]


def front(**budget: Any) -> list[str]:
    return [p.attack for p in frontiers_of(FOUND, **budget) if p.front]


def frontiers_of(found, stale=None, **budget):
    from taxonomy.loading import load

    return frontiers(load(), found, stale or {}, **budget).get("digits-mlp", [])


def test_the_front_is_what_nothing_beats_that_touches_no_more_and_costs_no_more():
    # Labels asked about often find more than labels asked about once; scores cost less than a model trained for nothing more.
    assert front() == [
        "carlini-2022-gradient-norm",
        "carlini-2022-lira",
        "yeom-2018-loss",
        "choquettechoo-2021-noise",
        "yeom-2018-gap",
    ]
    assert [p.attack for p in frontiers_of(FOUND)][:2] == ["carlini-2022-gradient-norm", "carlini-2022-lira"]


def test_equals_do_not_beat_each_other():
    both = [measured("yeom-2018-loss", 0.6, 0, 10), measured("song-2021-entropy", 0.6, 0, 10)]
    assert all(p.front for p in frontiers_of(both))


def test_a_budget_leaves_out_what_costs_more():
    assert "carlini-2022-lira" not in front(models=15) and "carlini-2022-lira" in front(models=16)
    assert {p.attack for p in frontiers_of(FOUND, queries=1)} == {p.attack for p in frontiers_of(FOUND)} - {
        "choquettechoo-2021-noise"
    }
    assert frontiers_of(FOUND, queries=0.5) == []


def test_controls_and_what_is_stale_are_not_compared():
    assert frontiers_of([measured("yeom-2018-loss", 0.6, 0, 10, role="null")]) == []
    assert frontiers_of(FOUND[:1], {"yeom-2018-gap": ["digits-mlp"]}) == []


@pytest.mark.parametrize(
    ("attack", "touched"),
    [("yeom-2018-gap", "labels"), ("yeom-2018-loss", "answers"), ("nasr-2019-passive", "the model"), ("logan-1", "the model")],
)
def test_what_an_attack_touches(catalog, attack, touched):
    assert access(catalog.attack(attack)) == touched
