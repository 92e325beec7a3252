"""Every example of CONTRIBUTING is what it says: its files are written as they stand there, and its commands run on them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *<!-- example ([\w-]+): (.+?) -->\n( *)```\w+\n(.*?)\n\3```$", re.MULTILINE | re.DOTALL)
RUN = "run"
# An example of so many lines at most costs an outside catalog an attack, a target or a trainer.
MOST_LINES = 40


def examples() -> dict[str, list[tuple[str, str]]]:
    """The blocks of each example in order: the file that one stands for, or that it is run, and its text."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, what, _, text in BLOCK.findall(TEXT):
        found.setdefault(name, []).append((what, textwrap.dedent(text) + "\n"))
    return found


def play(name: str, folder: Path, env: dict[str, str]) -> str:
    """Write the files of an example into a folder and run its commands there; return what they print."""
    printed = ""
    for what, text in examples()[name]:
        if what != RUN:
            added = what.startswith("+ ")
            path = folder / what.removeprefix("+ ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((path.read_text(encoding="utf-8") + "\n\n" if added else "") + text, encoding="utf-8")
            continue
        for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
            command, *words = line.split()
            start = [sys.executable, *(["-m", "attacks.cli"] if command == "mia" else [])]
            done = subprocess.run([*start, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-2000:])
            printed += done.stdout
    return printed


# The two that show most and cost least; the others take longer.
QUICK = ("own-attack", "own-defense")


def listed(start: str) -> list[Any]:
    """The examples whose names begin so, the long ones marked as slow."""
    names = [name for name in examples() if name.startswith(start)]
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", listed("own-"))
def test_an_example_of_a_catalog_of_ones_own_runs(name, tmp_path, kept_store):
    env = {**os.environ, "MIA_STORE": str(kept_store), "PYTHONPATH": str(ROOT)}
    printed = play(name, tmp_path, env)
    assert "error MIA" not in printed and "Traceback" not in printed
    ran = any("mia run" in text for what, text in examples()[name] if what == RUN)
    assert not ran or ("carlini-2022-lira" in printed) or name == "own-skeleton", "LiRA is among the attacks"
    lines = sum(text.count("\n") for what, text in examples()[name] if what != RUN)
    assert lines <= MOST_LINES, f"{name} takes {lines} lines"


@pytest.mark.parametrize("name", listed("repository-"))
def test_an_example_of_this_repository_runs_in_a_copy_of_it(name, tmp_path, kept_store):
    for folder in ("attacks", "taxonomy", "catalog", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / file, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "tests" / "attacks").glob("golden.json")}
    printed = play(name, tmp_path, {**os.environ, "MIA_STORE": str(kept_store), "PYTHONPATH": str(tmp_path)})
    assert "error MIA" not in printed and "Traceback" not in printed
    golden = tmp_path / "tests" / "attacks" / "golden.json"
    written = "test_golden" in "".join(text for what, text in examples()[name] if what == RUN)
    assert (golden.read_bytes() != before[golden]) is written


def test_every_command_of_mia_is_part_of_an_example_or_says_why_not():
    """A block of commands without a marker is one that changes this repository's own files, or takes very long."""
    shown = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if "mia " in line]
    run = [line for blocks in examples().values() for what, text in blocks if what == RUN for line in text.splitlines()]
    left = [line.strip() for line in shown if line.strip() not in {one.strip() for one in run}]
    assert all("--confirm" in line for line in left), left
