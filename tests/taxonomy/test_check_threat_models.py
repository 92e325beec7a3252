"""What `mia check` says of ready threat models that no adversary can be like."""

from __future__ import annotations

import pytest

from taxonomy.check import check

THREAT = """\
schema: 1
id: own
title: A threat model
summary: For tests.
observation: black-box
knows: [{knows}]
model: generative
{more}
"""


@pytest.mark.parametrize(
    ("knows", "more", "said"),
    [
        ("Q.samples", "stage: [about-record]", "8:9: error MIA024: about-record is no value of `stage` (known: alignment"),
        ("Q.samples", "granularity: [retrieval]", "8:15: error MIA024: retrieval is no value of `granularity`"),
        ("Q.retrieval", "stage: [fine-tuning]", "contradicts itself: Q.retrieval, which is about retrieval, with fine-tuning"),
        ("Q.scores", "", "contradicts itself: Q.scores does not apply to a generative model"),
        ("Q.retrieval", "stage: [retrieval]", ""),
    ],
)
def test_check_tells_of_a_threat_model_that_cannot_be(tmp_path, knows, more, said):
    (tmp_path / "threat-models").mkdir()
    (tmp_path / "threat-models" / "own.yaml").write_text(THREAT.format(knows=knows, more=more))
    told = [str(finding) for finding in check([tmp_path])[1] if "own.yaml" in finding.file]
    assert said in told[0] if said else told == [], told
