"""The page "Side by side" says what the table holds, and calls a tie what is one."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "site"))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import peers
import side_by_side
from side_by_side import Spread, verdict


def test_the_table_has_its_form():
    table = side_by_side.measured()
    assert {"date", "machine", "versions", "lines", "files", "not_installed", "audits", "bad_input"} <= table.keys()
    for name, found in table["audits"].items():
        work, tool, seed = name.split("/")
        assert work in side_by_side.WORKS and tool in side_by_side.TOOLS and seed.isdigit(), name
        assert found["cpu"] > 0 and found["attacks"] > 0, name
        assert all(0 <= value <= 1 for pair in found["scores"].values() for value in pair), name
    assert table["audits"], "something was measured"


def test_the_table_is_whole():
    table = side_by_side.measured()
    there = {tool for tool in side_by_side.TOOLS if tool not in table["not_installed"]}
    assert set(side_by_side.TOOLS) == set(peers.TOOLS)
    wanted = {f"{work}/{tool}/{seed}" for work in side_by_side.WORKS for tool in there for seed in range(side_by_side.SEEDS)}
    assert table["audits"].keys() == wanted
    assert table["bad_input"].keys() == there & set(peers.AUDITORS)


def test_what_a_user_writes_is_counted_from_the_scripts():
    table = side_by_side.measured()
    for work in peers.WORKS:
        for tool in peers.AUDITORS:
            text = peers.written(tool, work)
            assert table["lines"][work][tool] == peers.statements(text), (work, tool)
            assert table["files"][work][tool] == len(peers.files(text)), (work, tool)
    assert (table["lines"]["A"]["ours"], table["lines"]["B"]["ours"]) <= (4, 6) and not table["files"]["B"]["ours"]


def test_a_statement_is_one_line_however_it_is_broken():
    assert peers.statements("from a import (\n    b,\n    c,\n)\n\ndef f(x):\n    return x\n") == 3
    assert peers.files('audit(net="net.py", way="train", path="net.py")') == {"net.py"}


def test_wrong_input_is_never_met_with_silence_by_us():
    told = side_by_side.measured()["bad_input"]
    assert len(told["ours"]) >= 10 and all(theirs.keys() == told["ours"].keys() for theirs in told.values())
    for case, one in told["ours"].items():
        assert one["outcome"] in ("stopped", "warned") and one["said"], case
        assert one["outcome"] == "warned" or one["said"].startswith("InputError: "), case


def test_a_tool_that_was_not_measured_has_no_figures():
    table = {**side_by_side.measured(), "not_installed": {"art": "no matching distribution"}}
    table["audits"] = {name: found for name, found in table["audits"].items() if "/art/" not in name}
    row = next(row for row in side_by_side.rows(table, "A") if row.tool == "art")
    assert (row.tool, row.cpu, row.attacks, row.scores) == ("art", None, None, {})
    assert "no matching distribution" in row.missing


def test_what_overlaps_is_a_tie():
    low, middle, high = Spread((1.0, 2.0, 2.5)), Spread((2.0, 3.0, 4.0)), Spread((4.5, 5.0, 6.0))
    assert (verdict(low, high), verdict(high, low), verdict(low, middle)) == ("less", "more", "a tie")


def test_one_seed_tells_nothing():
    assert verdict(Spread((1.0,)), Spread((2.0, 3.0, 4.0))) == "not told by so few seeds"
