"""Digests of code, kept under a hash of the content of all code that they may reach. If anything fails, code is read.

Following functions through the code takes longer than all else that `mia check` does, and code changes more rarely than one asks.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from taxonomy import cache, digests, folders, source
from taxonomy.fingerprints import Digest, code_digests

PART = "digests"
# The code that makes digests: what it does is part of what a kept digest is of.
ALGORITHM = (digests, source, folders)


class KeptDigests:
    """`code_digests` of packages, with what was found before by the same content.

    A folder that counts as a whole may hold any amount of data, all of which counts: it is read each time, and its digests are
    not kept.
    """

    def __init__(self, packages: Iterable[source.Package]):
        known = list(packages)
        self._packages = [package for package in known if package.whole is None]
        self._followed = {package.name for package in self._packages}
        self._name, self._computed = _key(self._packages), code_digests(known)
        self._found = _read(self._name)
        self._new = False

    def digest(self, run: str) -> str:
        """Return the hash of the code behind a path, or "missing" for a path that names nothing readable."""
        if run.partition(":")[0].partition(".")[0] not in self._followed:
            return self._computed(run)
        if run in self._found:
            return self._found[run]
        made = self._computed(run)
        if made != "missing":  # it may be there tomorrow: a file that could not be read is no content
            self._found[run], self._new = made, True
        return made

    def save(self) -> None:
        """Keep what was found, unless the code has changed since: what was read may be of either."""
        if self._new and self._name is not None and self._name == _key(self._packages):
            cache.drop(self._name)
            cache.keep(self._name, {PART: {"digests": self._found, "sum": _sum(self._found)}})
        self._new = False


@contextmanager
def kept_digests(packages: Iterable[source.Package]) -> Iterator[Digest]:
    """Give `code_digests` of these packages, with what was found before by the same content; keep what is found now."""
    kept = KeptDigests(packages)
    try:
        yield kept.digest
    finally:
        kept.save()


def _key(packages: Sequence[source.Package]) -> str | None:
    """Return a hash of all source of the packages, and of what else a digest depends on; None where a file cannot be read."""
    found = hashlib.sha256(f"digests\0{sys.version}".encode())
    try:
        for module in ALGORITHM:
            found.update(Path(str(module.__file__)).read_bytes())
        for package in packages:
            files = [package.folder] if package.folder.is_file() else sorted(package.folder.rglob("*.py"))
            found.update(f"\0\0{package.name}\0{len(files)}".encode())
            for path in files:
                read = path.read_bytes()
                place = path.relative_to(package.folder)
                found.update(f"\0{place}\0{len(read)}\0".encode(errors="surrogateescape"))
                found.update(read)
    except OSError:
        return None
    return found.hexdigest()


def _read(name: str | None) -> dict[str, str]:
    """Return the digests that were kept, or none where there are none, or where they are damaged."""
    parts = cache.find(name) if name is not None else None
    if name is None or parts is None:
        return {}
    try:
        kept = parts(PART)
        found: dict[str, str] = kept["digests"]
        if isinstance(found, dict) and kept["sum"] == _sum(found):
            return found
    except (*cache.DAMAGED, KeyError):
        pass
    cache.drop(name)
    return {}


def _sum(found: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
