"""Limits are part of feasibility: against clingo on random threat models, and what a person is told."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from bad_catalogs import ATTACK
from hypothesis import given, settings
from hypothesis import strategies as st
from limited_threats import TIGHT, about_another_model, limited_threat, shrinkable
from limits_oracle import Program, amounts, feasible
from test_resolver import grants, rules

from taxonomy.answers import Feasible, Inapplicable, Infeasible
from taxonomy.check import check
from taxonomy.entries import Limits
from taxonomy.graph import Graph, goal
from taxonomy.proofs import fits, used
from taxonomy.resolver import Resolver
from taxonomy.threat import ThreatModel, from_user


@pytest.mark.parametrize("seed", range(20))
def test_what_fits_is_clingos(atlas, seed):
    """Feasible exactly if clingo finds a proof within the limits; the number that would do is the least that would."""
    threat = limited_threat(atlas.catalog, seed)
    if seed % 2:
        threat = about_another_model(atlas.catalog, threat, seed)
    granted = atlas.resolver.closure(atlas.stated(threat).grants)
    for attack in [attack for attack in shrinkable(atlas.catalog, seed) if goal(attack.id) in granted]:
        answer = atlas.answer(attack, threat)
        if isinstance(answer, Inapplicable):
            assert set(answer.because) - {*atlas.stated(threat).facets, threat.model, threat.frame}
            continue
        assert isinstance(answer, Feasible) == feasible(atlas, attack, threat), attack.id
        if isinstance(answer, Feasible):
            assert fits(used(answer.derivation.price), (threat.limits.models, threat.limits.queries, threat.limits.rows))
            full = Program(atlas, attack, threat, least=False).feasible()
            assert bool(answer.reduced) == (not full), "amounts shrink only where nothing else would do"
        elif isinstance(answer, Infeasible) and answer.would_do:
            assert Program(atlas, attack, replace(threat, limits=Limits())).feasible()
            alone = {
                name: Program(atlas, attack, threat).least(name) for name in TIGHT if getattr(threat.limits, name) is not None
            }
            expected = [{name: least} for name, least in alone.items() if least is not None]
            assert list(answer.would_do) == expected or (not expected and len(answer.would_do) == 1)


@pytest.mark.parametrize("seed", range(20, 32))
def test_what_would_unlock_within_the_limits_is_clingos(atlas, seed):
    threat = limited_threat(atlas.catalog, seed)
    grantable = tuple(atlas.grantable(threat))
    for attack in random.Random(seed).sample(shrinkable(atlas.catalog, seed), 8):
        answer = atlas.answer(attack, threat)
        if not isinstance(answer, Infeasible):
            continue
        expected = Program(atlas, attack, threat, grantable).minimal_sets()
        found = set(map(frozenset, answer.missing.sets))
        assert found <= expected and (answer.missing.truncated or found == expected), attack.id
        if answer.beyond:
            assert not found and not Program(atlas, attack, threat).feasible()


@settings(max_examples=150, deadline=None)
@given(rules, grants, st.integers(0, 6), st.integers(0, 4))
def test_a_proof_within_limits_is_the_cheapest_of_those_that_fit(graph_rules, granted, models, queries):
    """On random rules, against all choices of rules: the cheapest that fits, or none if none does."""
    resolver = Resolver(Graph(graph_rules, [f"t{i}" for i in range(9)]))
    found, exhaustive = resolver.within((models, queries, None), ["t0"], granted)
    assert exhaustive
    options = [[None, *(r for r in graph_rules if r.yields == t)] if t not in granted else [None] for t in resolver.graph.names]
    best = None
    for choice in itertools.product(*options):
        chosen = [rule for rule in choice if rule is not None]
        cost = sum(r.price.models for r in chosen), sum(r.price.queries for r in chosen), len(chosen)
        better = best is None or cost < best
        if better and cost[0] <= models and cost[1] <= queries and "t0" in Resolver(Graph(chosen, ["t0"])).closure(granted):
            best = cost
    mine = found and (found.price.models, found.price.queries, len(found.rules))
    assert mine == best


def ask(catalog, knows, model="discriminative", observation="black-box", **limits) -> ThreatModel:
    return from_user(catalog, observation=observation, model=model, knows=knows, **limits)


def test_a_rate_limit_stops_what_asks_much(atlas):
    threat = ask(atlas.catalog, ["Q.labels", "record.label"], queries=100)
    boundary = atlas.answer(atlas.catalog.attack("li-2021-boundary"), threat)
    assert isinstance(boundary, Infeasible) and boundary.would_do == ({"queries": 51_000},)
    assert ("M1.runnable",) in boundary.missing.sets, "a copy at home can be asked for nothing"
    gap = atlas.answer(atlas.catalog.attack("yeom-2018-gap"), threat)
    assert isinstance(gap, Feasible) and gap.records == 100


def test_what_is_at_home_is_free_and_has_no_limit(atlas):
    threat = ask(atlas.catalog, ["M1.parameters", "M2", "Q.labels", "record.label"], observation="white-box", queries=0)
    answer = atlas.answer(atlas.catalog.attack("li-2021-boundary"), threat)
    assert isinstance(answer, Feasible)
    price = answer.derivation.price
    assert (price.queries, price.queries_per_record) == (0, 0) and (price.home, price.home_per_record) == (50_000, 1000)


def test_another_proof_that_fits_is_looked_for_first(atlas):
    """Attack data from known members train no model, but ask the target; shadow models train, and ask less."""
    knows = ["Q.scores", "record.label", "D1.samples", "D2.members", "M4"]
    attack = atlas.catalog.attack("truex-2019")
    proofs = {}
    for name, limits in {"asks": {"models": 0}, "trains": {"queries": 999}}.items():
        answer = atlas.answer(attack, ask(atlas.catalog, knows, **limits))
        assert isinstance(answer, Feasible) and not answer.reduced
        proofs[name] = answer.derivation
    assert proofs["asks"].price.models == 0 < proofs["trains"].price.models
    assert proofs["trains"].price.total_queries(1) < proofs["asks"].price.total_queries(1)


def test_counts_shrink_to_the_methods_least_and_no_further(atlas):
    attack = atlas.catalog.attack("zarifzadeh-2024-rmia")
    knows = ["Q.scores", "record.label", "D1.samples", "M2"]
    four = atlas.answer(attack, ask(atlas.catalog, knows, models=4))
    assert isinstance(four, Feasible) and four.derivation.price.models == 4 and not four.derivation.cheapest
    (change,) = four.reduced
    assert (change.rule, change.parameter, change.wanted, change.used) == ("shadow-models-known-recipe", "count", 16, 4)
    one = atlas.answer(attack, ask(atlas.catalog, knows, models=1))
    assert isinstance(one, Infeasible) and one.would_do == ({"models": 2},)
    unstated = atlas.answer(atlas.catalog.attack("truex-2019"), ask(atlas.catalog, knows, models=4))
    assert isinstance(unstated, Infeasible) and unstated.would_do == ({"models": 16},)


def test_rows_of_what_was_published_are_no_calls(atlas):
    threat = ask(atlas.catalog, ["Q.samples", "D1.samples"], model="generative", rows=5000, queries=0)
    answer = atlas.answer(atlas.catalog.attack("hilprecht-2019-monte-carlo"), threat)
    assert isinstance(answer, Infeasible) and answer.would_do == ({"rows": 300_000},)
    enough = replace(threat, limits=Limits(rows=300_000, queries=0))
    assert isinstance(atlas.answer(answer.attack, enough), Feasible)
    calls = replace(threat, limits=Limits(queries=299_999))
    assert isinstance(atlas.answer(answer.attack, calls), Infeasible), "without a number of rows, samples are calls to a service"


def test_models_are_counted_in_trainings_of_the_target(atlas):
    knows = ["Q.scores", "record.label", "D1.samples", "M2"]
    own = atlas.answer(atlas.catalog.attack("carlini-2022-lira"), ask(atlas.catalog, knows))
    guessed = atlas.answer(atlas.catalog.attack("ml-leaks-1"), ask(atlas.catalog, knows[:3]))
    assert isinstance(own, Feasible) and own.derivation.price.trainings == own.derivation.price.models == 16
    assert isinstance(guessed, Feasible) and guessed.derivation.price.trainings == 0 < guessed.derivation.price.models


def test_what_nothing_unlocks_within_the_limits_says_what_would_without(atlas):
    threat = ask(atlas.catalog, ["Q.scores", "record.label"], models=0)
    answer = atlas.answer(atlas.catalog.attack("ye-2022-attack-r"), threat)
    assert isinstance(answer, Infeasible) and not answer.missing.sets and not answer.would_do
    assert ("D1.samples",) in answer.beyond


def test_granting_and_raising_limits_never_hurts(atlas):
    for seed in range(6):
        threat = limited_threat(atlas.catalog, seed)
        more = random.Random(seed).sample(atlas.grantable(threat), 3)
        richer = replace(threat, knows=threat.knows | set(more))
        for attack in list(atlas.catalog.attacks.values())[::4]:
            before, after = atlas.answer(attack, threat), atlas.answer(attack, richer)
            assert not isinstance(before, Feasible) or isinstance(after, Feasible), attack.id
            if not isinstance(before, Inapplicable):
                unlimited = atlas.answer(attack, replace(threat, limits=Limits()))
                assert not isinstance(before, Feasible) or isinstance(unlimited, Feasible)


def test_amounts_of_the_oracle_are_those_of_the_entries(atlas):
    attack = atlas.catalog.attack("shokri-2017")
    rule = next(rule for rule in atlas.resolver.graph.rules if rule.id == "shadow-models-guessed-architecture")
    assert amounts(atlas, attack, rule, least=False)["models"] == 10


DEFENSE = """\
schema: 1
id: bad-mask
title: A bad mask
summary: Something is wrong here.
category: output-masking
standing: later
mechanism: None.
changes: answers
utility_cost: None.
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "text", "code", "line", "message"),
    [
        ("defenses", DEFENSE + "replaces: {Q.labels: Q.scores}\n", "MIA023", 10, "Q.scores is not poorer than Q.labels"),
        ("defenses", DEFENSE + "replaces: {Q.scores: Q.scores}\n", "MIA023", 10, "not poorer"),
        ("defenses", DEFENSE + "replaces: {Q.scores: Q.lables}\n", "MIA012", 10, "Q.lables"),
        ("attacks", ATTACK + "least: {sample-pool: {count: 3}}\n", "MIA023", 6, "neither the attack itself nor an artifact"),
        ("attacks", ATTACK.replace("]", ", shadow-models]") + "least: {shadow-models: {cuont: 3}}\n", "MIA013", 6, "'cuont'"),
        ("attacks", ATTACK + "params: {queries: 9}\nleast: {bad-attack: {quaries: 3}}\n", "MIA013", 7, "'quaries'"),
    ],
)
def test_what_entries_say_of_least_amounts_and_poorer_grants_is_checked(tmp_path, monkeypatch, kind, text, code, line, message):
    monkeypatch.setattr("taxonomy.evidence.files", lambda catalog: [])
    (tmp_path / kind).mkdir()
    (tmp_path / kind / f"bad-{'mask' if kind == 'defenses' else 'attack'}.yaml").write_text(text)
    found = [f for f in check([tmp_path])[1] if f.code == code and f.file.endswith((f"{kind}/bad-mask.yaml", "bad-attack.yaml"))]
    assert [f.line for f in found] == [line] and message in found[0].message
