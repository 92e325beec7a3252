"""Parsed catalogs and digests of code, kept under a hash of content. A convenience: whatever fails, the files are read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from taxonomy.files import MAX_TOTAL, Listing, UnreadableError, content

KEPT = 16
# What reading parts that someone has damaged can raise.
DAMAGED = (OSError, ValueError, TypeError, RecursionError)

# Returns one part of a kept catalog by its name.
Parts = Callable[[str], Any]


def _folder() -> Path:
    """Return where catalogs are kept; raise OSError where there is no place for it."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("MIA_CATALOG_CACHE")
    try:
        folder = Path(chosen).expanduser() if chosen else user_cache_path("mia-atlas") / "catalogs"
    except RuntimeError as error:  # nobody's home: HOME is not set, and the user has no entry of its own
        raise FileNotFoundError(str(error)) from error
    if not folder.is_absolute() and not chosen:
        raise FileNotFoundError(f"{folder} is no absolute path")
    return folder


def key(folders: Sequence[Path]) -> str | None:
    """Return a hash of every YAML file of the folders, by name and content, and of the code that reads them.

    None if a folder or a file cannot be read as it should; reading the catalog will say which.
    """
    found = hashlib.sha256()
    try:
        for path in sorted(entry.path for entry in os.scandir(Path(__file__).parent) if entry.name.endswith(".py")):
            found.update(content(path))
        for folder in folders:
            found.update(f"\0{folder}".encode(errors="surrogateescape"))
            listing, total = Listing(folder), 0
            if listing.findings:
                return None
            for name in listing.files:
                read = content(name)
                total += len(read)
                if total > MAX_TOTAL:
                    return None
                found.update(f"\0{name}\0{len(read)}\0".encode(errors="surrogateescape"))
                found.update(read)
    except (OSError, UnreadableError):
        return None
    return found.hexdigest()


def find(name: str) -> Parts | None:
    """Return the parts of a kept catalog, or None."""
    try:
        folder = _folder() / name
        if not (folder / "complete").exists():
            return None
    except OSError:
        return None
    return lambda part: json.loads((folder / f"{part}.json").read_bytes())


def keep(name: str, parts: dict[str, Any]) -> None:
    """Keep the parts of a catalog; it appears whole, by one rename, or not at all."""
    draft: Path | None = None
    try:
        root = _folder()
        draft = root / f"draft-{os.getpid()}-{uuid.uuid4().hex}"
        draft.mkdir(parents=True)
        for part, data in parts.items():
            (draft / f"{part}.json").write_text(json.dumps(data), encoding="utf-8")
        (draft / "complete").touch()
        old = sorted(root.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in old[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)
        draft.rename(root / name)
    except OSError:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def drop(name: str) -> None:
    """Drop a kept catalog that turned out to be damaged."""
    with contextlib.suppress(OSError):
        shutil.rmtree(_folder() / name, ignore_errors=True)
