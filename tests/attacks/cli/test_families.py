"""`mia` loads the file of the command that is asked for, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from attacks.cli import families
from attacks.cli.commands import app

HELD = {families.called(command): command.callback.__module__ for command in app.registered_commands}
HELD |= {group.name: group.typer_instance.registered_commands[0].callback.__module__ for group in app.registered_groups}


def test_every_command_is_where_it_is_said_to_be():
    said = {name: f"attacks.cli.{family}" for family, commands in families.FAMILIES.items() for name in commands}
    assert said == HELD


@pytest.mark.parametrize("family", families.FAMILIES)
def test_every_command_stands_alone(family):
    """What it says of itself is the same, whatever else is loaded."""
    name = families.FAMILIES[family][0]
    said = []
    for load in ("families.application(sys.argv[1:])", "commands.app"):
        code = f"import sys; from attacks.cli import families, commands\n{load}()"
        if load.startswith("families"):
            code = f"import sys; from attacks.cli import families\n{load}()"
        done = subprocess.run([sys.executable, "-c", code, name, "--help"], capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0] == said[1] and said[0]


def test_a_question_loads_no_yaml_and_nothing_that_reads_code():
    """A catalog that has not changed is taken from the cache."""
    code = (
        "import sys; from attacks.cli import families\n"
        "try: families.application(sys.argv[1:])()\n"
        "except SystemExit: pass\n"
        "names = ('yaml', 'taxonomy.check', 'rich', 'numpy', 'torch')\n"
        "print([name for name in names if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "feasible", "--threat-model", "prediction-api-scores", "--json"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(("command", "collects"), [("feasible", False), ("show", False), ("run", True), ("bench", True)])
def test_only_what_ends_soon_collects_no_garbage(command, collects):
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.isenabled(), file=sys.stderr))\n"
        "from attacks.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code, command, "--help"], capture_output=True, text=True, check=True)
    assert done.stderr.split() == [str(collects)]
