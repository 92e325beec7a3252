"""What to withdraw, against brute force and clingo: on the real catalog, and where finding all of it is too much work."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import limits_oracle
import pytest
from hard_catalogs import pairs, tangled, wide
from limited_threats import limited_threat
from test_what_if import feasible_with, random_threat, ready

from taxonomy import withdrawals
from taxonomy.answers import Atlas, Feasible, Infeasible
from taxonomy.graph import goal
from taxonomy.minimal_sets import hitting_sets
from taxonomy.threat import ThreatModel

READY = ["prediction-api-labels", "prediction-api-scores", "published-gan-samples", "auditor-with-known-members", "curious-cloud"]


def choices(atlas, threat, most):
    """Yield every change of up to so many stated grants: each withdrawn (None), or replaced by what some defenses leave."""
    steps = {}
    for defense in atlas.catalog.defenses.values():
        for term, left in defense.replaces.items():
            steps.setdefault(term, set()).add(left)
    levels = {}
    for term in threat.knows:
        found, queue = set(), [term]
        while queue:
            fresh = steps.get(queue.pop(), set()) - found
            found |= fresh
            queue += fresh
        levels[term] = [None, *sorted(found)]
    for count in range(most + 1):
        for terms in itertools.combinations(sorted(threat.knows), count):
            for lefts in itertools.product(*(levels[term] for term in terms)):
                yield dict(zip(terms, lefts, strict=True))


def after(threat, change):
    return (threat.knows - set(change)) | {left for left in change.values() if left}


def less(atlas, change, other):
    """Whether a change leaves at least what another leaves, in each place."""
    return all(
        term in other and (left == other[term] or other[term] is None or (left and other[term] in atlas.resolver.closure([left])))
        for term, left in change.items()
    )


@pytest.mark.parametrize("case", [*READY, *range(6)])
def test_harden_is_exact(atlas, case):
    """Brute force with clingo: every change of up to two stated grants is listed exactly if nothing less does as much."""
    threat = ready(atlas.catalog, case) if isinstance(case, str) else random_threat(atlas.catalog, case)
    before = feasible_with(atlas, threat, threat.knows)
    oracle = functools.cache(lambda grants: feasible_with(atlas, threat, grants))
    hold_to(
        atlas,
        threat,
        before,
        lambda change: before - oracle(frozenset(after(threat, change))),
        *withdrawals.harden(atlas, threat),
    )


@pytest.mark.parametrize("seed", range(6))
def test_harden_is_exact_within_limits(atlas, seed):
    threat = limited_threat(atlas.catalog, 100 + seed)
    threat = replace(threat, knows=frozenset(sorted(threat.knows)[:6]))
    attacks = [answer.attack for answer in atlas.answers(threat) if isinstance(answer, Feasible)][:6]
    if not attacks:
        return

    def removed(change):
        left = replace(threat, knows=after(threat, change))
        return {attack.id for attack in attacks if not limits_oracle.feasible(atlas, attack, left)}

    cuts, truncated = withdrawals.harden(atlas, threat, attacks)
    hold_to(atlas, threat, {attack.id for attack in attacks}, removed, cuts, truncated)


def hold_to(atlas, threat, before, removed, cuts, truncated):
    """Hold cuts to what each change removes, by an oracle."""
    listed = {tuple(sorted(dict(cut.moves).items())): set(cut.removes) for cut in cuts}
    gone = {tuple(sorted(change.items())): (change, removed(change)) for change in choices(atlas, threat, 2)}
    for key, (change, falls) in gone.items():
        if not change:
            continue
        lesser = [other for at, (other, _) in gone.items() if at != key and less(atlas, other, change)]
        minimal = bool(falls) and not any(gone[tuple(sorted(other.items()))][1] >= falls for other in lesser)
        assert (key in listed) == minimal or (truncated and key not in listed), change
        if key in listed:
            assert listed[key] == falls
    for cut in cuts:
        assert cut.remaining == len(before) - len(cut.removes)
    if before:
        assert any(cut.remaining == 0 for cut in cuts)


@pytest.mark.slow
def test_ready_threat_models_are_answered_in_full(atlas):
    for name in atlas.catalog.threat_models:
        threat = ready(atlas.catalog, name)
        assert not withdrawals.harden(atlas, threat)[1], name
        assert not any(answer.missing.truncated for answer in atlas.answers(threat) if isinstance(answer, Infeasible)), name


def test_harden_orders_by_what_users_lose_and_names_defenses(atlas):
    cuts, _ = withdrawals.harden(atlas, ready(atlas.catalog, "prediction-api-scores"))
    by_moves = {cut.moves: cut for cut in cuts}
    own = [cut.moves for cut in cuts if cut.by_owner]
    assert cuts[: len(own)] == [by_moves[moves] for moves in own], "what owners can do comes first"
    masks = [(("Q.scores", "Q.labels"),), (("Q.scores", None),)]
    assert [own.index(moves) for moves in masks] == sorted(own.index(moves) for moves in masks)
    assert [by_moves[moves].defenses for moves in masks] == [("label-only",), ()]
    assert by_moves[masks[1]].remaining == 0, "labels and top scores follow from scores, and go with them"
    assert (("Q.scores", "Q.top-k"),) not in by_moves, "what can be computed from the top scores stops nothing"
    assert not by_moves[(("record.label", None),)].by_owner
    assert all(not set(cut.withdraw) & {"black-box", "discriminative", "stand-alone"} for cut in cuts), (
        "aspects cannot be withdrawn"
    )


def test_what_is_left_in_anothers_place_stays_whether_it_is_withdrawn_or_not(atlas):
    threat = ready(atlas.catalog, "prediction-api-scores")
    cuts, _ = withdrawals.harden(atlas, replace(threat, knows=threat.knows | {"Q.labels"}))
    moves = [set(cut.moves) for cut in cuts]
    assert {("Q.scores", None), ("Q.labels", None)} in moves and {("Q.scores", "Q.labels")} in moves
    assert not any({("Q.scores", "Q.labels"), ("Q.labels", None)} <= each for each in moves)


def test_masks_that_stop_nothing_are_told_with_what_they_weaken(atlas):
    """Rounded, noisy and top scores are still scores: attacks on them stand, in a weaker way; labels stop them."""
    threat = ready(atlas.catalog, "prediction-api-scores")
    found = {mask.left: mask for mask in withdrawals.masks(atlas, threat)}
    assert {left: mask.defenses for left, mask in found.items()} == {
        "Q.top-k": ("top-k-scores",),
        "Q.rounded-scores": ("rounded-scores",),
        "Q.noisy-scores": ("posterior-noise",),
    }
    assert all(mask.term == "Q.scores" and "yeom-2018-loss" in mask.weakens for mask in found.values())
    assert "yeom-2018-gap" not in found["Q.rounded-scores"].weakens, "the predicted label is exact"


def test_statistics_and_texts_can_be_answered_more_poorly(atlas):
    statistics = withdrawals.poorer(atlas, ready(atlas.catalog, "published-aggregate-statistics"))
    assert set(statistics["Q.aggregates"]) == {"Q.noisy-aggregates", "Q.suppressed-aggregates", "Q.beacon"}
    own = withdrawals.poorer(atlas, ready(atlas.catalog, "language-model-api-own-tokens"))
    assert own == {"Q.generated-likelihood": ("Q.completions",)}


def test_trainings_that_help_are_named(atlas):
    """Who ships the file can still train it otherwise."""
    found = withdrawals.trainings(atlas, ready(atlas.catalog, "on-device-model"))
    assert "carlini-2022-lira" in found["dp-sgd"] and "label-only" not in found


def test_withdrawing_the_weights_of_an_open_model_leaves_nothing(atlas):
    cuts, _ = withdrawals.harden(atlas, ready(atlas.catalog, "open-weights-model"))
    weights = next(cut for cut in cuts if cut.moves == (("M1.parameters", None),))
    assert weights.by_owner and weights.remaining == 0
    assert all(cut.by_owner for cut in cuts[: cuts.index(weights)])


def test_one_defense_may_replace_several_grants(atlas):
    threat = ThreatModel("black-box", "discriminative", "stand-alone", frozenset({"Q.scores", "Q.top-k", "record.label"}))
    cuts, _ = withdrawals.harden(atlas, threat)
    both = next(cut for cut in cuts if cut.replace_by == {"Q.scores": "Q.labels", "Q.top-k": "Q.labels"})
    assert both.defenses == ("label-only",) and "ml-leaks-3" in both.removes


def test_every_term_says_in_whose_hand_it_is(catalog):
    for term in catalog.terms.values():
        assert (
            term.holder == {"Q": "owner", "M1": "owner", "M2": "owner", "M3": "owner"}.get(term.symbol, term.holder)
            or term.held_by
        )
        assert term.grantable or term.holder == "nobody" or term.reading
    assert catalog.terms["record.label"].holder == catalog.terms["D1.samples"].holder == "adversary"


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

    def removed(cut) -> set[str]:
        closure = atlas.resolver.closure(set(threat.grants) - set(cut))
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
    assert {cut.withdraw for cut in cuts} == {
        tuple(sorted(choice)) for choice in itertools.product(*[(f"a{i}", f"c{i}") for i in range(count)])
    }


def test_hitting_sets_that_are_too_many_are_minimal_and_said_to_be_cut():
    environments = [0b11 << 2 * i for i in range(14)]
    found, truncated = hitting_sets(environments)
    assert truncated and found
    for mask in found:
        assert mask.bit_count() == 14 and all(mask & environment for environment in environments)
    assert hitting_sets([]) == ([], False) and hitting_sets([0, 3]) == ([], False)
