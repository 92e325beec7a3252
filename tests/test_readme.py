"""The README shows real output and counts. To write them anew: python tests/test_readme.py (uses the user's store).

With a part of a command's name it writes that output alone, and the counts: python tests/test_readme.py explain
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from taxonomy import evidence
from taxonomy.loading import load

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- output of: (.*?) -->\n```text\n)(.*?)(```\n<!-- end of output -->)", re.DOTALL)
COUNTS = re.compile(r"(<!-- counts: .*?-->\n)(.*?)(<!-- end of counts -->)", re.DOTALL)
# Trained models, and so all figures, differ in their last digits between processors and builds of PyTorch. Of 200 members one is
# 0.005, and the threshold of a TPR rests on two others.
TOLERANCE, MEMBERS_TOLERANCE = 0.02, 15
WIDTH = "110"


def shown() -> dict[str, str]:
    """The outputs that the README shows, by the command that is said to print them."""
    return {found[2]: found[3] for found in BLOCK.finditer(README.read_text())}


def counts() -> str:
    """What the README says of whose work what is, with the numbers of the catalog."""
    catalog = load()
    attacks = list(catalog.attacks.values())
    measured = [found for attack in attacks if (found := evidence.find(catalog, attack.id))]
    reported = [figure for attack in attacks for figure in attack.reported]
    ordered = evidence.find_orderings(catalog)
    verdicts = {name: sum(one.verdict == name for one in ordered) for name in ("holds", "does not hold", "undecided")}
    remembered = sum(any(s.source == "memory" for s in attack.published) for attack in attacks)
    targets = len({target.target for one in measured for target in one.targets})
    idle = sum(not attack.run for attack in attacks)
    paragraphs = (
        "**Ours:** the code, written anew; the rules by which the catalog reasons; and every measured figure: "
        f"{len(measured)} attacks over several seeds, on {targets} targets, controls among them. All are small models on public "
        "data. They say what an attack finds *there*, and no more.",
        f"**The papers':** the methods, the settings in which they were published, and {len(reported)} figures that we quote "
        "with the place where they stand and how we know it: read, second-hand, or from memory (so are settings of "
        f"{remembered} attacks). Not replicating a paper is a result: of {len(ordered)} comparisons of what papers say, "
        f"{verdicts['holds']} hold here, {verdicts['does not hold']} do not, and {verdicts['undecided']} are undecided.",
        f"**No one knows, here:** what {idle} of the {len(attacks)} attacks find, which have no code yet; anything on models of "
        'the size that is in use; and the combinations that nobody has attacked (`mia gaps`, the site\'s page "Map and gaps").',
    )
    return "\n".join(textwrap.fill(text, 138, initial_indent="* ", subsequent_indent="  ") for text in paragraphs) + "\n"


def rows(text: str) -> dict[str, float]:
    """The first figure of every attack of both tables."""
    found = re.finditer(r"^ *([a-z][a-z0-9-]+) +(?:[a-z][a-z ]+)?(-?\d\.\d+) \[", text, re.MULTILINE)
    return {m[1]: float(m[2]) for m in found}


def test_every_output_has_its_command():
    text = re.sub(r" *\\\n *", " ", README.read_text())
    assert len(shown()) == 3
    for command in shown():
        assert f"$ {command}" in text or command.removeprefix("python ") in text


def test_counts_are_those_of_the_catalog():
    """To a fifth, as the README says, so that a new attack needs no edit here."""
    told, found = COUNTS.search(README.read_text())[2], counts()
    numbers = [[int(number) for number in re.findall(r"\d+", text)] for text in (told, found)]
    words = [re.sub(r"\d+", "", " ".join(text.split())) for text in (told, found)]
    assert words[0] == words[1], "run: python tests/test_readme.py explain"
    assert numbers[0] == pytest.approx(numbers[1], rel=0.2, abs=4), "run: python tests/test_readme.py explain"


def test_the_proof_in_the_readme_is_what_mia_explain_prints(mia):
    (command,) = (name for name in shown() if "explain" in name)
    printed = mia(*command.split()[1:], COLUMNS=WIDTH)
    assert printed.returncode == 0 and tidy(printed.stdout) == shown()[command], "run: python tests/test_readme.py explain"


@pytest.mark.slow
def test_the_figures_in_the_readme_are_what_mia_run_prints(mia, kept_store):
    (command,) = (name for name in shown() if "mia run" in name)
    printed = mia(*command.split()[1:], MIA_STORE=str(kept_store))
    assert printed.returncode == 0, printed.stderr
    told, found = rows(shown()[command]), rows(printed.stdout)
    assert set(told) == set(found) == set(command.split()[2:]), "run: python tests/test_readme.py"
    for attack, figure in found.items():
        assert told[attack] == pytest.approx(figure, abs=TOLERANCE), f"{attack}: run python tests/test_readme.py"


@pytest.mark.slow
def test_the_audit_in_the_readme_is_what_the_example_prints(kept_store, tmp_path):
    (command,) = (name for name in shown() if "audit.py" in name)
    settings = {**os.environ, "MIA_STORE": str(kept_store), "PYTHONPATH": str(ROOT)}
    path = ROOT / command.split()[1]
    done = subprocess.run([sys.executable, path], cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told, found = (re.search(r"Of 200 members, (\d+) \[", text) for text in (shown()[command], done.stdout))
    assert told and found and abs(int(told[1]) - int(found[1])) <= MEMBERS_TOLERANCE, "run: python tests/test_readme.py audit"


def write_audited(folder: Path) -> None:
    """Write the records and the model that the file of `mia audit --init` names."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(240, 3)).round(6), generator.integers(0, 2, 240)
    for name, rows in (("train", slice(0, 120)), ("holdout", slice(120, 240))):
        pd.DataFrame(x[rows], columns=["age", "income", "visits"]).assign(target=y[rows]).to_csv(
            folder / f"{name}.csv", index=False
        )
    skops.io.dump(LogisticRegression().fit(x[:120], y[:120]), folder / "model.skops")


@pytest.mark.slow
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


def tidy(printed: str) -> str:
    """What the README shows of an output: of a run its tables alone."""
    text = "\n".join(line.rstrip() for line in printed.splitlines())
    if table := re.search(r"^ attack +AUC .*?(?=^Blind baseline)", text, re.DOTALL | re.MULTILINE):
        text = table[0]
    return text.strip("\n") + "\n"


def output(command: str, folder: str) -> str:
    """Run a command of the README in a folder; return what it prints, as it is shown."""
    words = command.split()
    arguments = [str(ROOT / words[1])] if words[0] == "python" else ["-m", "attacks.cli", *words[1:]]
    # A table of figures is as wide as it is; what is prose is broken.
    settings = {**os.environ, **({} if "run" in words else {"COLUMNS": WIDTH})}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=settings, capture_output=True, text=True, check=True)
    return tidy(done.stdout)


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory() as folder:
        if not wanted:
            run = [sys.executable, "-m", "attacks.cli", "run", "--out", "mia-run"]
            subprocess.run(run, cwd=folder, check=True)
            shutil.copy(Path(folder) / "mia-run" / "roc.png", ROOT / "site" / "assets" / "roc-digits-mlp.png")
        text = BLOCK.sub(lambda m: m[1] + (output(m[2], folder) if wanted in m[2] else m[3]) + m[4], README.read_text())
    README.write_text(COUNTS.sub(lambda m: m[1] + counts() + m[3], text))
