"""Content-addressed store of finished work: a folder a node, written atomically, in safe formats only."""

from __future__ import annotations

import hashlib
import io
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.engine import claims, drafts
from attacks.seeds import digest
from taxonomy.findings import InputError

META = "node.json"
ARRAYS = "arrays.npz"
MAPPED = "mapped.npy"
WEIGHTS = "weights.safetensors"
# By this file others know a cache, which need not be backed up (https://bford.info/cachedir).
TAG = "CACHEDIR.TAG"
TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Finished work of MIA Atlas, which can be made again.\n"
# How long to wait before looking again at what another process is at.
WAIT_SECONDS = 0.3
# How long what another machine has written may take to be seen: NFS remembers for a minute that a file was not there.
LATE_SECONDS = 120.0

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
        return Path(chosen).expanduser() if chosen else user_cache_path("mia-atlas") / "store"
    except RuntimeError as error:
        home = "there is no home folder in which finished work could be kept; set MIA_STORE to a folder"
        raise StoreError(f"MIA_STORE is {chosen}, and there is no such home folder" if chosen else home) from error


class Store:
    """Finished nodes by fingerprint. Processes may share it: a node appears whole, by one rename, or not at all.

    Nothing is written before something is made, so that whoever finds all work finished may read where writing is not allowed.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder or default_folder()
        self._nodes = self.folder / "nodes"
        self.unfinished = self.folder / "unfinished"
        self._claims = self.folder / "claims"
        self._running = self.folder / "running"
        # Mapped arrays are hashed once a process: they are read many times and may be large.
        self._sound: set[str] = set()

    def prepare(self) -> None:
        """Make the folders; raise StoreError if that cannot be done."""
        try:
            for folder in (self._nodes, self.unfinished, self._claims, self._running):
                folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / TAG).exists():
                (self.folder / TAG).write_text(TAG_TEXT, encoding="utf-8")
        except OSError as error:
            raise self.unwritable(error) from error

    def unwritable(self, error: OSError) -> StoreError:
        """Return the error that says why nothing can be written here."""
        return StoreError(
            f"the store {self.folder} cannot be written ({error.strerror or error}); set MIA_STORE to a folder that can"
        )

    def place(self, fingerprint: str) -> Path:
        """Return the folder of a node, whether it is there or not."""
        return self._nodes / fingerprint[:2] / fingerprint

    def __contains__(self, fingerprint: str) -> bool:
        """Whether a node is there, with all others that it names. A damaged one is there too: reading it will say so."""
        try:
            return all(name in self for name in described(self.place(fingerprint))["inputs"])
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return True

    def wait_for(self, fingerprint: str) -> None:
        """Wait for a node that another machine has written, which shared folders may be late to show; raise StoreError."""
        deadline = time.monotonic() + LATE_SECONDS
        while fingerprint not in self:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"another machine has written {fingerprint[:12]} into the store {self.folder}, but it is not there"
                )
            time.sleep(WAIT_SECONDS)

    # -- who is at work ------------------------------------------------------------------------------------------------

    @contextmanager
    def claim(self, fingerprint: str) -> Iterator[bool]:
        """Claim a node that is about to be made, and yield whether nobody else is at it; raise StoreError if none can be made."""
        self.prepare()
        with self._claimed(self._claims / fingerprint) as mine:
            yield mine

    def is_claimed(self, fingerprint: str) -> bool:
        """Whether some process is making a node."""
        return claims.holder(self._claims / fingerprint) is not None

    def once(self, fingerprint: str, make: Callable[[], None]) -> bool:
        """Have `make` write a node, unless it is there or another process is making it; return whether `make` was called."""
        while fingerprint not in self:
            with self.claim(fingerprint) as mine:
                if mine and fingerprint not in self:
                    make()
                    return True
            if not mine:
                time.sleep(WAIT_SECONDS)
        return False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep others from dropping finished work while a run relies on it."""
        with ExitStack() as stack:
            try:
                self.prepare()
                self.sweep()
                stack.enter_context(claims.claimed(self._running / uuid.uuid4().hex))
            except (OSError, StoreError):
                pass  # a run that finds all its work finished needs to write nothing
            while claims.holder(self.folder / "collecting") is not None:
                time.sleep(WAIT_SECONDS)
            yield

    @contextmanager
    def alone(self) -> Iterator[int]:
        """Keep runs from starting, and yield how many are at work; raise StoreError if another process is alone here already."""
        self.prepare()
        with self._claimed(self.folder / "collecting") as mine:
            if not mine:
                raise StoreError(f"another `mia store gc` is at work in {self.folder}")
            for path in (*_listed(self._claims), *_listed(self._running)):
                if claims.holder(path) is None:
                    with suppress(OSError):
                        path.unlink()
            yield sum(not path.name.startswith(".") for path in _listed(self._running))

    @contextmanager
    def _claimed(self, path: Path) -> Iterator[bool]:
        with ExitStack() as stack:
            try:
                mine = stack.enter_context(claims.claimed(path))
            except OSError as error:
                raise self.unwritable(error) from error
            yield mine

    # -- nodes ---------------------------------------------------------------------------------------------------------

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
        inputs: Sequence[str] = (),
    ) -> None:
        """Write a finished node. If another run was faster, its result stands and ours is dropped.

        `mapped` is one array that may be too large for memory; `map` gives it back. `inputs` are the nodes that this one names:
        without them it is nothing.
        """
        if fingerprint in self:
            return
        self.prepare()
        draft = self.unfinished / drafts.name()
        try:
            draft.mkdir()
            if arrays is not None:
                buffer = io.BytesIO()
                np.savez(buffer, **arrays)  # type: ignore[arg-type]
                (draft / ARRAYS).write_bytes(buffer.getbuffer())
            if mapped is not None:
                np.save(draft / MAPPED, mapped, allow_pickle=False)
            if weights is not None:
                from safetensors.numpy import save

                (draft / WEIGHTS).write_bytes(save({key: np.ascontiguousarray(value) for key, value in weights.items()}))
            files = {path.name: _hash(path) for path in sorted(draft.iterdir())}
            parts = {"fingerprint": fingerprint, "kind": kind, "name": name, "inputs": list(inputs), "files": files}
            described_as = _sealed({**parts, "created": time.time(), "meta": meta or {}})
            (draft / META).write_text(described_as, encoding="utf-8")
            self._put(draft, fingerprint)
        except OSError as error:
            raise self.unwritable(error) from error
        finally:
            drafts.remove(draft)

    def _put(self, draft: Path, fingerprint: str) -> None:
        """Give a draft its name, unless a node with this name is there; what is only half there makes way."""
        place = self.place(fingerprint)
        place.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            try:
                draft.rename(place)
                return
            except OSError:
                if fingerprint in self:
                    return
                if not place.exists():
                    raise
            self.drop(place)
        raise FileExistsError(f"{place} is in the way")

    def drop(self, place: Path) -> int:
        """Drop a node, so that it never stands half-dropped under its name; return how many bytes it had. Raises StoreError."""
        grave = self.unfinished / drafts.name()
        try:
            place.rename(grave)
            freed = drafts.size(grave)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self.unwritable(error) from error
        drafts.remove(grave)
        return freed

    def read(self, fingerprint: str) -> tuple[dict[str, Any], Arrays, Arrays]:
        """Return a node's meta data, arrays and weights; raise StoreError if it is damaged or not there."""
        place = self.place(fingerprint)
        try:
            description = self._found(fingerprint)
            contents = {name: (place / name).read_bytes() for name in description["files"] if name != MAPPED}
            for name, content in contents.items():
                if hashlib.sha256(content).hexdigest() != description["files"][name]:
                    raise ValueError(f"{name} has changed")
            arrays: Arrays = {}
            if ARRAYS in contents:
                with np.load(io.BytesIO(contents[ARRAYS]), allow_pickle=False) as loaded:
                    arrays = {key: loaded[key] for key in loaded.files}
            weights: Arrays = {}
            if WEIGHTS in contents:
                from safetensors.numpy import load

                weights = load(contents[WEIGHTS])
            if MAPPED in description["files"]:
                self._sound_map(fingerprint, description)
        except (OSError, ValueError) as error:
            raise _damaged(place, error) from error
        return description["meta"], arrays, weights

    def meta(self, fingerprint: str) -> dict[str, Any]:
        """Return a node's meta data, and read nothing else of it; raise StoreError if it is damaged or not there."""
        try:
            found: dict[str, Any] = self._found(fingerprint)["meta"]
        except (OSError, ValueError) as error:
            raise _damaged(self.place(fingerprint), error) from error
        return found

    def map(self, fingerprint: str) -> NDArray[Any]:
        """Return a node's mapped array, which stays on disk; raise StoreError if it is damaged."""
        place = self.place(fingerprint)
        try:
            if fingerprint not in self._sound:
                self._sound_map(fingerprint, self._found(fingerprint))
                self._sound.add(fingerprint)
            found: NDArray[Any] = np.load(place / MAPPED, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise _damaged(place, error) from error
        return found

    def examined(self, place: Path) -> list[str] | None:
        """Return the nodes that the one in a folder names, or None if what lies there is damaged, or in a wrong place."""
        if place != self.place(place.name):
            return None
        try:
            self.read(place.name)
            inputs: list[str] = described(place)["inputs"]
        except (StoreError, OSError, ValueError) as error:
            # What may not be read need not be damaged.
            return [] if isinstance(error.__cause__ or error, PermissionError) else None
        return inputs

    def _found(self, fingerprint: str) -> dict[str, Any]:
        """Return a node's description; raise ValueError if it is another's."""
        description = described(self.place(fingerprint))
        if description["fingerprint"] != fingerprint:
            raise ValueError(f"it is other work, by the name of {description['fingerprint'][:12]}")
        return description

    def _sound_map(self, fingerprint: str, description: Mapping[str, Any]) -> None:
        if _hash(self.place(fingerprint) / MAPPED) != description["files"].get(MAPPED):
            raise ValueError(f"{MAPPED} has changed")

    def places(self) -> list[Path]:
        """Return the folders of all nodes, whole or not, sorted."""
        return [place for shard in _listed(self._nodes) for place in _listed(shard)]

    def nodes(self) -> Iterator[Node]:
        """Yield every finished node whose description can be read."""
        for place in self.places():
            try:
                found = self._found(place.name)
                size = drafts.size(place)
            except (OSError, ValueError):
                continue
            yield Node(place.name, found["kind"], found["name"], size, found["created"], place, found["meta"])

    def typical_seconds(self, params: Mapping[str, Any], device: str = "cpu") -> float | None:
        """Return the median time of training there of models and federations whose recipe agrees with `params`, or None."""
        seconds = []
        for node in self.nodes():
            # Steps may name a recipe too, but what they made was not trained as one model.
            if "seconds" not in node.meta or not isinstance(recipe := node.meta.get("recipe"), dict):
                continue
            shared = [name for name in recipe if name in params and node.meta.get("device", "cpu") == device]
            if shared and all(recipe[name] == params[name] for name in shared):
                seconds.append(float(node.meta["seconds"]))
        return statistics.median(seconds) if seconds else None

    def sweep(self) -> int:
        """Remove drafts that nobody will finish; return how many bytes they had."""
        return drafts.sweep(self.unfinished, "*")


def described(place: Path) -> dict[str, Any]:
    """Return the description of the node in a folder; raise ValueError if it was changed, and OSError if there is none."""
    try:
        description = json.loads((place / META).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{META} is no description") from error
    if not isinstance(description, dict) or description.pop("hash", None) != digest(description):
        raise ValueError(f"{META} has changed")
    return description


def _sealed(description: dict[str, Any]) -> str:
    """Return a description as text with its own hash in it, which is that of what will be read again."""
    plain = json.loads(json.dumps(description))
    return json.dumps({**plain, "hash": digest(plain)}, sort_keys=True)


def _damaged(place: Path, error: Exception) -> StoreError:
    if isinstance(error, FileNotFoundError) and not place.exists():
        return StoreError(f"finished work in {place} is no longer there; run again, and it is made again")
    if isinstance(error, PermissionError):
        return StoreError(f"finished work in {place} may not be read ({error.strerror})")
    return StoreError(f"finished work in {place} is damaged ({error}); `mia store gc` drops damaged work, then run again")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted; nothing if it is none, or has just gone."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
