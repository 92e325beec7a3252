"""What is asked about, and how: stages of the pipeline, kinds of candidates, recorded answers, and priors."""

from __future__ import annotations

import pytest

from taxonomy.answers import Feasible, Inapplicable, Infeasible, belongs, facets
from taxonomy.entries import Guarantee
from taxonomy.findings import InputError
from taxonomy.guarantees import as_json
from taxonomy.priors import precision
from taxonomy.terms import ASSUMED, RECORDED
from taxonomy.threat import from_user

LABELS = ["Q.labels", "record.label", "D1.samples"]


def threat(catalog, model="discriminative", observation="black-box", **stated):
    return from_user(catalog, observation=observation, model=model, **stated)


def feasible(atlas, found, goal="membership"):
    return {a.attack.id for a in atlas.answers(found, goal) if isinstance(a, Feasible)}


# -- stage --------------------------------------------------------------------------------------------------------------------


def test_a_store_that_is_searched_is_attacked_by_what_is_found_in_it_alone(catalog, atlas):
    """No likelihood tells of records on which a model was never trained."""
    stated = {"knows": ["Q.retrieval", "Q.likelihood"], "records": ["text"]}
    store, everything = threat(catalog, "generative", stage=["retrieval"], **stated), threat(catalog, "generative", **stated)
    assert "li-2024-s2mia" in feasible(atlas, store)
    assert {"li-2024-s2mia", "shi-2024-min-k"} <= feasible(atlas, everything)
    for name in feasible(atlas, store):
        assert "retrieval" in facets(catalog, catalog.attacks[name], "stage"), name
    answer = atlas.answer(catalog.attacks["shi-2024-min-k"], store)
    assert isinstance(answer, Inapplicable) and answer.because == ("pre-training",)
    assert answer.reason == "it is for a first training of a model, and this is a search of a store"


def test_updates_are_further_training(catalog, atlas):
    answer = atlas.answer(catalog.attacks["nasr-2019-updated"], threat(catalog, observation="white-box", stage=["pre-training"]))
    assert isinstance(answer, Inapplicable) and answer.because == ("fine-tuning",)


def test_published_statistics_have_no_stage(catalog):
    assert all(not facets(catalog, a, "stage") for a in catalog.attacks.values() if "aggregate" in a.needs)


# -- granularity --------------------------------------------------------------------------------------------------------------


def test_a_question_about_a_person_is_not_answered_record_by_record(catalog, atlas):
    everything = [t for t in atlas.grantable(threat(catalog)) if catalog.terms[t].symbol != "M1"]
    for kind in ("about-user", "about-set", "about-range"):
        for name in feasible(atlas, threat(catalog, knows=everything, granularity=[kind])):
            assert kind in facets(catalog, catalog.attacks[name], "granularity"), name
    assert "tao-2025-ramia" in feasible(atlas, threat(catalog, knows=everything, granularity=["about-range"]))
    assert "tao-2025-ramia" not in feasible(atlas, threat(catalog, knows=everything, granularity=["about-record"]))
    assert "tao-2025-ramia" in feasible(atlas, threat(catalog, knows=everything))


def test_what_has_no_candidate_is_asked_about_whatever_a_candidate_is(catalog, atlas):
    """Who extracts a model judges nobody."""
    assert not facets(catalog, catalog.attacks["tramer-2016"], "granularity")
    stated = threat(catalog, knows=["Q.scores", "M4"], granularity=["about-user"])
    assert "tramer-2016" in feasible(atlas, stated, "extraction")


def test_every_attack_says_what_it_is_about(catalog):
    for attack in catalog.attacks.values():
        for kinds in belongs(catalog, attack):
            assert len({catalog.terms[name].aspect for name in kinds}) == 1, attack.id
        if attack.goal == "membership":
            assert len(facets(catalog, attack, "granularity")) == 1, attack.id


# -- how is asked -------------------------------------------------------------------------------------------------------------


def test_recorded_answers_rule_out_what_asks_by_earlier_answers(catalog, atlas):
    asked, recorded = threat(catalog, knows=LABELS), threat(catalog, knows=LABELS, recorded=True)
    lost = feasible(atlas, asked) - feasible(atlas, recorded)
    assert lost == {name for name in feasible(atlas, asked) if "adaptive-questions" in catalog.attacks[name].needs}
    assert {"choquettechoo-2021-boundary", "li-2021-boundary"} <= lost and "choquettechoo-2021-noise" in feasible(atlas, recorded)
    answer = atlas.answer(catalog.attacks["li-2021-boundary"], recorded)
    assert isinstance(answer, Infeasible), "a copy at home would do"
    assert ("M1.runnable",) in answer.missing.sets and not any("adaptive-questions" in s for s in answer.missing.sets)


