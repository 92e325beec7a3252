"""What stands behind the command's output: a closed pipe, a full disk, a narrow screen, a terminal without UTF-8, no home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIA = [sys.executable, "-m", "attacks.cli"]
NO_HOME = """
import pwd, sys

def nobody(uid):
    raise KeyError(uid)

pwd.getpwuid = nobody
from attacks.cli import main
sys.argv = ["mia", *sys.argv[1:]]
main()
"""


def into_closed_pipe(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command into a pipe that nobody reads any more, as `mia ... | true` may."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run([*MIA, *map(str, arguments)], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=300)
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "arguments",
    [("attacks",), ("attacks", "--json"), ("store", "where"), ("--help",)],
    ids=" ".join,
)
def test_a_closed_pipe_is_quiet_and_no_error(arguments):
    done = into_closed_pipe(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_closed_pipe_does_not_hide_a_failure(tmp_path):
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "x.yaml").write_text("schema: 1\n")
    assert into_closed_pipe("check", tmp_path).returncode == 1
    assert into_closed_pipe("show", "no-such-entry").returncode == 2


def test_stderr_may_be_closed_too(mia_process):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*MIA, "show", "no-such-entry"], stdout=writing, stderr=writing, timeout=300)
    os.close(writing)
    assert done.returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
def test_a_full_disk_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*MIA, "attacks"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 2 and done.stderr.startswith("mia: the output cannot be written (")
    assert done.stderr.count("\n") == 1


def test_output_that_was_closed_from_the_start():
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *MIA, "attacks", "--json"], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "shokri-2017"),
        ("explain", "shokri-2017", "--threat-model", "prediction-api-scores"),
        ("export", "bibtex"),
        ("table", "--diff"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_terminal_without_utf8(mia_process, arguments):
    done = mia_process(*arguments, PYTHONUTF8="0", LC_ALL="POSIX", PYTHONIOENCODING="")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert done.stdout.isascii()


def test_json_loses_nothing_without_utf8(mia_process):
    plain = mia_process("attacks", "--json").stdout
    ascii_only = mia_process("attacks", "--json", PYTHONUTF8="0", LC_ALL="POSIX").stdout
    assert ascii_only.isascii() and json.loads(ascii_only) == json.loads(plain)


@pytest.mark.slow
def test_columns_is_heeded_in_a_pipe(mia_process):
    lines = mia_process("attacks", COLUMNS="60").stdout.splitlines()
    assert max(map(len, lines)) == 60
    for nonsense in ("0", "wide"):
        assert "Likelihood ratio attack (LiRA), online" in mia_process("attacks", COLUMNS=nonsense).stdout


def test_an_entry_begins_with_what_it_is(mia_process):
    lines = mia_process("show", "yeom-2018-gap", COLUMNS="160").stdout.splitlines()
    assert lines[0] == "Gap attack (yeom-2018-gap)"
    rows = lines[lines.index("") + 1 :]
    first = rows[rows.index("") + 1]
    assert first.split() == ["goal", "membership"], "no empty head stands above the first row"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("feasible", "--threat-model", "prediction-api-scores"), 0, ""),
        (("show", "shokri-2017"), 0, ""),
        (("store", "where"), 2, "set MIA_STORE to a folder"),
    ],
    ids=["feasible", "show", "store"],
)
def test_a_user_without_a_home(arguments, code, message):
    settings = {name: value for name, value in os.environ.items() if name not in ("HOME", "MIA_STORE", "MIA_CATALOG_CACHE")}
    settings = {name: value for name, value in settings.items() if not name.startswith("XDG_")}
    done = subprocess.run([sys.executable, "-c", NO_HOME, *arguments], env=settings, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert message in done.stderr


@pytest.mark.slow
def test_a_cache_that_cannot_be_used_costs_only_time(mia_process):
    """A name that is too long fails for everyone, also for who may read everything."""
    for place in ("/" + "x" * 300, "~no-such-user/cache"):
        done = mia_process("feasible", "--threat-model", "prediction-api-labels", MIA_CATALOG_CACHE=place)
        assert done.returncode == 0 and done.stderr == "", done.stderr


@pytest.mark.slow
def test_a_damaged_cache_costs_only_time(mia_process, tmp_path):
    cache = tmp_path / "cache"
    assert mia_process("attacks", MIA_CATALOG_CACHE=str(cache)).returncode == 0
    for damage in ("5", "[" * 100_000):
        for path in cache.rglob("attacks.json"):
            path.write_text(damage)
        done = mia_process("attacks", MIA_CATALOG_CACHE=str(cache))
        assert done.returncode == 0 and "shokri-2017" in done.stdout, done.stderr


@pytest.mark.slow
def test_attacks_that_records_do_not_suit_are_listed_and_no_failure(mia, tmp_path):
    """A target that says what its records are is not attacked so at all; of one that does not it is found out on the way."""
    stated = mia("run", "--target", "breast-cancer-mlp", "choquettechoo-2021-augmentation")
    assert stated.returncode == 2 and "a record that is a picture, and this is a record that is a row of a table" in stated.stderr
    text = (Path(__file__).parents[3] / "catalog" / "targets" / "breast-cancer-mlp.yaml").read_text()
    place = tmp_path / "own" / "targets" / "unsaid.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(text.replace("id: breast-cancer-mlp", "id: unsaid").replace("records: [table]\n", ""))
    table = ("run", "--catalog", tmp_path / "own", "--target", "unsaid", "--set", "shadow-models.count=2")
    done = mia(*table, "choquettechoo-2021-augmentation", "yeom-2018-gap")
    assert done.returncode == 0 and "failed" not in done.stdout
    assert "Not run, since only pictures can be turned" in done.stdout and "choquettechoo-2021-augmentation" in done.stdout
    assert mia(*table, "choquettechoo-2021-augmentation").returncode == 1, "nothing was found out"
