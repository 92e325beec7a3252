"""The README shows real output. To write it anew: python tests/test_readme.py (uses the user's store)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- output of mia run.*?-->\n```text\n)(.*?)(```\n<!-- end of output -->)", re.DOTALL)


def rows(text: str) -> dict[str, float]:
    return {m[1]: float(m[2]) for m in re.finditer(r"^ *([a-z][a-z0-9-]+) +(\d\.\d+) \[", text, re.MULTILINE)}


def test_the_output_in_the_readme_is_what_mia_run_prints(mia, kept_store):
    printed = mia("run", MIA_STORE=str(kept_store))
    assert printed.returncode == 0, printed.stderr
    shown = rows(BLOCK.search(README.read_text())[2])
    found = rows(printed.stdout)
    assert set(shown) == set(found), "run: python tests/test_readme.py"
    for attack, auc in found.items():
        assert shown[attack] == pytest.approx(auc, abs=0.02), f"{attack}: run python tests/test_readme.py"


def test_commands_in_the_readme_work(mia):
    lines = [line.split("#")[0].strip()[2:] for line in README.read_text().splitlines() if line.startswith("$ mia ")]
    for line in lines:
        for command in line.split(";"):
            words = command.split()
            if words[1] == "run" and "--dry-run" not in words:
                words.append("--dry-run")
            done = mia(*words[1:])
            assert done.returncode == 0, (command, done.stderr)


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert target.startswith("http") or (ROOT / target).exists(), target


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "attacks.cli", "run", "--out", "mia-run"]
        output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        shutil.copy(Path(folder) / "mia-run" / "roc.png", ROOT / "site" / "assets" / "roc-digits-mlp.png")
    lines = "\n".join(line.rstrip() for line in output.splitlines())
    kept = lines[lines.index(" attack  ", lines.index("To train:")) :].split("\n\n")[0]
    README.write_text(BLOCK.sub(lambda m: m[1] + kept.rstrip() + "\n" + m[3], README.read_text()))
