"""Threat models: the readings of bare symbols, what is refused as contradictory, and the projection."""

from __future__ import annotations

import pytest

from taxonomy.findings import InputError
from taxonomy.survey import cells
from taxonomy.threat import ThreatModel, from_user


def read(catalog, observation="black-box", model="discriminative", frame=None, knows=()):
    return sorted(from_user(catalog, observation=observation, model=model, frame=frame, knows=knows).knows)


@pytest.mark.parametrize(
    ("observation", "model", "knows", "expected"),
    [
        ("black-box", "discriminative", ["Q"], ["Q.scores"]),
        ("black-box", "generative", ["Q"], ["Q.samples"]),
        ("black-box", "aggregate", ["Q"], ["Q.aggregates"]),
        ("black-box", "discriminative", ["D1", "D2"], ["D1.samples", "D2.superset"]),
        ("black-box", "discriminative", [], []),
        ("white-box", "discriminative", [], ["M1.parameters", "M2.architecture", "M2.recipe"]),
        ("white-box", "generative", [], ["M1.generator"]),
        ("white-box", "discriminative", ["M1"], ["M1.parameters"]),
        ("white-box", "generative", ["M1"], ["M1.generator"]),
        ("white-box", "discriminative", ["M1.parameters"], ["M1.parameters"]),
        ("white-box", "generative", ["M1.discriminator"], ["M1.discriminator"]),
    ],
)
def test_readings(catalog, observation, model, knows, expected):
    assert read(catalog, observation, model, knows=knows) == expected


def test_grants_are_aspects_roles_and_stated_terms_sorted(catalog):
    threat = from_user(catalog, observation="black-box", model="discriminative", knows=["record.label", "Q"])
    assert threat.grants == ["Q.scores", "black-box", "discriminative", "record.label", "stand-alone"]
    assert threat.frame == "stand-alone", "an unstated frame is stand-alone"


@pytest.mark.parametrize(
    ("observation", "model", "frame", "knows", "reason"),
    [
        ("black-box", "discriminative", None, ["M1.parameters"], "black-box with M1.parameters"),
        ("black-box", "generative", None, ["M1"], "black-box with M1.generator"),
        ("white-box", "aggregate", None, [], "white-box on published statistics"),
        ("black-box", "discriminative", None, ["Q.samples"], "does not apply"),
        ("white-box", "discriminative", None, ["M1.rounds"], "does not apply"),
        ("white-box", "discriminative", "federated", ["active"], "active without a role"),
        ("white-box", "discriminative", "federated", ["participant", "M1.updates"], "participant alone"),
    ],
)
def test_contradictions_are_refused_with_the_reason(catalog, observation, model, frame, knows, reason):
    with pytest.raises(InputError, match=reason):
        read(catalog, observation, model, frame, knows)


@pytest.mark.parametrize("term", ["M2.architecture", "M2.recipe", "M3", "M4"])
def test_black_box_allows_knowledge_of_the_recipe(catalog, term):
    assert read(catalog, knows=[term]) == [term]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observation": None}, "states no observation"),
        ({"model": None}, "states no model type"),
        ({"model": "discriminativ"}, "did you mean discriminative"),
        ({"knows": ["Q.score"]}, "did you mean Q.scores"),
        ({"knows": ["shadow-models"]}, "artifact"),
        ({"knows": ["generative"]}, "aspect"),
    ],
)
def test_bad_input(catalog, arguments, message):
    with pytest.raises(InputError, match=message):
        read(catalog, **{"observation": "black-box", "model": "discriminative", **arguments})


def test_roles_imply_what_they_see(atlas):
    server = atlas.resolver.closure(["server"])
    participant = atlas.resolver.closure(["participant"])
    assert {"M1.rounds", "M1.updates", "M2"} <= server
    assert {"M1.rounds", "M2"} <= participant and "M1.updates" not in participant


def test_refinement_is_not_a_rule(atlas):
    assert "Q.scores" not in atlas.resolver.closure(["Q.labels", "discriminative"])
    assert "Q" not in atlas.resolver.closure(["Q.labels", "discriminative"])


def test_projection_is_on_the_first_segment_of_stated_terms():
    threat = ThreatModel(
        "black-box", "discriminative", "stand-alone", frozenset({"Q.labels", "D1.samples", "M2", "record.label"})
    )
    assert cells(threat) == ("B", "M2", "D1", "Q", "D", "S")
