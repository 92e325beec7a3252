"""The command `mia`: what happens before anything else is loaded, which takes a while, is that it heeds Ctrl-C."""

from __future__ import annotations

from attacks import interrupts


def main() -> None:
    """Run the command line."""
    interrupts.heed()
    from attacks.commands import app

    app()


if __name__ == "__main__":
    main()
