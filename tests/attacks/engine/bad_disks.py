"""Disks that are full, and folders that may not be written, whoever runs the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from attacks.engine.store import Store


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let writing fail as on a full disk: behind so many bytes of any file."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def make_unwritable(store: Store) -> None:
    """Let nothing be written into a store any more: files stand where it has folders to write into."""
    for folder in ("unfinished", "claims", "running"):
        path = store.folder / folder
        if path.exists():
            path.rmdir()
        path.write_text("")
