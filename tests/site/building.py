"""How tests build the site, as `make site` does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "site"))
sys.path.insert(0, str(ROOT / "tests" / "data"))


def build(folder: Path, *catalogs: Path) -> Path:
    """Render and build the site into a folder; return where the pages are."""
    shutil.copy(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    docs = folder / "build" / "docs"
    subprocess.run([sys.executable, ROOT / "site" / "render.py", docs, *catalogs], check=True)
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-q"], cwd=folder, check=True, env=settings)
    return folder / "build" / "site"
