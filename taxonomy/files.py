"""The files of a catalog's folder: found and read within bounds, whatever lies there."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

from taxonomy.entries import KINDS
from taxonomy.findings import Finding, relative
from taxonomy.nearness import mistyped

MAX_BYTES = 1 << 20
MAX_FILES = 10_000
MAX_TOTAL = 32 << 20
TAXONOMY = "taxonomy.yaml"
OTHERS = ("evidence", "schemas")
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


class UnreadableError(Exception):
    """A file that cannot be read, with the reason in words."""


def content(path: str | Path) -> bytes:
    """Return the bytes of a regular file of at most 1 MiB; raise UnreadableError."""
    # A catalog has hundreds of files, and each question reads them all: file objects cost more than reading them.
    try:
        state = os.stat(path)  # noqa: PTH116
        # Opening a pipe waits for its writer, and a device never ends.
        if not S_ISREG(state.st_mode):
            raise UnreadableError("it is no regular file")
        file = os.open(path, READ)
        try:
            wanted = min(state.st_size, MAX_BYTES) + 1
            found = os.read(file, wanted)
            # A file that says less than it holds, as those of /proc do.
            while wanted <= len(found) <= MAX_BYTES and (more := os.read(file, MAX_BYTES + 1 - len(found))):
                found += more
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        raise UnreadableError(getattr(error, "strerror", None) or str(error)) from error
    if len(found) > MAX_BYTES:
        raise UnreadableError(f"it has more than {MAX_BYTES:,} bytes")
    return found


class Listing:
    """The YAML files of a catalog's folder by kind, sorted by name, and what is wrong with the folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.taxonomy: str | None = None
        self.kinds: dict[str, list[str]] = {}
        self.findings: list[Finding] = []
        count = 0
        for name, place, is_folder in self._entries(folder):
            if name == TAXONOMY:
                self.taxonomy = place
            elif name in KINDS and not is_folder:
                self.findings.append(Finding("MIA011", "it is no folder", relative(Path(place))))
            elif name in KINDS:
                inside = self._entries(Path(place))
                count += len(inside)
                if count > MAX_FILES:
                    self._fail(f"the folder holds more than {MAX_FILES:,} files")
                    return
                # Hidden files are none of a catalog's: an editor locks a file by a link of that name that leads nowhere.
                self.kinds[name] = [
                    path for file, path, _ in inside if file.endswith((".yaml", ".yml")) and not file.startswith(".")
                ]
            elif is_folder and name not in OTHERS and (kind := mistyped(name, KINDS)):
                message, hint = "no kind of entry has a folder of this name", f"did you mean {kind}?"
                self.findings.append(Finding("MIA011", message, relative(Path(place)), hint=hint))
        self.kinds = {kind: self.kinds[kind] for kind in KINDS if kind in self.kinds}
        if not self.findings and not self.kinds and self.taxonomy is None:
            self._fail("the folder holds no catalog", f"a catalog has {TAXONOMY} or a folder " + ", ".join(KINDS))

    def _entries(self, folder: Path) -> list[tuple[str, str, bool]]:
        """Return name, path, and whether it is a folder, of what lies in a folder: at most one more than may."""
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found.append((entry.name, entry.path, _is_folder(entry)))
                    if len(found) > MAX_FILES:
                        break
        except FileNotFoundError:
            self._fail("no such folder")
        except (OSError, ValueError) as error:
            self._fail(f"the folder cannot be read: {getattr(error, 'strerror', None) or error}", folder=folder)
        return sorted(found)

    def _fail(self, message: str, hint: str = "", folder: Path | None = None) -> None:
        self.findings.append(Finding("MIA011", message, relative(folder or self.folder), hint=hint))

    @property
    def files(self) -> list[str]:
        """The paths of all files that are read."""
        return [*filter(None, [self.taxonomy]), *(path for paths in self.kinds.values() for path in paths)]
