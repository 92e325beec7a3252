"""What commands of `mia` print, run while the site is built: in this process, on a store of its own that holds nothing."""

from __future__ import annotations

import functools
import shlex
import tempfile
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

# So many columns a terminal has, and so many lines of an output are shown.
COLUMNS, LINES = 120, 22
# What is run for each command: a form of it that takes seconds at most, and tells of no machine.
RUN = {
    "mia feasible": "mia feasible --observation black-box --model discriminative --knows Q.labels --knows record.label",
    "mia explain": "mia explain carlini-2022-lira --threat-model prediction-api-labels",
    "mia table": "mia table --surveyed --format csv",
    "mia harden": "mia harden --threat-model prediction-api-scores",
    "mia gaps": "mia gaps",
    "mia compare": "mia compare carlini-2022-lira shokri-2017",
    "mia attacks": "mia attacks --model discriminative --runs",
    "mia entries": "mia entries errata",
    "mia show": "mia show shokri-2017",
    "mia terms": "mia terms --aspect query",
    "mia defenses": "mia defenses",
    "mia targets": "mia targets",
    "mia check": "mia check",
    "mia diff": "mia diff plain rounded",
    "mia run": "mia run carlini-2022-lira yeom-2018-loss --dry-run",
    "mia audit": "mia audit --init",
    "mia bench": "mia bench carlini-2022-lira --dry-run",
    "mia store where": "mia store where",
    "mia store ls": "mia store ls",
    "mia store gc": "mia store gc",
    "mia factors": "mia factors",
    "mia statements": "mia statements --kind defense",
    "mia frontier": "mia frontier digits-mlp --models 4",
    "mia export graph": "mia export graph --format graphml",
    "mia export bibtex": "mia export bibtex shokri-2017",
    "mia export csl": "mia export csl shokri-2017",
    "mia export stix": "mia export stix",
    "mia export navigator": "mia export navigator",
    "mia export avid": "mia export avid digits-mlp",
    "mia export croissant": "mia export croissant digits-mlp --out membership",
    "mia export json-schema": "mia export json-schema attacks",
    "mia export atlas": "mia export atlas",
    "mia new attack": "mia new attack doe-2027-example --needs Q.scores,record.label --catalog my-catalog --code my-code",
    "mia new step": "mia new step rare-records --needs D1.samples --yields rare-records-pool --catalog my-catalog --code my-code",
    "mia new target": "mia new target my-records --needs Q.scores,record.label --catalog my-catalog --code my-code",
    "mia new defense": "mia new defense doe-2027-mask --needs Q.scores --catalog my-catalog --code my-code",
}
# What is run before, in the same folder.
BEFORE = {
    "mia diff plain rounded": [
        "mia run yeom-2018-loss --target genomes-linear --out plain",
        "mia run yeom-2018-loss --target genomes-linear --defense rounded-scores --out rounded",
    ],
}


@dataclass(frozen=True)
class Output:
    """A command as typed, the first lines that it printed, how many more there were, and its exit code."""

    command: str
    text: str
    more: int
    code: int


@functools.cache
def of(command: str, most: int = LINES) -> Output:
    """Run a command as typed, and return the first lines of what it printed."""
    import typer
    from click.testing import CliRunner

    from attacks.cli.commands import app

    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        settings = {"COLUMNS": str(COLUMNS), "MIA_STORE": str(Path(folder) / "store"), "NO_COLOR": "1", "TERM": "dumb"}
        runner, mia = CliRunner(env=settings), typer.main.get_command(app)
        for one in [*BEFORE.get(command, []), command]:
            done = runner.invoke(mia, shlex.split(one)[1:], prog_name="mia")
            if done.exception and not isinstance(done.exception, SystemExit):
                raise done.exception
    printed = done.output.replace(folder, "…").replace(f"{Path(__file__).parents[1]}/", "")
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    return Output(command, "\n".join(lines[:most]), max(0, len(lines) - most), done.exit_code)
