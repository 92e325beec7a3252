"""The site, rendered and built once, and a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import build


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("site"))
