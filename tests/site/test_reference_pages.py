"""Table 2 with its legend, gaps in sentences, every command with its output, and the code by task."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape

import gaps
import outputs
import pytest
import reference
import survey_table
import tasks
from building import ROOT
from test_pages import words

from taxonomy import coverage, tables
from taxonomy.answers import Atlas
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def test_every_code_of_table_2_says_what_it_means_and_differences_stand_in_place(site):
    catalog = load()
    text = (site / "table-2.html").read_text(encoding="utf-8")
    for _, heading, codes in survey_table.legend(catalog):
        assert codes and escape(heading) in text
        for code, says in codes:
            assert f'<abbr title="{escape(says)}">{code}</abbr>' in text
    differing = tables.differing(catalog)
    assert differing and text.count('class="differs"') == len(differing)
    for row in differing:
        assert f"≠ survey: {row['survey']}" in text


def test_gaps_are_sentences_and_every_one_is_told(site):
    cells = coverage.gaps(Atlas(load()))
    found = gaps.sentences(cells)
    open_cells = [c for c in cells if not c.published and c.feasible]
    kinds = {(c.model, c.frame, c.observation) for c in open_cells}
    assert len(found) == len(kinds) and [gap.whole for gap in found] == sorted((gap.whole for gap in found), reverse=True)
    text = words(site / "map.html")
    for gap in found:
        assert gap.sentence.startswith("Nobody ") and gap.sentence in text
    assert "no attack" not in text and text.count("gap ") >= len(open_cells)


def test_every_command_is_listed_and_what_it_prints_stands_there(site):
    text = (site / "cli.html").read_text(encoding="utf-8")
    names = {command.name for command in reference.commands()}
    assert set(outputs.RUN) == names
    for name in names:
        assert f'href="#{name.replace(" ", "-")}"' in text
    for name, command in outputs.RUN.items():
        assert command.startswith(name) and escape(command) in text
    shown = outputs.of(outputs.RUN["mia compare"])
    assert shown.code == 0 and "only carlini-2022-lira needs" in shown.text and "only carlini-2022-lira needs" in text


def test_what_is_shown_of_commands_is_no_failure():
    assert {name: outputs.of(command).text for name, command in outputs.RUN.items() if outputs.of(command).code} == {}


def test_the_code_is_sorted_by_task(site):
    text = words(site / "api" / "index.html")
    for task in tasks.TASKS:
        assert task.title in text and all(name in text for name in task.modules)
    assert "yeom-2018-gap 1" in text, "what the example of asking prints"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run", "audit"])
def test_examples_of_tasks_run(name, kept_store, tmp_path):
    settings = {"MIA_STORE": str(kept_store), "PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, ROOT / "site" / "examples" / "api" / f"{name}.py"],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^0\.\d+ \(800,\)|Of 200 members", done.stdout)
