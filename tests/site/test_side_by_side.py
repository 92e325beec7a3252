"""The page "Side by side" says what the table holds, and calls a tie what is one."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "site"))
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


def test_what_we_are_told_of_wrong_input_is_never_silence():
    told = side_by_side.measured()["bad_input"]["ours"]
    assert len(told) >= 5 and all(one["outcome"] == "stopped" and one["said"].startswith("InputError") for one in told.values())


def test_a_tool_that_was_not_measured_has_no_figures():
    table = {**side_by_side.measured(), "not_installed": {"art": "no matching distribution"}}
    table["audits"] = {name: found for name, found in table["audits"].items() if "/art/" not in name}
    row = side_by_side.rows(table, "A")[-1]
    assert (row.tool, row.cpu, row.attacks, row.scores) == ("art", None, None, {})
    assert "no matching distribution" in row.missing


def test_what_overlaps_is_a_tie():
    low, middle, high = Spread((1.0, 2.0, 2.5)), Spread((2.0, 3.0, 4.0)), Spread((4.5, 5.0, 6.0))
    assert (verdict(low, high), verdict(high, low), verdict(low, middle)) == ("less", "more", "a tie")


def test_one_seed_tells_nothing():
    assert verdict(Spread((1.0,)), Spread((2.0, 3.0, 4.0))) == "not told by so few seeds"
