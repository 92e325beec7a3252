"""What-ifs, against brute force and clingo on the real catalog."""

from __future__ import annotations

import random

import pytest
from test_catalog_on_clingo import _atoms
from test_resolver import ask_clingo

from taxonomy.graph import goal
from taxonomy.threat import ThreatModel, from_user
from taxonomy.what_if import what_if


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
    closure = ask_clingo(rules, [atom[t] for t in atlas.resolver.given(left) if t in atom])
    return {a.id for a in atlas.catalog.attacks.values() if atom[goal(a.id)] in closure and not atlas.inapplicable(a, threat)}


@pytest.mark.parametrize("seed", range(8))
def test_what_if_is_the_difference_of_two_answers(atlas, seed):
    threat = random_threat(atlas.catalog, seed)
    choose = random.Random(seed + 100)
    terms = [n for n in atlas.catalog.grantable if atlas.catalog.terms[n].applies(threat.model, threat.frame)]
    add, remove = choose.sample(terms, 2), choose.sample(sorted(threat.knows), 1)
    add = [t for t in add if t not in remove]
    change = what_if(atlas, threat, add, remove)
    before = feasible_with(atlas, threat, threat.knows)
    after = feasible_with(atlas, change.after, (threat.knows - set(remove)) | set(add))
    assert set(change.gained) == after - before and set(change.lost) == before - after


def test_granting_never_hurts(atlas):
    for seed in range(5):
        threat = random_threat(atlas.catalog, seed)
        assert not what_if(atlas, threat, atlas.grantable(threat), []).lost


def test_what_if_tells_what_still_follows(atlas):
    threat = ready(atlas.catalog, "prediction-api-scores")
    change = what_if(atlas, threat, [], ["Q.labels", "D2.members"])
    assert change.still_implied == ("Q.labels",) and change.not_granted == ("D2.members",) and not change.lost


def test_what_if_tells_what_gets_weaker_or_stronger(atlas):
    """Without the recipe shadow models are of the known architecture still, and of a guessed one only without that too."""
    known = ready(atlas.catalog, "prediction-api-scores")
    less = what_if(atlas, known, [], ["M2.recipe"])
    assert "carlini-2022-lira" in less.weaker and "carlini-2022-lira" not in less.lost and not less.stronger
    least = what_if(atlas, less.after, [], ["M2.architecture"])
    assert "carlini-2022-lira" in least.weaker, "a guessed architecture is weaker than a known one"
    back = what_if(atlas, least.after, ["M2.architecture", "M2.recipe"], [])
    assert set(back.stronger) >= set(less.weaker) and not back.weaker


def test_what_follows_from_a_withdrawn_grant_goes_with_it(atlas):
    scores = ready(atlas.catalog, "prediction-api-scores")
    assert "yeom-2018-gap" in what_if(atlas, scores, [], ["Q.scores"]).lost
    server = ready(atlas.catalog, "honest-but-curious-server")
    change = what_if(atlas, server, [], ["server"])
    assert "nasr-2019-passive-server" in change.lost and not change.gained
    assert not feasible_with(atlas, server, change.after.knows), "all that it saw, it saw as the server"
