"""What a model answers, what a record is and whether there are gradients: how they are read, and what they rule out."""

from __future__ import annotations

import pytest

from taxonomy.answers import Atlas, Feasible, Inapplicable
from taxonomy.check import check
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.survey import cells
from taxonomy.threat import ThreatModel, from_user, owner, with_facets


def threat(catalog, model="discriminative", observation="black-box", **stated):
    return from_user(catalog, observation=observation, model=model, **stated)


def answers(found):
    return {facet for facet in found.facets if facet.startswith("answers-")}


@pytest.mark.parametrize(
    ("model", "knows", "stated", "expected"),
    [
        ("discriminative", [], {}, {"answers-classes"}),
        ("generative", [], {}, {"answers-record"}),
        ("aggregate", [], {}, {"answers-statistic"}),
        ("discriminative", ["Q.value"], {}, {"answers-number"}),
        ("discriminative", ["Q.masks", "Q.labels"], {}, {"answers-pixels", "answers-classes"}),
        ("generative", ["Q.samples"], {}, {"answers-record"}),
        ("generative", ["Q.samples", "Q.likelihood"], {}, {"answers-sequence"}),
        ("generative", ["Q.samples"], {"records": ["text"]}, {"answers-sequence"}),
        ("discriminative", ["Q.labels"], {"records": ["text"]}, {"answers-classes"}),
        ("discriminative", ["D1.samples"], {"answers": ["answers-pixels"]}, {"answers-pixels"}),
    ],
)
def test_what_the_model_answers_is_stated_or_read(catalog, model, knows, stated, expected):
    assert answers(threat(catalog, model, knows=knows, **stated)) == expected


def test_unstated_records_are_of_any_kind_and_unstated_models_have_gradients(catalog):
    found = threat(catalog)
    kinds = {term.id for term in catalog.terms.values() if term.aspect == "records"}
    assert kinds >= {"picture", "table", "text", "signal", "genotype"} and kinds <= found.facets
    assert "differentiable" in found.facets and "differentiable" not in threat(catalog, differentiable=False).facets
    assert kinds & threat(catalog, records=["table"]).facets == {"table"}


def test_what_follows_from_the_model_type_is_no_grant_and_what_is_said_is_one(catalog):
    assert threat(catalog, knows=["Q.labels"]).grants == ["Q.labels", "black-box", "discriminative", "stand-alone"]
    assert "answers-number" in threat(catalog, knows=["Q.value"]).grants
    assert {"answers-pixels", "picture"} <= set(threat(catalog, answers=["answers-pixels"], records=["picture"]).grants)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"answers": ["answers-class"]}, "answers-classes"),
        ({"records": ["pictures"]}, "picture"),
        ({"answers": ["picture"]}, "value of --answers"),
        ({"answers": ["answers-sequence"]}, "answers-sequence does not apply to a discriminative model"),
        ({"answers": ["answers-number"], "knows": ["Q.scores"]}, "Q.scores, which a model has that has answers-classes"),
        ({"knows": ["picture"]}, "state it with --answers, --records or --not-differentiable"),
    ],
)
def test_what_no_model_can_be_is_refused(catalog, stated, message):
    with pytest.raises(InputError, match=message):
        threat(catalog, **stated)


@pytest.mark.parametrize(
    ("attack", "stated", "because"),
    [
        ("yeom-2018-loss", {"answers": ["answers-number"]}, "answers-classes"),
        ("choquettechoo-2021-augmentation", {"records": ["table"]}, "picture"),
        ("nasr-2019-unsupervised", {"differentiable": False}, "differentiable"),
        ("he-2020-segmentation", {}, "answers-pixels"),
        ("shi-2020-over-the-air", {"answers": ["answers-pixels"]}, "answers-classes"),
        ("homer-2008", {}, "aggregate"),
    ],
)
def test_what_does_not_fit_is_inapplicable_with_its_reason(catalog, atlas, attack, stated, because):
    """An attack is never called infeasible, with terms that would unlock it, for what no grant can change."""
    found = atlas.answer(catalog.attacks[attack], threat(catalog, **stated))
    assert isinstance(found, Inapplicable) and because in found.because
    assert catalog.terms[because].title.lower() in found.reason


def test_terms_of_other_answers_are_no_advice(catalog, atlas):
    names = set(atlas.grantable(threat(catalog, answers=["answers-number"])))
    assert "Q.value" in names and not {"Q.scores", "Q.masks", "Q.labels"} & names


