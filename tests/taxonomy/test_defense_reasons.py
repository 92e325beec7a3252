"""Why an attack finds less where it knows of a defense: told of what was measured, and of nothing else."""

from __future__ import annotations

from measured_defenses import cell, put

from taxonomy.check import check
from taxonomy.defense_evidence import find_all
from taxonomy.defense_matrix import below_naive
from taxonomy.loading import load


def found(folder):
    catalog = load([folder])
    return below_naive(catalog.defenses["of-tests"], find_all(catalog)["of-tests"])


def test_places_where_knowing_hurts_are_counted_beside_those_where_it_changes_something(tmp_path):
    hurt, same, helped = (cell(name, 0.8, 0.6) for name in ("yeom-2018-loss", "yeom-2018-gap", "carlini-2022-lira"))
    for one, knowing, adaptive in ((hurt, -0.1, 0.5), (same, 0.0, 0.6), (helped, 0.1, 0.7)):
        one["knowing"] = {"mean": knowing, "ci": [knowing - 0.05, knowing + 0.05]}
        one["seeds"] = [{"seed": 0, "undefended": 0.8, "naive": 0.6, "adaptive": adaptive}]
    put(tmp_path, "of-tests", 0.85, [same, helped])
    assert found(tmp_path) is None
    put(tmp_path, "of-tests", 0.85, [hurt, same, helped])
    told = found(tmp_path)
    assert told.by_reason == {"": {"yeom-2018-loss": ["tiny"]}} and (told.many, told.of) == (1, 2)
    entry = tmp_path / "defenses" / "of-tests.yaml"
    entry.write_text(entry.read_text() + "weaker_if_known: [{attacks: [yeom-2018-loss], because: Why.}]\n")
    assert found(tmp_path).by_reason == {"Why.": {"yeom-2018-loss": ["tiny"]}}


def test_a_reason_is_given_for_nothing_that_was_not_measured(catalog):
    evidence = find_all(catalog)
    for name, defense in catalog.defenses.items():
        measured = below_naive(defense, evidence[name]) if name in evidence else None
        weaker = {attack for attacks in measured.by_reason.values() for attack in attacks} if measured else set()
        assert {attack for one in defense.weaker_if_known for attack in one.attacks} <= weaker, name


def test_a_reason_names_an_attack_that_there_is(tmp_path):
    put(tmp_path, "of-tests", 0.85, [cell("yeom-2018-loss", 0.8, 0.6)])
    entry = tmp_path / "defenses" / "of-tests.yaml"
    entry.write_text(entry.read_text() + "weaker_if_known: [{attacks: [yeom-2018-los], because: Why.}]\n")
    told = [finding for finding in check([tmp_path])[1] if finding.file == str(entry)]
    assert [(one.code, one.hint) for one in told] == [("MIA013", "did you mean yeom-2018-loss?")]
