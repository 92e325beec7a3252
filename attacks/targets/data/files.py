"""Where the files of a data set lie: in an installed package, or in the user's cache folder, downloaded once and checked."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from taxonomy.findings import InputError


@dataclass(frozen=True)
class Source:
    """A file on the web: the data set's title, the address, and the SHA-256, or None where nobody has published one."""

    title: str
    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


def packaged(package: str, inside: str, title: str) -> Path:
    """Return a file of an installed Python package, which is not imported; raise InputError if it is not installed."""
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (path := Path(folder) / inside).is_file():
            return path
    raise InputError(f"{title} is not on this machine: the Python package {package} brings it (`pip install mia-atlas[data]`)")


def fetched(source: Source) -> Path:
    """Return a file from the web as it lies in the user's cache folder, downloaded with a note on stderr if it is not there.

    Its SHA-256 is compared with the known one. Where none is known, that of the first download is written beside the file,
    again with a note, and every later use is held to it. Raises InputError if the file cannot be had or is another one.
    """
    path = download(source, how="`pip install mia-atlas[download]` and be online")
    found = _sha256(path)
    if source.sha256 is not None:
        if found != source.sha256:
            raise InputError(
                f"{path} is not the {source.title} that is expected: SHA-256 {found}, not {source.sha256}; "
                "delete it and try again"
            )
        return path
    pin = path.with_name(path.name + ".sha256")
    try:
        if not pin.exists():
            # The form that `sha256sum --check` reads.
            pin.write_text(f"{found}  {path.name}\n")
            print(f"No checksum of {source.title} is published; {path.name} is pinned from now on, in {pin}", file=sys.stderr)
        pinned = pin.read_text().partition(" ")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the checksum of {source.title} cannot be kept in {pin} ({type(error).__name__})") from error
    if found != pinned:
        raise InputError(
            f"{path} has changed since its first use: SHA-256 {found}, not {pinned}. If it was damaged, delete it and try again; "
            f"if you know why there is a new one, delete {pin} and everything that was measured on the old one"
        )
    return path


def download(source: Source, how: str) -> Path:
    """Return a file fetched into the user's cache folder, unchecked; what is there already is not fetched again.

    `how` says what else the user can do. Raises InputError if the file cannot be had.
    """
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("mia-atlas") / "data"
    except RuntimeError as error:
        raise InputError(f"{source.title} takes a folder to keep it in, and this user has no home folder; set HOME") from error
    path = folder / source.name
    if path.exists():
        return path
    how = f"{how}, or put {source.url} into {folder}"
    try:
        import pooch
    except ImportError as error:
        raise InputError(f"{source.title} is not on this machine: {how}") from error
    pooch.get_logger().setLevel("WARNING")  # it would advise on hashes; what happens is said here
    print(f"Downloading {source.name} of {source.title} to {folder}", file=sys.stderr)
    try:
        return Path(pooch.retrieve(source.url, known_hash=None, fname=source.name, path=folder, progressbar=False))
    except Exception as error:
        raise InputError(f"{source.title} cannot be downloaded ({type(error).__name__}): {how}") from error


@contextlib.contextmanager
def member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open one file inside a tar archive; nothing is unpacked to disk. Raises InputError if it is missing or damaged."""
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                content = archive.extractfile(entry) if PurePosixPath(entry.name) == PurePosixPath(name) else None
                if content is not None:
                    yield content
                    return
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and try again") from error
    raise InputError(f"{path} holds no {name}: it is not the archive that is expected")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
