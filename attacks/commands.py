"""All commands of `mia`: the only room that knows both the terminal and the rest. Loads torch only to run."""

from __future__ import annotations

from attacks import cli_bench, cli_catalog, cli_questions, cli_run
from attacks.cli_options import app

__all__ = ["app", "cli_bench", "cli_catalog", "cli_questions", "cli_run"]