# -- two things that M2 is ----------------------------------------------------------------------------------------------------


def test_bare_m2_is_both_wherever_a_user_types_it(catalog, mia_json):
    assert threat(catalog, knows=["M2"]).knows == {"M2.architecture", "M2.recipe"}
    flags = ["feasible", "--observation", "black-box", "--model", "discriminative", "--knows", "Q.scores"]
    more = ["--knows", "record.label", "--knows", "D1.samples", "--what-if", "+M2"]
    change = mia_json(*flags, *more)["what_if"]
    assert change["add"] == ["M2.architecture", "M2.recipe"] and "long-2017" in change["gained"]


def test_published_settings_are_projected_as_before(catalog):
    setting = next(s for s in catalog.attacks["carlini-2022-lira"].published if s.name == "online")
    assert "M2" in setting.knows and cells(ThreatModel.of(setting))[1] == "M2"
    finer = threat(catalog, knows=["M2.architecture", "Q.scores"])
    assert finer.symbols == ("M2", "Q")


OLD = """\
schema: 1
id: {id}
title: Of old
summary: An entry that was written before M2 was two things.
{rest}
"""


@pytest.mark.slow
def test_entries_of_others_with_old_terms_load_and_are_answered(tmp_path):
    for kind, name, rest in (
        ("attacks", "of-old", "needs: [discriminative, M1.parameters, M2, record.label, shadow-models.matched]"),
        ("threat-models", "held-of-old", "observation: white-box\nknows: [M1.parameters, M2]\nmodel: discriminative"),
        ("targets", "target-of-old", "model: discriminative\nframe: stand-alone\ndata: x\noffers: [M1.parameters, M2]"),
    ):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.yaml").write_text(OLD.format(id=name, rest=rest))
    catalog, findings = check([tmp_path])
    assert not [f for f in findings if f.severity == "error"]
    catalog = load([tmp_path])
    atlas = Atlas(catalog)
    everything = ["M1.parameters", "M2", "record.label", "D1.samples"]
    found = atlas.answer(catalog.attacks["of-old"], threat(catalog, observation="white-box", knows=everything))
    assert isinstance(found, Feasible)
    assert "M1.runnable" in atlas.resolver.closure(with_facets(catalog, owner(catalog.targets["target-of-old"])).grants)


# -- a file that can be run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "kind", "yields", "not_"),
    [
        ("discriminative", "answers-classes", {"Q.scores", "Q.labels"}, {"Q.value", "Q.masks"}),
        ("discriminative", "answers-number", {"Q.value"}, {"Q.masks"}),
        ("discriminative", "answers-pixels", {"Q.masks"}, {"Q.value"}),
        ("generative", "answers-sequence", {"Q.next-symbol", "Q.likelihood", "Q.samples"}, {"Q.predicted-noise"}),
        ("generative", "answers-record", {"M1.generator", "Q.latent"}, {"Q.likelihood"}),
    ],
)
def test_a_file_gives_what_its_kind_of_model_answers(catalog, atlas, model, kind, yields, not_):
    for knows in (["M1.runnable"], ["M1.parameters", "M2.architecture"]):
        stated = threat(catalog, model, "white-box", knows=knows, answers=[kind])
        closure = atlas.resolver.closure(stated.grants)
        assert yields <= closure and not not_ & closure
        assert "M2.recipe" not in closure and "D1.size" not in closure, "how it was trained, a file does not tell"


def test_calibrated_attacks_name_the_weaker_grade(catalog, atlas):
    """The proof is weaker where something is guessed, and matched models are taken where there are any."""
    lira = catalog.attacks["carlini-2022-lira"]
    for more, weaker in ((["M2"], False), ([], True), (["M2.architecture"], True), (["M3"], True)):
        found = atlas.answer(lira, threat(catalog, knows=["Q.scores", "record.label", "D1.samples", *more]))
        assert isinstance(found, Feasible) and any(rule.weaker for rule in found.derivation.rules) == weaker, more
    for pool in (["D2.superset"], ["D2.superset", "M2"]):
        found = atlas.answer(lira, threat(catalog, knows=["Q.scores", "record.label", *pool]))
        assert isinstance(found, Feasible) and any(rule.weaker for rule in found.derivation.rules)
