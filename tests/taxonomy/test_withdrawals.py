"""What to withdraw, against brute force and clingo: on the real catalog, and where finding all of it is too much work."""

from __future__ import annotations

import itertools

import pytest
from hard_catalogs import pairs, tangled, wide
from test_advice import feasible_without, random_threat, ready

from taxonomy import withdrawals
from taxonomy.answers import Atlas, Infeasible
from taxonomy.graph import goal
from taxonomy.minimal_sets import hitting_sets
from taxonomy.threat import ThreatModel

READY = ["prediction-api-labels", "prediction-api-top-scores", "published-gan-samples", "auditor-with-known-members"]


@pytest.mark.parametrize("case", [*READY, *range(6)])
def test_harden_is_exact(atlas, case):
    """Brute force with clingo: every cut of up to three terms is listed exactly if no proper subset does as much."""
    threat = ready(atlas.catalog, case) if isinstance(case, str) else random_threat(atlas.catalog, case)
    cuts, truncated = withdrawals.harden(atlas, threat)
    assert not truncated
    closed = withdrawals.closed_grants(atlas, threat)
    before = feasible_without(atlas, threat, closed, ())
    listed = {cut.withdraw: set(cut.removes) for cut in cuts}
    removed = {
        cut: before - feasible_without(atlas, threat, closed, cut)
        for n in range(3)
        for cut in itertools.combinations(sorted(closed), n)
    }
    for cut, gone in removed.items():
        if not cut:
            continue
        subsets = [s for n in range(len(cut)) for s in itertools.combinations(cut, n)]
        minimal = bool(gone) and not any(removed[s] >= gone for s in subsets)
        assert (cut in listed) == minimal, cut
        if minimal:
            assert listed[cut] == gone
    for cut in cuts:
        assert cut.remaining == len(before) - len(cut.removes)
    if before:
        assert any(cut.remaining == 0 for cut in cuts)


def test_ready_threat_models_are_answered_in_full(atlas):
    for name in atlas.catalog.threat_models:
        threat = ready(atlas.catalog, name)
        assert not withdrawals.harden(atlas, threat)[1], name
        assert not any(answer.missing.truncated for answer in atlas.answers(threat) if isinstance(answer, Infeasible)), name


def test_harden_orders_and_names_defenses(atlas):
    cuts, _ = withdrawals.harden(atlas, ready(atlas.catalog, "prediction-api-scores"))
    keys = [(len(c.withdraw), -len(c.removes), c.withdraw) for c in cuts]
    assert keys == sorted(keys)
    assert any("label-only" in cut.defenses for cut in cuts if cut.withdraw == ("Q.scores", "Q.top-k"))
    assert all(not set(cut.withdraw) & {"black-box", "discriminative", "stand-alone"} for cut in cuts), (
        "aspects cannot be withdrawn"
    )


def everything(catalog) -> ThreatModel:
    return ThreatModel("white-box", "discriminative", "stand-alone", frozenset(catalog.grantable))


@pytest.mark.parametrize("case", ["14 pairs", "40 pairs", "wide", 0, 1, 2, 3])
def test_what_is_cut_short_is_said_and_each_cut_is_minimal(case):
    """14 disjoint pairs have 2 ** 14 minimal cuts: some are given, and none that removes nothing or has an idle member."""
    named = {"14 pairs": lambda: pairs(14), "40 pairs": lambda: pairs(40), "wide": lambda: wide(12, 3)}
    atlas = Atlas(named[case]() if case in named else tangled(case))
    threat = everything(atlas.catalog)
    cuts, truncated = withdrawals.harden(atlas, threat)
    assert truncated and cuts
    closed = withdrawals.closed_grants(atlas, threat)

    def removed(cut) -> set[str]:
        closure = atlas.resolver.closure({*closed, *threat.grants} - set(cut))
        return {name for name in atlas.catalog.attacks if goal(name) not in closure}

    for cut in cuts:
        assert set(cut.removes) == removed(cut.withdraw) and cut.removes
        for term in cut.withdraw:
            assert not removed(set(cut.withdraw) - {term}) >= set(cut.removes), f"{term} is idle in {cut.withdraw}"
    assert any(cut.remaining == 0 for cut in cuts), "what removes everything is found also where the search is cut short"
    assert withdrawals.harden(atlas, threat) == (cuts, truncated), "work is counted, never timed"


@pytest.mark.parametrize("count", range(1, 9))
def test_few_disjoint_pairs_are_answered_in_full(count):
    atlas = Atlas(pairs(count))
    cuts = withdrawals.stops(atlas, atlas.catalog.attacks["pairs"], everything(atlas.catalog))
    assert set(cuts) == {tuple(sorted(choice)) for choice in itertools.product(*[(f"a{i}", f"c{i}") for i in range(count)])}


def test_hitting_sets_that_are_too_many_are_minimal_and_said_to_be_cut():
    environments = [0b11 << 2 * i for i in range(14)]
    found, truncated = hitting_sets(environments)
    assert truncated and found
    for mask in found:
        assert mask.bit_count() == 14 and all(mask & environment for environment in environments)
    assert hitting_sets([]) == ([], False) and hitting_sets([0, 3]) == ([], False)
