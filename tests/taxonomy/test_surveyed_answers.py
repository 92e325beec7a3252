"""What the survey's rows alone say of a threat model."""

from __future__ import annotations

from test_what_if import ready

from taxonomy import surveyed_answers


def test_as_surveyed(atlas):
    threat = ready(atlas.catalog, "prediction-api-scores")
    answers = {a.attack: a for a in surveyed_answers.as_surveyed(atlas, threat)}
    assert len(answers) == 17
    assert answers["ml-leaks-3"].feasible and answers["ml-leaks-3"].resolved
    assert not answers["shokri-2017"].feasible and answers["shokri-2017"].resolved
    assert answers["shokri-2017"].missing == ("M3", "M4")
    server = ready(atlas.catalog, "honest-but-curious-server")
    assert server.symbols == ("D2",) and surveyed_answers.symbols(atlas, server) == ("M1", "M2", "D2"), (
        "the survey names what a role sees"
    )
