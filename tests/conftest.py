"""Fixtures that all tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taxonomy.answers import Atlas
from taxonomy.catalog import Catalog
from taxonomy.loading import load

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "data" / "tiny"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="session")
def atlas(catalog: Catalog) -> Atlas:
    return Atlas(catalog)


@pytest.fixture(scope="session")
def kept_store() -> Path:
    """A store that outlives the session: names are fingerprints, so what is in it is never stale."""
    return ROOT / "build" / "test-store"


Mia = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mia(tmp_path: Path) -> Mia:
    """Run the command as its user would, in a folder and with a store of its own."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        settings = {**inherited, "MIA_STORE": str(tmp_path / "store"), **environment}
        command = [sys.executable, "-m", "attacks.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def mia_json(mia: Mia) -> Callable[..., Any]:
    """Run the command with --json, and return what it printed."""

    def run(*arguments: str | Path, code: int = 0) -> Any:
        done = mia(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    return run
