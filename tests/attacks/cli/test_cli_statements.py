"""`mia statements`: what is listed, and one sentence for bad input."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_statements_and_their_verdicts(mia, mia_json):
    found = mia_json("statements")["statements"]
    assert len(found) >= 40
    verdicts = {"holds", "does not hold", "undecided", "not measured yet", "not testable here"}
    assert {s["verdict"] for s in found} <= verdicts
    assert all(bool(s["measured"]) != bool(s.get("untestable")) for s in found)
    assert {s["kind"] for s in mia_json("statements", "--kind", "defense")["statements"]} == {"defense"}
    untestable = mia_json("statements", "--verdict", "not testable here")["statements"]
    assert untestable and all(s["untestable"] for s in untestable)
    assert f"{len(found)} statements: " in mia("statements").stdout
    for words, said in (
        (["--kind", "defence"], "unknown kind 'defence': did you mean defense?"),
        (["--verdict", "hold"], "unknown verdict 'hold': did you mean holds?"),
    ):
        done = mia("statements", *words)
        assert done.returncode == 2 and said in done.stderr
