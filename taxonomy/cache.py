"""Parsed catalogs, kept under a hash of the content of their files. A convenience: whatever fails, the files are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

KEPT = 8

# Returns one part of a kept catalog by its name.
Parts = Callable[[str], Any]


def _folder() -> Path:
    from platformdirs import user_cache_path

    chosen = os.environ.get("MIA_CATALOG_CACHE")
    return Path(chosen) if chosen else user_cache_path("mia-atlas") / "catalogs"


def key(folders: Sequence[Path]) -> str | None:
    """Return a hash of every YAML file of the folders, by name and content, and of the code that reads them.

    None if a file cannot be read; reading the catalog will say which.
    """
    found = hashlib.sha256()
    try:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            found.update(path.read_bytes())
        for folder in folders:
            found.update(f"\0{folder}".encode())
            for name in _yaml_files(str(folder)):
                with open(name, "rb") as file:  # noqa: PTH123  (hundreds of files: Path costs more than reading them)
                    content = file.read()
                found.update(f"\0{name}\0{len(content)}\0".encode())
                found.update(content)
    except OSError:
        return None
    return found.hexdigest()


def _yaml_files(folder: str) -> list[str]:
    """Return the paths of all YAML files in a catalog's folder and the folders of its kinds, sorted."""
    found: list[str] = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += _yaml_files(entry.path)
        elif entry.name.endswith((".yaml", ".yml")):
            found.append(entry.path)
    return sorted(found)


def find(name: str) -> Parts | None:
    """Return the parts of a kept catalog, or None."""
    folder = _folder() / name
    if not (folder / "complete").exists():
        return None
    return lambda part: json.loads((folder / f"{part}.json").read_bytes())


def keep(name: str, parts: dict[str, Any]) -> None:
    """Keep the parts of a catalog; it appears whole, by one rename, or not at all."""
    root = _folder()
    draft = root / f"draft-{os.getpid()}-{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        for part, data in parts.items():
            (draft / f"{part}.json").write_text(json.dumps(data), encoding="utf-8")
        (draft / "complete").touch()
        old = sorted(root.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in old[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)
        draft.rename(root / name)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)


def drop(name: str) -> None:
    """Drop a kept catalog that turned out to be damaged."""
    shutil.rmtree(_folder() / name, ignore_errors=True)
