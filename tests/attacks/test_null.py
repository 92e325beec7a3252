"""The null test: no attack tells members from others on a target that never saw its "members", nor finds what was not there."""

from __future__ import annotations

import numpy as np
import pytest
from fast_targets import FAST_TARGETS
from scipy import stats

from taxonomy.loading import load

CATALOG = load()
SEEDS = range(3)
Z_999 = 3.2905
RUNNING = [a for a in sorted(CATALOG.attacks.values(), key=lambda a: a.id) if a.run]
CASES = [a.id for a in RUNNING if a.goal == "membership"]
# What a generator of records of a class reaches by chance cannot be computed: test_hitaj.py compares it with its control.
JUDGED = [
    pytest.param(a.id, marks=[] if a.targets.null in FAST_TARGETS else [pytest.mark.slow])
    for a in RUNNING
    if a.goal == "reconstruction" and a.answers.unit != "class"
]
PROPERTIES = [
    pytest.param(a.id, marks=[] if a.targets.null in FAST_TARGETS else [pytest.mark.slow])
    for a in RUNNING
    if a.goal == "property"
]
SETS = [a.id for a in RUNNING if a.goal == "dataset"]
SHARES = [a.id for a in RUNNING if a.goal == "usage"]
# How many independent things a judge counts in one run, by the parameters of the target.
COUNTED = {
    "labels found": lambda params: params["single_updates"],
    "inputs recovered": lambda params: params["rounds"],
}


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", CASES)
def test_null(attack_id, measured):
    """At chance on a target that never saw the candidates: AUC pooled over three seeds, 1/2 within the 99.9 % interval."""
    target = CATALOG.attacks[attack_id].targets.null
    results = [measured(target, seed, few=True)[attack_id] for seed in SEEDS]
    pooled = np.mean([r["auc"] for r in results])
    error = np.sqrt(np.sum([r["auc_se"] ** 2 for r in results])) / len(results)
    assert abs(pooled - 0.5) <= Z_999 * error, (
        f"{attack_id} has AUC {pooled:.3f} (standard error {error:.3f}) on {target}, which never saw its candidates: "
        "the attack sees membership, or its score is biased by the order or the shadow models"
    )


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", JUDGED)
def test_nothing_is_found_of_other_records(attack_id, measured):
    """At chance on a target whose records are not those of the judge: hits pooled over three seeds, within the 99.9 % interval.

    Where a judge says so, chance is the share of hits if the same guesses were dealt out by chance; it is below that of the
    commonest answer, which a power test must beat.
    """
    target = CATALOG.attacks[attack_id].targets.null
    found = [measured(target, seed, few=True)[attack_id]["metric"] for seed in SEEDS]
    counted = COUNTED[found[0]["name"]](CATALOG.targets[target].params)
    pooled, chance = np.mean([m["value"] for m in found]), np.mean([m["details"].get("shuffled", m["chance"]) for m in found])
    error = np.sqrt(chance * (1 - chance) / (len(SEEDS) * counted))
    assert abs(pooled - chance) <= Z_999 * error, (
        f"{attack_id} finds {pooled:.3f} on {target}, where {chance:.3f} is chance (standard error {error:.3f})"
    )
    assert all(m["ci"][0] <= m["chance"] for m in found)


@pytest.mark.parametrize("attack_id", PROPERTIES)
def test_no_property_is_found_where_there_is_none(attack_id, measured):
    """At chance on a target whose rounds are all without the property: AUC over three seeds, within the 99.9 % interval."""
    target = CATALOG.attacks[attack_id].targets.null
    found = [measured(target, seed, few=True)[attack_id]["metric"] for seed in SEEDS]
    pooled = np.mean([m["value"] for m in found])
    error = np.sqrt(np.sum([m["details"]["standard_error"] ** 2 for m in found])) / len(found)
    assert abs(pooled - 0.5) <= Z_999 * error, f"{attack_id} has AUC {pooled:.3f} (standard error {error:.3f}) on {target}"


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", SETS)
def test_no_set_is_accused_more_often_than_the_level_allows(attack_id, measured):
    """On a target that saw none of its sets: those called used and the others, over three seeds, by the exact binomial test."""
    target = CATALOG.attacks[attack_id].targets.null
    found = [measured(target, seed, few=True)[attack_id]["metric"] for seed in SEEDS]
    params, level = CATALOG.targets[target].params, found[0]["details"]["level"]
    trials = 2 * len(SEEDS) * params["sets_of_each"]
    accused = round(sum(m["value"] + m["details"]["accused"] for m in found) * params["sets_of_each"])
    assert stats.binomtest(accused, trials, level, "greater").pvalue > 0.001, f"{attack_id} accuses {accused} of {trials} sets"


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", SHARES)
def test_nothing_was_used_where_nothing_was(attack_id, measured):
    """On a target that saw none of its sets, whose shares are made up: estimates are near 0, and follow no such share."""
    target = CATALOG.attacks[attack_id].targets.null
    found = [measured(target, seed, few=True)[attack_id]["metric"] for seed in SEEDS]
    assert np.mean([m["details"]["estimated"] for m in found]) < 0.1
    assert all(m["ci"][0] <= m["chance"] for m in found)
