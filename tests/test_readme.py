"""The README shows real output. To write it anew: python tests/test_readme.py (uses the user's store)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- output of the command above.*?-->\n```text\n)(.*?)(```\n<!-- end of output -->)", re.DOTALL)
# Six attacks on membership that tell the story, and one with another goal.
STORY = [
    "yeom-2018-gap",
    "yeom-2018-loss",
    "shokri-2017",
    "carlini-2022-lira-offline",
    "carlini-2022-lira",
    "zarifzadeh-2024-rmia",
]
STORY += ["fredrikson-2015"]
# Trained models, and so all figures, differ in their last digits between processors and builds of PyTorch.
TOLERANCE = 0.02


def rows(text: str) -> dict[str, float]:
    """The first figure of every attack of both tables."""
    found = re.finditer(r"^ *([a-z][a-z0-9-]+) +(?:[a-z][a-z ]+)?(-?\d\.\d+) \[", text, re.MULTILINE)
    return {m[1]: float(m[2]) for m in found}


def test_the_output_in_the_readme_is_what_mia_run_prints(mia, kept_store):
    printed = mia("run", *STORY, MIA_STORE=str(kept_store))
    assert printed.returncode == 0, printed.stderr
    text = README.read_text()
    assert " ".join(["$ mia run", *STORY]) in re.sub(r" *\\\n *", " ", text)
    shown, found = rows(BLOCK.search(text)[2]), rows(printed.stdout)
    assert set(shown) == set(found) == set(STORY), "run: python tests/test_readme.py"
    for attack, figure in found.items():
        assert shown[attack] == pytest.approx(figure, abs=TOLERANCE), f"{attack}: run python tests/test_readme.py"


def write_audited(folder: Path) -> None:
    """Write the records and the model that the file of `mia audit --init` names."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(240, 3)).round(6), generator.integers(0, 2, 240)
    for name, rows in (("train", slice(0, 120)), ("holdout", slice(120, 240))):
        pd.DataFrame(x[rows], columns=["age", "income", "visits"]).assign(target=y[rows]).to_csv(
            folder / f"{name}.csv", index=False
        )
    skops.io.dump(LogisticRegression().fit(x[:120], y[:120]), folder / "model.skops")


def test_commands_in_the_readme_work(mia, kept_store, tmp_path):
    write_audited(tmp_path)
    text = re.sub(r" *\\\n *", " ", README.read_text())
    lines = [line.split("#")[0].strip()[2:] for line in text.splitlines() if line.startswith("$ mia ")]
    for line in lines:
        for command in line.split(";"):
            words, file = command.split(), None
            if ">" in words:
                words, file = words[:-2], words[-1]
            if words[1] in ("run", "audit") and not {"--dry-run", "--init"} & {*words}:
                words.append("--dry-run")
            for folder in words[2:] if words[1] == "diff" else ():
                assert mia("run", "yeom-2018-loss", "--out", folder, MIA_STORE=str(kept_store)).returncode == 0
            done = mia(*words[1:])
            assert done.returncode == 0, (command, done.stderr)
            if file:
                (tmp_path / file).write_text(done.stdout)


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert target.startswith("http") or (ROOT / target).exists(), target


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "attacks.cli", "run", "--out", "mia-run"]
        subprocess.run(command, cwd=folder, check=True)
        shutil.copy(Path(folder) / "mia-run" / "roc.png", ROOT / "site" / "assets" / "roc-digits-mlp.png")
        output = subprocess.run([*command, *STORY], cwd=folder, capture_output=True, text=True, check=True).stdout
    lines = "\n".join(line.rstrip() for line in output.splitlines())
    kept = lines[lines.index(" attack  ", lines.index("To train:")) : lines.index("\nBlind baseline")]
    README.write_text(BLOCK.sub(lambda m: m[1] + kept.rstrip() + "\n" + m[3], README.read_text()))
