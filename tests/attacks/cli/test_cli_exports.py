"""Exports for other knowledge bases on the command line: JSON on stdout or files, and one sentence where a library is missing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from attacks.cli import families, options
from attacks.cli.commands import app
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"


def test_what_needs_no_library_prints_json(mia):
    (item,) = json.loads(mia("export", "csl", "yeom-2018-loss").stdout)
    assert item["id"] == "yeom2018"
    assert json.loads(mia("export", "navigator").stdout)["versions"]["layer"] == "4.3"
    assert json.loads(mia("export", "atlas").stdout)["contact"] == {"name": None, "emails": None}


@pytest.mark.slow
def test_avid_writes_a_file_a_report(mia, tmp_path):
    assert mia("export", "avid", "digits-mlp", "genomes-mlp", "--out", "reports").returncode == 0
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "reports").iterdir()}
    assert set(written) == {"digits-mlp.json", "genomes-mlp.json"}
    assert [written["digits-mlp.json"]] == json.loads(mia("export", "avid", "digits-mlp").stdout)


@pytest.mark.slow
def test_stix_prints_a_bundle(mia):
    pytest.importorskip("stix2")
    first, second = mia("export", "stix").stdout, mia("export", "stix").stdout
    assert first == second and json.loads(first)["type"] == "bundle"


def test_croissant_writes_members_and_what_they_are(mia, tmp_path, kept_store):
    pytest.importorskip("mlcroissant")
    for folder in ("a", "b"):
        done = mia("export", "croissant", "tiny", "--catalog", TINY, "--out", folder, MIA_STORE=str(kept_store))
        assert done.returncode == 0, done.stderr
    for name in ("croissant.json", "members.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "members.csv").read_text().startswith("seed,record,label,split\n0,")


@pytest.mark.parametrize(
    ("library", "arguments"),
    [("stix2", ["stix"]), ("mlcroissant", ["croissant", "digits-mlp", "--out", "members"])],
)
def test_without_the_library_it_is_one_sentence(library, arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        app(["export", *arguments])
    told = capsys.readouterr()
    assert ended.value.code == 2 and told.out == "" and not list(tmp_path.iterdir())
    assert told.err.startswith("mia: ") and f"written by {library}: pip install 'mia-atlas[export]'" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "csl", "shokri"], "unknown entry"),
        (["export", "avid", "digits-mpl"], "did you mean digits-mlp?"),
        (["export", "avid", "digits-null"], "unknown measured target"),
        (["export", "croissant", "digits-mpl", "--out", "x"], "did you mean digits-mlp?"),
        (["export", "avid", "digits-mlp", "--out", "file/x"], "cannot be written"),
    ],
)
def test_bad_input(mia, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    done = mia(*arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_what_answers_a_clause_is_a_command_of_ours_with_these_options():
    """Options are looked for in the help of the command; what stands in capitals is for the reader to fill in."""
    commands = {families.called(one): one for one in options.app.registered_commands}
    for clause in load().kinds["clauses"].values():
        for answer in clause.answered:
            program, name, *rest = answer.command.split()
            assert program == "mia" and name in commands, answer.command
            known = _options(name)
            used = {word for word in rest if word.startswith("--")}
            assert used <= known, (answer.command, used - known)


def _options(name: str) -> set[str]:
    from typer.testing import CliRunner

    return set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, [name, "--help"]).output))
