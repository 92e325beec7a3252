"""The site, rendered and built once, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "site"))


def build(folder: Path, *catalogs: Path) -> Path:
    """Render and build the site into a folder; return where the pages are."""
    shutil.copy(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    docs = folder / "build" / "docs"
    subprocess.run([sys.executable, ROOT / "site" / "render.py", docs, *catalogs], check=True)
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-q"], cwd=folder, check=True, env=settings)
    return folder / "build" / "site"


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def browser():
    """Return a real Chromium; on a developer's machine without one the test is skipped, in CI it fails."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    assert found, "CI must have a Chromium: .ci/run installs it"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
