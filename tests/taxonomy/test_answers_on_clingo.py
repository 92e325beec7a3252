"""Answers of the real catalog: cheapest derivations against clingo, and sets that what is stated rules out."""

from __future__ import annotations

from dataclasses import replace

import clingo
import pytest
from test_catalog_on_clingo import _atoms
from test_what_if import ready

from taxonomy.answers import Feasible, Infeasible
from taxonomy.graph import goal
from taxonomy.threat import contradictions, from_user


@pytest.mark.slow
def test_sets_that_the_stated_observation_rules_out_are_marked_and_come_last(atlas):
    marked = 0
    for name in sorted(atlas.catalog.threat_models):
        threat = ready(atlas.catalog, name)
        for answer in atlas.answers(threat):
            if not isinstance(answer, Infeasible):
                continue
            order = [(not fit.fits, len(s), s) for fit, s in zip(answer.fits, answer.missing.sets, strict=True)]
            assert order == sorted(order)
            for terms, fit in zip(answer.missing.sets, answer.fits, strict=True):
                reasons = contradictions(atlas.catalog, replace(threat, knows=threat.knows | set(terms)))
                assert fit.fits == (not reasons), (terms, reasons)
                if fit.observation:
                    after = replace(threat, observation=fit.observation, knows=threat.knows | set(terms))
                    assert tuple(contradictions(atlas.catalog, after)) == fit.contradictions
                    marked += 1
            least = atlas.least(answer.missing, threat)
            fitting = {s for s, fit in zip(answer.missing.sets, answer.fits, strict=True) if fit.fits}
            assert not fitting or least[0] in fitting, "what fits is never folded away for what does not"
    assert marked


@pytest.mark.slow
def test_cheapest_derivations_are_clingos(atlas):
    """For every ready threat model: the cheapest price over all sets of rules, by clingo's optimisation."""
    for name in sorted(atlas.catalog.threat_models):
        threat = ready(atlas.catalog, name)
        rules, atom = _atoms(atlas.resolver.graph.rules)
        for answer in atlas.answers(threat)[::7]:
            if not isinstance(answer, Feasible):
                continue
            cost = atlas.prices(answer.attack, threat).full
            program = [f"holds({atom[t]})." for t in atlas.resolver.given(threat.grants) if t in atom]
            for i, rule in enumerate(atlas.resolver.graph.rules):
                price, small = cost(rule), rules[i]
                program.append(f"{{ use({i}) }} :- {', '.join(f'holds({n})' for n in small.needs)}.")
                program.append(f"holds({small.yields}) :- use({i}).")
                program.append(f":~ use({i}). [{price.models}@5,{i}]")
                program.append(f":~ use({i}). [{price.total_queries(1000)}@4,{i}]")
                program.append(f":~ use({i}). [{price.asked(1000)}@3,{i}]")
                program.append(f":~ use({i}). [{int(rule.weaker)}@2,{i}]")
                program.append(f":~ use({i}). [1@1,{i}]")
            program.append(f":- not holds({atom[goal(answer.attack.id)]}).")
            control = clingo.Control(["--warn=none"])
            control.add("base", [], "\n".join(program))
            control.ground([("base", [])])
            costs: list[list[int]] = []
            control.solve(on_model=lambda model, costs=costs: costs.append(list(model.cost)))
            derivation = answer.derivation
            mine = [derivation.price.models, derivation.price.total_queries(1000), derivation.price.asked(1000)]
            mine += [sum(rule.weaker for rule in derivation.rules), len(derivation.rules)]
            assert derivation.cheapest and mine == costs[-1], (name, answer.attack.id)


def test_weaker_data_are_used_only_where_nothing_better_costs_the_same(atlas):
    attack = atlas.catalog.attack("shokri-2017")
    common = ["Q.scores", "record.label", "M3", "D1.shifted"]
    rules = {}
    for name, grants in {"shifted": common, "both": [*common, "D1.samples"]}.items():
        threat = from_user(atlas.catalog, observation="black-box", model="discriminative", frame="stand-alone", knows=grants)
        answer = atlas.answer(attack, threat)
        assert isinstance(answer, Feasible)
        rules[name] = [rule.id for rule in answer.derivation.rules if rule.weaker]
    assert rules == {"shifted": ["shadow-data.shifted->shadow-data"], "both": []}
