"""Files of evidence, whatever it is about: where they lie, reading one, and what is wrong with those of a catalog. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from taxonomy import source
from taxonomy.catalog import Catalog
from taxonomy.files import UnreadableError, content
from taxonomy.findings import Finding, InputError, relative
from taxonomy.fingerprints import Fingerprints
from taxonomy.kept_digests import kept_digests

FOLDER = "evidence"

File = TypeVar("File", bound=BaseModel)
Found = TypeVar("Found")
Told = Iterator[tuple[str, str]]


def files(catalog: Catalog, kind: str = "") -> Iterator[Path]:
    """Yield the evidence files of a kind, which lie in a folder of that name in `evidence`, of every folder of the catalog."""
    for folder in catalog.folders:
        yield from sorted((folder / FOLDER / kind).glob("*.json"))


def read(form: type[File], path: Path) -> File:
    """Return what stands in a file of evidence; raise InputError with one sentence if it is none."""
    try:
        return form.model_validate_json(content(path))
    except UnreadableError as error:
        raise InputError(f"the file cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place or 'the file'}: {first['msg'][0].lower()}{first['msg'][1:]}") from error


def read_named(form: type[File], path: Path) -> File:
    """Return the same; the InputError names the file too."""
    try:
        return read(form, path)
    except InputError as error:
        raise InputError(f"{relative(path)}: {error}") from error


def check(
    catalog: Catalog,
    packages: Iterable[source.Package],
    paths: Iterable[Path],
    of_file: Callable[[Path], Found],
    unknown: Callable[[Catalog, Found, str], Told],
    old: Callable[[Fingerprints, Found, Path], Told],
    joined: str | None = None,
) -> Iterator[Finding]:
    """Yield what is wrong with files of evidence: MIA029 of what is of nothing that exists, MIA028 of what is stale or lacking.

    `of_file` reads one. `unknown` tells of names that nothing bears, `old` of what was measured of another text or not at all: a
    message and a hint each. Of two files of one name that of the earlier folder counts, unless their name is `joined`.
    """
    with kept_digests(packages) as digest:
        fingerprints: Fingerprints | None = None
        read_before = dict[str, Path]()
        for path in paths:
            place = relative(path)
            try:
                found = of_file(path)
            except InputError as error:
                yield Finding("MIA029", str(error), place)
                continue
            if told := list(unknown(catalog, found, path.stem)):
                yield from (Finding("MIA029", message, place, hint=hint) for message, hint in told)
                continue
            if path.stem != joined and (earlier := read_before.setdefault(path.stem, path)) is not path:
                message = f"this file is not read: {relative(earlier)} is about the same, and an earlier folder goes first"
                yield Finding("MIA028", message, place, hint=f"measure an entry of your own with another id than {path.stem}")
                continue
            fingerprints = fingerprints or Fingerprints(catalog, digest)
            yield from (Finding("MIA028", message, place, hint=hint) for message, hint in old(fingerprints, found, path))
