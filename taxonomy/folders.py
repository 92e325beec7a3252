"""Which files of a folder of somebody's own count as its code and data: all but what tools put there, ours among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# By such a file its folder shows that it is a cache, or an environment of Python.
NOT_OURS = ("CACHEDIR.TAG", "pyvenv.cfg")
# Where both of these lie, a run was reported, and what belongs to the report changes with each run.
REPORT = {"results.json", "scores.npz"}
REPORTED = ("results.json", "scores.npz", "report.html", ".png")
# A bench writes its evidence beside the entries.
EVIDENCE, ENTRIES = "evidence", ("attacks", "orderings", "factors", "defenses")


def files(root: Path) -> Iterator[Path]:
    """Yield the files in a folder and below, sorted; hidden ones, caches, reports and evidence of this program are left out.

    Links to folders are not followed.
    """
    for here, below, names in os.walk(root):
        folder = Path(here)
        below[:] = sorted(name for name in below if not _left_out(folder / name))
        reported = set(names) >= REPORT
        for name in sorted(names):
            made = name.endswith(".pyc") or (reported and name.endswith(REPORTED))
            if not made and not name.startswith(".") and (folder / name).is_file():
                yield folder / name


def _left_out(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name == "__pycache__" or any((folder / name).exists() for name in NOT_OURS):
        return True
    return folder.name == EVIDENCE and any((folder.parent / name).is_dir() for name in ENTRIES)
