"""The command `mia`: what happens before anything else is loaded, which takes a while, is that it heeds Ctrl-C."""

from __future__ import annotations

import gc
import os
import sys

from attacks.cli import interrupts, terminal


def main() -> None:
    """Run the command line."""
    interrupts.heed()
    files = terminal.prepare()
    # Pydantic would look for plugins in every package that is installed, and none is of use here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from attacks.cli.families import application, is_brief

    if "--json" in sys.argv[1:] and "--help" not in sys.argv[1:]:
        terminal.results_alone()
    if is_brief(sys.argv[1:]):
        gc.disable()
    try:
        application(sys.argv[1:])()
    finally:
        terminal.results().flush()
        for problem in dict.fromkeys(file.problem for file in files if file.problem):
            print(f"mia: the output cannot be written ({problem})", file=sys.stderr)
            sys.exit(2)