def test_a_copy_at_home_is_asked_as_one_likes(catalog, atlas):
    found = threat(catalog, observation="white-box", knows=[*LABELS, "M1.runnable"], recorded=True)
    assert "li-2021-boundary" in feasible(atlas, found)


def test_a_step_that_asks_by_earlier_answers_goes_too(catalog, atlas):
    """Shadow data are made by climbing on scores; who has samples does without."""
    shokri, scores = catalog.attacks["shokri-2017"], ["Q.scores", "record.label"]
    assert isinstance(atlas.answer(shokri, threat(catalog, knows=scores)), Feasible)
    assert isinstance(atlas.answer(shokri, threat(catalog, knows=scores, recorded=True)), Infeasible)
    assert isinstance(atlas.answer(shokri, threat(catalog, knows=[*scores, "D1.samples"], recorded=True)), Feasible)


def test_recorded_is_said_and_what_everybody_has_is_not(catalog):
    grants = threat(catalog, knows=["Q.labels"], recorded=True).grants
    assert RECORDED in grants and not {*grants, *threat(catalog, knows=["Q.labels"]).grants} & {*ASSUMED}


# -- what no adversary can say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"stage": ["retreival"]}, "unknown value of --stage 'retreival': did you mean retrieval?"),
        ({"granularity": ["user"]}, "about-user"),
        ({"granularity": ["retrieval"]}, "unknown value of --granularity"),
        ({"stage": ["alignment"]}, "alignment does not apply to a discriminative model"),
        ({"knows": ["Q.updates"], "stage": ["pre-training"]}, "Q.updates, which is about fine-tuning, with pre-training"),
        ({"knows": ["about-user"]}, "it says what is asked about; state it with --granularity"),
        ({"knows": ["adaptive-questions"]}, "state with --recorded that answers are recorded"),
        ({"prior": 1.0}, "--prior must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_name(catalog, stated, message):
    with pytest.raises(InputError) as error:
        threat(catalog, **stated)
    assert message in str(error.value)


# -- priors -------------------------------------------------------------------------------------------------------------------


def test_precision_is_bayes_rule():
    assert precision(0.5, 0.01, 0.5) == pytest.approx(0.5 / 0.51)
    assert precision(0.5, 0.01, 0.001) == pytest.approx(0.0005 / (0.0005 + 0.00999))
    assert precision(0.3, 0.3, 0.1) == pytest.approx(0.1), "who guesses is right as often as members are frequent"
    assert precision(0.0, 0.0, 0.1) is None and precision(0.2, 0.0, 0.1) == 1.0


def test_a_guarantee_bounds_how_many_accusations_are_right(catalog):
    told = as_json(Guarantee(epsilon=1.0), catalog.attacks["yeom-2018-loss"], 0.01)
    most = told["tpr_at_most"]["0.01"]
    assert (
        told["precision_at_most"]["0.01"] == pytest.approx(precision(most, 0.01, 0.01))
        and told["precision_at_most"]["0.01"] < 0.03
    )
    assert "precision_at_most" not in as_json(Guarantee(epsilon=1.0), catalog.attacks["yeom-2018-loss"])
    assert as_json(Guarantee(epsilon=1.0), catalog.attacks["tramer-2016"], 0.01)["precision_at_most"] is None


@pytest.mark.slow
def test_commands_take_what_is_asked_about(mia_json):
    flags = ["--observation", "black-box", "--model", "discriminative", *(f for t in LABELS for f in ("--knows", t))]
    found = mia_json("feasible", *flags, "--recorded", "--prior", "0.01", "--granularity", "about-record")
    assert found["threat_model"]["recorded"] and found["threat_model"]["prior"] == 0.01
    measured = [one["measured"] for one in found["feasible"] if one["measured"] and one["measured"]["tpr_at_fpr"]["0.01"]]
    for one in measured:
        assert one["precision_at_fpr"]["0.01"] == pytest.approx(precision(one["tpr_at_fpr"]["0.01"], 0.01, 0.01))
    assert measured
    assert {"li-2024-s2mia"} <= {a["id"] for a in mia_json("attacks", "--stage", "retrieval")["attacks"]}
    assert all(a["granularity"] == ["about-range"] for a in mia_json("attacks", "--granularity", "about-range")["attacks"])
    assert mia_json("export", "graph")["assumed"] == ASSUMED
