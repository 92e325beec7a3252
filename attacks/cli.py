"""The command `mia`: the only room that knows both the terminal and the rest. Loads torch only to run."""

from __future__ import annotations

import sys

from attacks import cli_bench, cli_catalog, cli_questions, cli_run, terminal
from attacks.cli_options import app

__all__ = ["app", "cli_bench", "cli_catalog", "cli_questions", "cli_run", "main"]


def main() -> None:
    """Run the command line."""
    files = terminal.prepare()
    try:
        app()
    finally:
        sys.stdout.flush()
        for problem in dict.fromkeys(file.problem for file in files if file.problem):
            print(f"mia: the output cannot be written ({problem})", file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
