"""Drafts: what is written under a name of its own first, and then appears whole, by one rename, or not at all."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from attacks.engine import owners
from taxonomy.findings import InputError

MARK = ".draft-"
# A draft on another machine shows no sign of life; nothing takes that long to write.
ABANDONED_SECONDS = 24 * 3600


def name() -> str:
    """Return a name for a draft of this process."""
    return f"{MARK}{owners.me()}-{uuid.uuid4().hex}"


def replace(files: Mapping[Path, bytes]) -> None:
    """Write files, none before all of them lie there as drafts, and in this order; raise InputError if that cannot be done."""
    written: dict[Path, Path] = {}
    path = next(iter(files), Path())
    try:
        for path, content in files.items():
            written[path] = path.with_name(name())
            written[path].write_bytes(content)
        for path, draft in written.items():
            draft.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from error
    finally:
        for draft in written.values():
            draft.unlink(missing_ok=True)


def sweep(folder: Path, names: str = f"{MARK}*") -> int:
    """Remove drafts that nobody will finish: their process has ended, or they are a day old. Return how many bytes they had."""
    freed = 0
    for draft in folder.glob(names):
        try:
            abandoned = _is_abandoned(draft)
            bytes_there = size(draft) if abandoned else 0
        except OSError:  # whoever wrote it has just finished it, or someone else swept it away
            continue
        if abandoned:
            freed += bytes_there
            remove(draft)
    return freed


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def remove(path: Path) -> None:
    """Remove a draft as far as that can be done: a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_abandoned(draft: Path) -> bool:
    owner = draft.name.removeprefix(MARK).rpartition("-")[0]
    return owners.gone(owner) or time.time() - draft.stat().st_mtime > ABANDONED_SECONDS
