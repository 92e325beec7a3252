"""A service on loopback and a way to ask it, and a folder with an audit of a forest."""

from __future__ import annotations

from pathlib import Path

import forest
import pytest
from inference_server import InferenceServer

from attacks.audit.kinds.service import Address, Service


class Ask:
    """Makes services of one folder, as restarts would, and notes their sleeps."""

    def __init__(self, folder, url):
        self.folder, self.url, self.sleeps = folder, url, []

    def __call__(self, *, limit=None, progress=None, sleep=None, **address):
        named = Address(**{"url": self.url, "model": "forest", "batch": 4, **address})
        return Service(named, self.folder, limit=limit, progress=progress, sleep=sleep or self.sleeps.append)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = InferenceServer()
    yield found
    found.stop()


@pytest.fixture
def ask(server, tmp_path):
    return Ask(tmp_path / "kept", server.url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an audit of a forest."""
    forest.write(tmp_path)
    return tmp_path
