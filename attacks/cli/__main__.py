"""`python -m attacks.cli` is `mia`, where no script is installed."""

from attacks.cli import main

main()
