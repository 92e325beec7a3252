"""The file of results: a row that is measured again takes the place of the old one, and no other row changes."""

from __future__ import annotations

import json

import pytest
import records
from records import Figure, Row


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Rows that another machine measured: one of them, then another that has one core more."""
    path = tmp_path / "results.json"
    here = records.machine()
    for name, cores in (("run/slow", 1), ("run/fast", 2)):
        monkeypatch.setattr(records, "machine", lambda cores=cores: {**here, "cores": cores})
        records.keep([Row(name, "ours", "theirs", 0.123456, 0.2, {"ours": Figure(1234.5, "s", 2000)}, load=1.23)], path)
    monkeypatch.setattr(records, "machine", lambda: {**here, "cores": 3})
    return path


def read(path):
    found = json.loads(path.read_text())
    return found["machines"], {row["name"]: row for row in found["rows"]}


def test_a_row_says_what_was_measured_where_and_when(kept):
    machines, rows = read(kept)
    row = rows["run/slow"]
    assert machines[row["machine"]]["cores"] == 1 and machines[rows["run/fast"]["machine"]]["cores"] == 2
    assert row["ratio"] == 0.123 and row["goal"] == 0.2 and row["load"] == 1.2 and len(row["date"]) == len("2026-01-01")
    assert row["figures"] == {"ours": {"value": 1230, "unit": "s", "goal": 2000}}


def test_what_is_not_measured_again_stays(kept):
    before = read(kept)[1]["run/fast"]
    records.keep([Row("run/slow", "ours", "others", 0.5)], kept)
    machines, rows = read(kept)
    assert rows["run/fast"] == before and rows["run/slow"]["beside"] == "others"
    assert {machines[row["machine"]]["cores"] for row in rows.values()} == {2, 3} and len(machines) == 2


def test_another_machine_never_takes_the_name_of_one_that_is_there(kept):
    """Of machines 1 and 2 the first goes with its only row, and its name is free for the third."""
    records.keep([Row("run/slow", "ours")], kept)
    records.keep([Row("run/new", "ours")], kept)
    machines, rows = read(kept)
    assert machines[rows["run/fast"]["machine"]]["cores"] == 2 and machines[rows["run/new"]["machine"]]["cores"] == 3
    assert rows["run/slow"]["machine"] == rows["run/new"]["machine"]
