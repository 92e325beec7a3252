"""The site, rendered and built once, and a browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from building import build


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def browser():
    """Return a real Chromium: whoever asks for it is marked `debian("chromium")`."""
    found = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
