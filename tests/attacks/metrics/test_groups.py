"""Figures within groups are those of the group by itself, and looking at many groups finds no difference that is not there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from attacks import metrics
from attacks.metrics import groups, ranking


def people(generator, count, apart=1.0, of_group=None):
    """Scores, membership and two columns; members of one group may lie further away."""
    member = generator.random(count) < 0.5
    columns = {"sex": generator.choice(["f", "m"], count), "age": generator.choice([f"{k}0s" for k in range(2, 9)], count)}
    score = generator.normal(size=count) + apart * member
    if of_group:
        score += 1.5 * (member & (columns[of_group[0]] == of_group[1]))
    return score, member, columns


def test_a_group_has_the_figures_that_it_has_by_itself():
    score, member, columns = people(np.random.default_rng(0), 3000)
    rows = groups.by_group(score, member, groups.split(columns))
    assert [row["column"] for row in rows] == ["sex"] * 2 + ["age"] * 7
    sizes = [row["members"] + row["non_members"] for row in rows]
    assert sizes[:2] == sorted(sizes[:2], reverse=True) and sizes[2:] == sorted(sizes[2:], reverse=True)
    for row in rows:
        inside = columns[row["column"]] == row["value"]
        alone = metrics.summarize(score[inside], member[inside], None)
        for key in ("members", "non_members", "auc", "auc_ci", "tpr_at_fpr", "tpr_at_fpr_ci", "unresolved"):
            assert row[key] == pytest.approx(alone[key]) if key.startswith("auc") else row[key] == alone[key], (row, key)
    assert json.loads(json.dumps(rows)) == rows


def test_a_group_that_is_found_more_easily_is_told_and_others_are_not():
    score, member, columns = people(np.random.default_rng(1), 4000, of_group=("age", "80s"))
    rows = {row["value"]: row for row in groups.by_group(score, member, groups.split(columns))}
    assert rows["80s"]["p_adjusted"] < 1e-6 and rows["80s"]["auc"] > 0.9
    assert all(row["p_adjusted"] > 0.05 for value, row in rows.items() if value in ("f", "m"))


def test_what_is_too_few_is_told():
    """Nine members: no figures. A column of one value: no rest to compare with."""
    member = np.arange(200) < 100
    columns = {"rare": np.where(np.arange(200) % 100 < 9, "yes", "no"), "same": np.full(200, "all")}
    few, many, same = sorted(
        groups.by_group(np.arange(200.0), member, groups.split(columns)), key=lambda row: ["yes", "no", "all"].index(row["value"])
    )
    assert few["auc"] is few["auc_ci"] is few["p_adjusted"] is None and few["members"] == few["non_members"] == 9
    assert few["tpr_at_fpr"] == {"0.001": None, "0.01": None}
    assert set(few["unresolved"]) == {"auc", "0.001", "0.01", "p_adjusted"} and "need 10" in few["unresolved"]["auc"]
    assert many["auc"] is not None and many["p_adjusted"] is None and "rest of the column" in many["unresolved"]["p_adjusted"]
    assert same["auc"] is not None and same["p_adjusted"] is None


def test_of_many_values_the_rest_is_told_and_not_computed():
    generator = np.random.default_rng(0)
    column = np.array([f"{k % 70}" for k in range(7000)] + ["0"] * 100)
    rows = groups.by_group(generator.normal(size=7100), generator.random(7100) < 0.5, groups.split({"town": column}))
    assert len(rows) == groups.MOST + 1 and rows[0]["value"] == "0" and rows[-1]["value"] is None
    assert "20 more values" in rows[-1]["unresolved"]["auc"] and rows[-1]["auc"] is rows[-1]["p_adjusted"] is None
    assert sum(row["members"] + row["non_members"] for row in rows) == 7100


def test_holm_is_the_step_down_procedure():
    """Worked by hand; and it rejects at 5 % just what the procedure rejects."""
    assert groups.holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06], nan_ok=True)
    assert groups.holm([0.9, 0.8]) == [1.0, 1.0] and groups.holm([None]) == [None] and groups.holm([]) == []
    generator = np.random.default_rng(0)
    for _ in range(50):
        p = generator.beta(0.3, 3, size=8)
        rejected, left = set(), 8
        for i in np.argsort(p):
            if p[i] > 0.05 / left:
                break
            rejected, left = rejected | {int(i)}, left - 1
        assert {i for i, q in enumerate(groups.holm(list(p))) if q <= 0.05} == rejected


def normal(apart, spread=1.0):
    return lambda g, n, member: g.normal(apart, spread, n) if member else g.normal(0, 1, n)


def bit(of_members, of_others):
    return lambda g, n, member: (g.random(n) < (of_members if member else of_others)) * 1.0


DRAWS = [normal(0.0), normal(1.0), normal(3.0), normal(1.0, 3.0), bit(0.9, 0.8), bit(0.97, 0.03)]


def side(generator, members, others, draw):
    score = np.concatenate([draw(generator, members, True), draw(generator, others, False)])
    return ranking.area(ranking.roc(score, np.arange(members + others) < members)), members, others


@pytest.mark.slow
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("sizes", [((10, 10), (10, 10)), ((10, 200), (400, 400)), ((50, 50), (50, 50)), ((200, 20), (100, 400))])
def test_areas_that_are_the_same_rarely_seem_different(draw, sizes):
    generator, simulations = np.random.default_rng(0), 1000
    found = [groups.same_area(*(side(generator, *size, draw) for size in sizes)) for _ in range(simulations)]
    for level in (0.05, 0.005):
        assert np.mean(np.array(found) < level) <= level + 3 * (level / simulations) ** 0.5


def test_a_difference_of_areas_is_found_as_often_as_delongs_test_finds_it():
    """Of many records, away from the ends, it is the ordinary test of two independent areas."""
    generator, ours, delong = np.random.default_rng(0), [], []
    for _ in range(100):
        first, second = side(generator, 300, 300, normal(1.0)), side(generator, 300, 300, normal(1.3))
        ours.append(groups.same_area(first, second))
        error = (first[0].variance + second[0].variance) ** 0.5
        delong.append(2 * stats.norm.sf(abs(first[0].value - second[0].value) / error))
    assert np.mean(np.array(ours) < 0.05) == pytest.approx(np.mean(np.array(delong) < 0.05), abs=0.06)
    assert np.mean(np.array(ours) < 0.05) > 0.3


@pytest.mark.parametrize("simulations", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_groups_that_are_alike_rarely_seem_different(simulations):
    """Nine groups of two columns: in 5 % of the audits or fewer any of them has an adjusted p-value below 0.05."""
    generator, alarms = np.random.default_rng(3), 0
    for _ in range(simulations):
        score, member, columns = people(generator, 600)
        rows = groups.by_group(score, member, groups.split(columns))
        alarms += any(row["p_adjusted"] is not None and row["p_adjusted"] < 0.05 for row in rows)
    assert alarms / simulations <= 0.05 + 3 * (0.05 * 0.95 / simulations) ** 0.5, alarms
