"""Rewrites the table of handles in CONTRIBUTING.md from the code. Usage: python site/contributing.py"""

from __future__ import annotations

from pathlib import Path

from taxonomy import handles
from taxonomy.loading import load

PLACE = Path(__file__).parents[1] / "CONTRIBUTING.md"
BEGIN = "<!-- handles: written by `python site/contributing.py` from attacks/handles; not to be edited by hand -->"
END = "<!-- end of handles -->"


def rewritten(text: str) -> str:
    """Return the text with the table between the two comments as it should be; raise ValueError if they are not there."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the comments {BEGIN} and {END} do not stand in the text, in this order")
    table = handles.block(handles.offered(load(), handles.packages()))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    PLACE.write_text(rewritten(PLACE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PLACE} written")
