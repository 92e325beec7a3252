"""Content-addressed store of finished work: a folder a node, written atomically, in safe formats only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError

META = "node.json"
ARRAYS = "arrays.npz"
MAPPED = "mapped.npy"
WEIGHTS = "weights.safetensors"
STALE_SECONDS = 24 * 3600

Arrays = dict[str, NDArray[Any]]


class StoreError(InputError):
    """The store cannot be used, or something in it is damaged."""


@dataclass(frozen=True)
class Node:
    """One finished piece of work: what it is, and its output."""

    fingerprint: str
    kind: str
    name: str
    bytes: int
    created: float
    folder: Path
    meta: Mapping[str, Any]


def default_folder() -> Path:
    """Return where finished work lies: `MIA_STORE`, or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("MIA_STORE")
    try:
        return Path(chosen) if chosen else user_cache_path("mia-atlas") / "store"
    except RuntimeError as error:
        raise InputError("there is no home folder in which finished work could be kept; set MIA_STORE to a folder") from error


class Store:
    """Finished nodes by fingerprint. Two runs may share it: a node appears whole, by one rename, or not at all."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or default_folder()
        self._nodes = self.folder / "nodes"
        self._unfinished = self.folder / "unfinished"
        # Mapped arrays are hashed once a process: they are read many times and may be large.
        self._sound: set[str] = set()

    def prepare(self) -> None:
        """Make the folders; raise StoreError if that cannot be done."""
        try:
            for folder in (self._nodes, self._unfinished):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self._unfinished / f"{os.getpid()}-{uuid.uuid4().hex}"
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise StoreError(
                f"the store {self.folder} cannot be written ({error.strerror}); set MIA_STORE to a folder that can"
            ) from error

    def _place(self, fingerprint: str) -> Path:
        return self._nodes / fingerprint[:2] / fingerprint

    def __contains__(self, fingerprint: str) -> bool:
        return (self._place(fingerprint) / META).is_file()

    def write(
        self,
        fingerprint: str,
        kind: str,
        name: str,
        *,
        meta: dict[str, Any] | None = None,
        arrays: Arrays | None = None,
        weights: Arrays | None = None,
        mapped: NDArray[Any] | None = None,
    ) -> None:
        """Write a finished node. If another run was faster, its result stands and ours is dropped.

        `mapped` is one array that may be too large for memory; `map` gives it back.
        """
        if fingerprint in self:
            return
        draft = self._unfinished / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            draft.mkdir(parents=True)
            if arrays is not None:
                with (draft / ARRAYS).open("wb") as file:
                    np.savez(file, **arrays)  # type: ignore[arg-type]
            if mapped is not None:
                np.save(draft / MAPPED, mapped, allow_pickle=False)
            if weights is not None:
                from safetensors.numpy import save_file

                save_file({key: np.ascontiguousarray(value) for key, value in weights.items()}, draft / WEIGHTS)
            files = {path.name: _hash(path) for path in sorted(draft.iterdir())}
            description = {"kind": kind, "name": name, "created": time.time(), "meta": meta or {}, "files": files}
            (draft / META).write_text(json.dumps(description, sort_keys=True), encoding="utf-8")
            place = self._place(fingerprint)
            place.parent.mkdir(parents=True, exist_ok=True)
            draft.rename(place)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if fingerprint not in self:
                raise StoreError(f"the store {self.folder} cannot be written ({error.strerror or error})") from error

    def read(self, fingerprint: str) -> tuple[dict[str, Any], Arrays, Arrays]:
        """Return a node's meta data, arrays and weights; raise StoreError if it is damaged."""
        place = self._place(fingerprint)
        try:
            description = self._verified(place)
            arrays: Arrays = {}
            if ARRAYS in description["files"]:
                with np.load(place / ARRAYS, allow_pickle=False) as loaded:
                    arrays = {key: loaded[key] for key in loaded.files}
            weights: Arrays = {}
            if WEIGHTS in description["files"]:
                from safetensors.numpy import load_file

                weights = load_file(place / WEIGHTS)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(place, error) from error
        return description["meta"], arrays, weights

    def map(self, fingerprint: str) -> NDArray[Any]:
        """Return a node's mapped array, which stays on disk; raise StoreError if it is damaged."""
        place = self._place(fingerprint)
        try:
            if fingerprint not in self._sound:
                self._verified(place)
                self._sound.add(fingerprint)
            found: NDArray[Any] = np.load(place / MAPPED, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(place, error) from error
        return found

    def _verified(self, place: Path) -> dict[str, Any]:
        """Return a node's description, if every file still has the hash that stands in it."""
        description: dict[str, Any] = json.loads((place / META).read_text(encoding="utf-8"))
        for name, expected in description["files"].items():
            if _hash(place / name) != expected:
                raise ValueError(f"{name} has changed")
        return description

    def nodes(self) -> Iterator[Node]:
        """Yield every finished node whose description can be read."""
        for path in sorted(self._nodes.glob(f"*/*/{META}")):
            try:
                description = json.loads(path.read_text(encoding="utf-8"))
                size = sum(file.stat().st_size for file in path.parent.iterdir())
                kind, name, created = description["kind"], description["name"], float(description["created"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            yield Node(path.parent.name, kind, name, size, created, path.parent, description["meta"])

    def typical_seconds(self, params: Mapping[str, Any]) -> float | None:
        """Return the median training time of finished models and federations whose recipe agrees with `params`, or None."""
        seconds = []
        for node in self.nodes():
            recipe = node.meta.get("recipe", {})
            shared = [name for name in recipe if name in params]
            if shared and all(recipe[name] == params[name] for name in shared):
                seconds.append(float(node.meta["seconds"]))
        return statistics.median(seconds) if seconds else None

    def collect(self, older_than_days: float | None = None, everything: bool = False) -> tuple[int, int]:
        """Drop damaged and abandoned work, work older than some days, or everything; return nodes and bytes dropped."""
        dropped, freed = 0, 0
        now = time.time()
        for draft in self._unfinished.glob("*"):
            if everything or now - draft.stat().st_mtime > STALE_SECONDS or not _alive(draft.name.split("-")[0]):
                freed += _size(draft)
                shutil.rmtree(draft, ignore_errors=True)
        for place in sorted(self._nodes.glob("*/*")):
            if everything or self._is_damaged(place.name) or self._is_old(place, older_than_days):
                dropped, freed = dropped + 1, freed + _size(place)
                # Moved away first, so that a node never stands half-dropped under its name.
                grave = self._unfinished / f"{os.getpid()}-{uuid.uuid4().hex}"
                place.rename(grave)
                shutil.rmtree(grave, ignore_errors=True)
        return dropped, freed

    def _is_damaged(self, fingerprint: str) -> bool:
        try:
            self.read(fingerprint)
        except StoreError:
            return True
        return False

    def _is_old(self, place: Path, days: float | None) -> bool:
        return days is not None and time.time() - (place / META).stat().st_mtime > days * 86400


def _damaged(place: Path, error: Exception) -> StoreError:
    return StoreError(f"finished work in {place} is damaged ({error}); `mia store gc` drops damaged work, then run again")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _alive(pid: str) -> bool:
    """Whether the process that a draft belongs to still runs; unsure is yes."""
    if not pid.isdigit() or os.name == "nt":  # on Windows, signal 0 is Ctrl-C
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
