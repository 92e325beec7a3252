"""What-ifs, gaps and comparisons, against brute force and clingo on the real catalog."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import clingo
import pytest
from hard_catalogs import wide
from rich.console import Console
from test_catalog_on_clingo import _atoms
from test_resolver import ask_clingo

from attacks.cli import question_tables
from taxonomy import advice
from taxonomy.answers import Atlas, Feasible, Infeasible
from taxonomy.entries import Attack
from taxonomy.graph import goal
from taxonomy.threat import ThreatModel, contradictions, from_user


def ready(catalog, name):
    entry = catalog.threat_models[name]
    return from_user(catalog, observation=entry.observation, model=entry.model, frame=entry.frame, knows=entry.knows)


def random_threat(catalog, seed):
    choose = random.Random(seed)
    model, frame = choose.choice(
        [("discriminative", "stand-alone"), ("generative", "stand-alone"), ("discriminative", "federated")]
    )
    terms = [n for n in catalog.grantable if catalog.terms[n].applies(model, frame)]
    return ThreatModel("white-box", model, frame, frozenset(choose.sample(terms, 5)))


def feasible_with(atlas, threat, grants):
    """Return the attacks that apply and are feasible with these grants, by clingo."""
    rules, atom = _atoms(atlas.resolver.graph.rules)
    left = [*grants, *atlas.stated(threat).aspects]
    closure = ask_clingo(rules, [atom[t] for t in left if t in atom])
    return {a.id for a in atlas.catalog.attacks.values() if atom[goal(a.id)] in closure and not atlas.inapplicable(a, threat)}


@pytest.mark.parametrize("seed", range(8))
def test_what_if_is_the_difference_of_two_answers(atlas, seed):
    threat = random_threat(atlas.catalog, seed)
    choose = random.Random(seed + 100)
    terms = [n for n in atlas.catalog.grantable if atlas.catalog.terms[n].applies(threat.model, threat.frame)]
    add, remove = choose.sample(terms, 2), choose.sample(sorted(threat.knows), 1)
    add = [t for t in add if t not in remove]
    change = advice.what_if(atlas, threat, add, remove)
    before = feasible_with(atlas, threat, threat.knows)
    after = feasible_with(atlas, change.after, (threat.knows - set(remove)) | set(add))
    assert set(change.gained) == after - before and set(change.lost) == before - after


def test_granting_never_hurts(atlas):
    for seed in range(5):
        threat = random_threat(atlas.catalog, seed)
        assert not advice.what_if(atlas, threat, atlas.grantable(threat), []).lost


def test_what_if_tells_what_still_follows(atlas):
    threat = ready(atlas.catalog, "prediction-api-scores")
    change = advice.what_if(atlas, threat, [], ["Q.labels", "D2.members"])
    assert change.still_implied == ("Q.labels",) and change.not_granted == ("D2.members",) and not change.lost


def test_what_if_tells_what_gets_weaker_or_stronger(atlas):
    """Without the recipe shadow models are of the known architecture still, and of a guessed one only without that too."""
    known = ready(atlas.catalog, "prediction-api-scores")
    less = advice.what_if(atlas, known, [], ["M2.recipe"])
    assert "carlini-2022-lira" in less.weaker and "carlini-2022-lira" not in less.lost and not less.stronger
    least = advice.what_if(atlas, less.after, [], ["M2.architecture"])
    assert "carlini-2022-lira" in least.weaker, "a guessed architecture is weaker than a known one"
    back = advice.what_if(atlas, least.after, ["M2.architecture", "M2.recipe"], [])
    assert set(back.stronger) >= set(less.weaker) and not back.weaker


def test_what_follows_from_a_withdrawn_grant_goes_with_it(atlas):
    scores = ready(atlas.catalog, "prediction-api-scores")
    assert "yeom-2018-gap" in advice.what_if(atlas, scores, [], ["Q.scores"]).lost
    server = ready(atlas.catalog, "honest-but-curious-server")
    change = advice.what_if(atlas, server, [], ["server"])
    assert "nasr-2019-passive-server" in change.lost and not change.gained
    assert not feasible_with(atlas, server, change.after.knows), "all that it saw, it saw as the server"


def test_gaps(atlas):
    cells = advice.gaps(atlas)
    assert len({(c.observation, c.model, c.frame, c.knowledge) for c in cells}) == len(cells)
    for cell in cells:
        assert set(cell.running) <= set(cell.feasible)
        assert cell.observation == "black-box" or (cell.model != "aggregate" and "M" in cell.knowledge)
    scores = next(
        c
        for c in cells
        if (c.observation, c.model, c.frame, c.knowledge) == ("black-box", "discriminative", "stand-alone", ("M", "D", "Q"))
    )
    assert "carlini-2022-lira" in scores.published and "carlini-2022-lira" in scores.running


@pytest.mark.parametrize("number", range(0, 64, 9))
def test_cells_are_clingos(atlas, number):
    cell = advice.gaps(atlas)[number]
    grants = advice._everything(atlas, cell.observation, cell.model, cell.frame, cell.knowledge)
    rules, atom = _atoms(atlas.resolver.graph.rules)
    closure = ask_clingo(rules, [atom[t] for t in grants if t in atom])
    assert set(cell.feasible) == {a for a in atlas.catalog.attacks if atom[goal(a)] in closure}


def test_compare(atlas):
    attacks = atlas.catalog.attacks
    found = advice.compare(atlas, attacks["carlini-2022-lira"], attacks["shokri-2017"])
    assert found.only_first == ("shadow-models.comparable",) and found.only_second == ("shadow-models",)
    assert not found.first_needs_no_more and found.second_needs_no_more
    figures = advice.compare(atlas, attacks["sablayrolles-2019-mast"], attacks["watson-2022"])
    assert figures.figures and figures.dominates is None, "MAST is better at low FPR and worse in balanced accuracy"
    assert found.orderings == ("ordering-lira-over-shokri", "ordering-lira-over-shokri-low-fpr")
    best = advice.compare(atlas, attacks["carlini-2022-lira"], attacks["sablayrolles-2019-mast"])
    assert best.dominates == "first"


def test_what_a_search_that_was_cut_short_says_of_two_attacks():
    """An attack with other needs is refuted by any environment; that none refutes it is proved by all of them alone."""
    catalog = wide(12, 3)
    entry = {"schema": 1, "title": "Another", "summary": "Another."}
    attacks = {"less": ["discriminative", "b0"], "other": ["discriminative", "b0", "x"]}
    catalog.terms["x"] = catalog.terms["a0-0"].model_copy(update={"id": "x"})
    for name, needs in attacks.items():
        catalog.attacks[name] = Attack.model_validate({**entry, "id": name, "needs": needs})
    atlas = Atlas(catalog)
    found = advice.compare(atlas, catalog.attacks["less"], catalog.attacks["wide"])
    assert found.first_needs_no_more is None and found.second_needs_no_more is False
    assert advice.compare(atlas, catalog.attacks["other"], catalog.attacks["wide"]).first_needs_no_more is False
    text = io.StringIO()
    question_tables.comparison(Console(file=text, width=200), catalog.attacks["less"], catalog.attacks["wide"], found)
    assert "Whether less needs no more than wide is not known: the search was cut short." in text.getvalue()


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


def test_as_surveyed(atlas):
    threat = ready(atlas.catalog, "prediction-api-scores")
    answers = {a.attack: a for a in advice.as_surveyed(atlas, threat)}
    assert len(answers) == 17
    assert answers["ml-leaks-3"].feasible and answers["ml-leaks-3"].resolved
    assert not answers["shokri-2017"].feasible and answers["shokri-2017"].resolved
    assert answers["shokri-2017"].missing == ("M3", "M4")
    server = ready(atlas.catalog, "honest-but-curious-server")
    assert server.symbols == ("D2",) and advice.symbols(atlas, server) == ("M1", "M2", "D2"), "the survey names what a role sees"


def test_cheapest_derivations_are_clingos(atlas):
    """For every ready threat model: the cheapest price over all sets of rules, by clingo's optimisation."""
    for name in sorted(atlas.catalog.threat_models):
        threat = ready(atlas.catalog, name)
        rules, atom = _atoms(atlas.resolver.graph.rules)
        for answer in atlas.answers(threat)[::7]:
            if not isinstance(answer, Feasible):
                continue
            cost = atlas.prices(answer.attack, threat).full
            program = [f"holds({atom[t]})." for t in threat.grants if t in atom]
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
