"""What the survey states: entries with a section, in our own words, and verdicts that follow from evidence alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from measured_defenses import cell
from measured_defenses import put as put_defense
from test_factors import measured, put, varies
from test_factors import write as write_factor

from taxonomy import judgements, verdicts
from taxonomy.check import check
from taxonomy.loading import load

STATEMENT = """\
schema: 1
id: statement-own
title: A statement
summary: For tests.
kind: cause
where: Section 4.1
"""
ORDERED = {"ordering": "ordering-own", "target": "digits-mlp", "fingerprint": "f"}
ORDERING = """\
schema: 1
id: ordering-own
title: An ordering
summary: For tests.
better: carlini-2022-lira
worse: yeom-2018-loss
metric: auc
targets: [digits-mlp, fashion-mlp]
where: Nowhere
source: memory
safe: false
"""


def write(folder: Path, text: str, **others: str) -> Path:
    for kind, name, content in (("statements", "statement-own", text), *((f"{k}s", f"{k}-own", t) for k, t in others.items())):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.yaml").write_text(content)
    return folder


def judgement(folder: Path) -> str:
    catalog = load([folder])
    return judgements.judge(catalog, catalog.kinds["statements"]["statement-own"]).judgement


# What the reader finds stands in the way of what is checked afterwards.
UNREADABLE = [
    ("measured_by: {defenses: {dropuot: lowers AUC}}\n", "MIA013 7: unknown defense 'dropuot' did you mean dropout?"),
    ("measured_by: {defenses: {dropout: lower AUC}}\n", "did you mean lowers AUC?"),
    ("measured_by: {factors: {factor-overfiting: rises}}\n", "did you mean factor-overfitting?"),
    ("measured_by: {factors: {factor-overfitting: raises}}\n", "did you mean rises?"),
    ("measured_by: {orderings: [ordering-lira-over-los]}\n", "did you mean ordering-lira-over-loss?"),
    ("measured_by: {succeeds: {yeom-2018-los: [digits-mlp]}}\n", "did you mean yeom-2018-loss?"),
    ("measured_by: {succeeds: {yeom-2018-loss: [digits-mpl]}}\n", "did you mean digits-mlp?"),
    ("measured_by: {to_chance: {memgard: [shokri-2017]}}\n", "did you mean memguard?"),
    ("measured_by: {to_chance: {memguard: [shokri-2071]}}\n", "did you mean shokri-2017?"),
    ("measured_by: {defence: {}}\n", "did you mean defenses?"),
]
UNSOUND = [
    ("", "MIA035 1: a statement says in `measured_by` what measures it"),
    ("measured_by: {}\n", "MIA035 7: a statement says"),
    ("measured_by: {defenses: {dropout: lowers AUC}}\nuntestable: Never.\n", "MIA035 7: a statement says"),
    ("measured_by: {factors: {factor-unusual-records: rises}}\n", "MIA035 7: factor-unusual-records varies nothing"),
    ("measured_by: {orderings: [ordering-lira-over-loss, ordering-lira-over-loss]}\n", "stands twice"),
    ("untestable: Never.\n", ""),
]


@pytest.mark.slow
@pytest.mark.parametrize("cases", [UNREADABLE, UNSOUND], ids=["unreadable", "unsound"])
def test_what_check_says_of_a_statement(tmp_path, cases):
    (tmp_path / "statements").mkdir()
    for i, (more, _) in enumerate(cases):
        text = STATEMENT.replace("statement-own", f"statement-own-{i}") + more
        (tmp_path / "statements" / f"statement-own-{i}.yaml").write_text(text)
    findings = check([tmp_path])[1]
    for i, (more, said) in enumerate(cases):
        told = [f"{f.code} {f.line}: {f.message} {f.hint}" for f in findings if f.file.endswith(f"statement-own-{i}.yaml")]
        assert any(said in one for one in told) if said else told == [], (more, told)


def test_a_verdict_over_several_places():
    for given, expected in (
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "undecided"),
        (["does not hold", "undecided"], "does not hold"),
        (["holds", "does not hold"], "undecided"),
    ):
        assert verdicts.of_all(given) == expected
    assert verdicts.of_interval((0.51, 0.6), zero=0.5) == "holds"


def test_a_statement_on_a_factor_follows_its_last_value(tmp_path):
    write_factor(tmp_path, varies())
    write(tmp_path, STATEMENT + "measured_by: {factors: {factor-own: rises}}\n")
    assert judgement(tmp_path) == "not measured yet"
    for change, expected in ((0.1, "holds"), (-0.1, "does not hold"), (0.01, "undecided")):
        put(tmp_path, measured(load([tmp_path]), change))
        assert judgement(tmp_path) == expected
    write(tmp_path, STATEMENT + "measured_by: {factors: {factor-own: falls}}\n")
    put(tmp_path, measured(load([tmp_path]), -0.1))
    assert judgement(tmp_path) == "holds"


def test_a_statement_on_an_ordering_waits_for_all_its_targets(tmp_path):
    write(tmp_path, STATEMENT + "measured_by: {orderings: [ordering-own]}\n", ordering=ORDERING)
    assert judgement(tmp_path) == "not measured yet"
    for second, expected in (([], "not measured yet"), (["does not hold"], "undecided"), (["holds"], "holds")):
        rows = [{**ORDERED, "verdict": "holds"}, *({**ORDERED, "target": "fashion-mlp", "verdict": v} for v in second)]
        (tmp_path / "evidence").mkdir(exist_ok=True)
        (tmp_path / "evidence" / "orderings.json").write_text(json.dumps({"schema": 1, "versions": {}, "orderings": rows}))
        assert judgement(tmp_path) == expected


def test_a_statement_that_an_attack_succeeds(tmp_path):
    write(tmp_path, STATEMENT + "measured_by: {succeeds: {yeom-2018-loss: [digits-mlp]}}\n")
    assert judgement(tmp_path) == "holds"
    write(tmp_path, STATEMENT + "measured_by: {succeeds: {yeom-2018-loss: [digits-null]}}\n")
    assert judgement(tmp_path) == "undecided", "on a control it must be at chance"
    write(tmp_path, STATEMENT + "measured_by: {succeeds: {yeom-2018-loss: [mnist-mlp]}}\n")
    assert judgement(tmp_path) == "not measured yet"


def test_a_statement_that_a_defense_brings_attacks_to_chance(tmp_path):
    write(tmp_path, STATEMENT + "measured_by: {to_chance: {some-mask: [shokri-2017, ml-leaks-1]}}\n")
    for cells, expected in (
        ([cell("shokri-2017", 0.7, None), cell("ml-leaks-1", 0.7, None)], "holds"),
        ([cell("shokri-2017", 0.7, 0.52), cell("ml-leaks-1", 0.7, None)], "undecided"),
        ([cell("shokri-2017", 0.7, 0.52), cell("ml-leaks-1", 0.7, 0.6)], "does not hold"),
        ([cell("shokri-2017", 0.7, 0.4), cell("yeom-2018-loss", 0.7, 0.5)], "does not hold"),
        ([cell("shokri-2017", 0.7, 0.6), cell("yeom-2018-loss", 0.7, 0.5)], "does not hold"),
        ([cell("shokri-2017", 0.52, 0.5), cell("yeom-2018-loss", 0.7, 0.5)], "not measured yet"),
    ):
        put_defense(tmp_path, "some-mask", 0.9, cells)
        assert judgement(tmp_path) == expected, cells


def test_a_statement_on_the_world_is_not_testable_here(tmp_path):
    write(tmp_path, STATEMENT + "untestable: It is about the world.\n")
    assert judgement(tmp_path) == "not testable here"


def test_the_survey_is_there(catalog):
    entries = catalog.kinds["statements"].values()
    assert len(entries) >= 40
    assert {e.kind for e in entries} == {"cause", "defense"}
    assert [e.id for e in entries if not re.fullmatch(r"Section [1-6](\.[1-7])?", e.where)] == []
    sections = {e.where for e in entries}
    assert {"Section 4.1", "Section 4.2", "Section 4.3", "Section 4.4"} <= sections
    assert all("bai2021" in e.cites for e in entries)


def test_a_defense_does_what_is_stated_where_it_was_measured(tmp_path):
    """The strongest attack from outside is held to the strongest that is left, whichever that is."""
    text = STATEMENT.replace("kind: cause", "kind: defense")
    folder = write(tmp_path, text + "measured_by: {defenses: {of-tests: lowers AUC}}\n")
    strongest, weaker = "carlini-2022-lira-offline", "yeom-2018-loss"
    for accuracy, cells, found in (
        (0.85, [cell(strongest, 0.8, 0.6), cell(weaker, 0.7, 0.55)], "holds"),
        (0.85, [cell(strongest, 0.8, 0.9), cell(weaker, 0.7, 0.5)], "does not hold"),
        (0.85, [cell(strongest, 0.8, 0.5), cell(weaker, 0.7, 0.95)], "does not hold"),
        (0.85, [cell(strongest, 0.8, 0.5), cell(weaker, 0.7, 0.79)], "undecided"),
        (0.85, [cell(strongest, 0.8, 0.79)], "undecided"),
        (0.85, [cell(strongest, 0.8, None), cell(weaker, 0.7, 0.6)], "holds"),
        (0.85, [cell(strongest, 0.8, None)], "holds"),
    ):
        put_defense(folder, "of-tests", accuracy, cells)
        assert judgement(folder) == found
    write(folder, text + "measured_by: {defenses: {of-tests: raises accuracy}}\n")
    put_defense(folder, "of-tests", 0.9, [cell(weaker, 0.7, 0.5)])
    assert judgement(folder) == "undecided"
    put_defense(folder, "of-tests", 0.99, [cell(weaker, 0.7, 0.5)])
    assert judgement(folder) == "holds"
    (folder / "evidence" / "defenses" / "of-tests.json").unlink()
    assert judgement(folder) == "not measured yet"
