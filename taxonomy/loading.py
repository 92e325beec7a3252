"""Loads catalogs: from the files, or parsed from the cache if the content of no file has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxonomy import cache
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.entries import KINDS, model_of
from taxonomy.findings import CatalogError, Finding
from taxonomy.references import problems
from taxonomy.terms import Taxonomy

if TYPE_CHECKING:
    from taxonomy.yamlfile import Document


def load(extra: Sequence[Path] = ()) -> Catalog:
    """Load the installed catalogs and the folders `extra`; raise CatalogError with everything that is wrong.

    A catalog without errors is kept parsed, under a hash of the content of all its files.
    """
    folders = [*(source.folder for source in installed_sources()), *extra]
    key = cache.key(folders)
    if key is not None and (parts := cache.find(key)) is not None:
        try:
            return _from_parts(parts, folders)
        except cache.DAMAGED:
            cache.drop(key)
    catalog, findings = _read(folders)
    if any(finding.severity == "error" for finding in findings):
        raise CatalogError(findings)
    if key is not None:
        cache.keep(key, _to_parts(catalog))
    return catalog


def for_checks(folders: Sequence[Path]) -> tuple[Catalog, list[Finding]]:
    """Return the catalog in these folders with its documents, and what is wrong with its files.

    If nothing is, and no file has changed since, it is taken from the cache; a file is read only where something is said of it.
    """
    key = cache.key(folders)
    if key is not None and (parts := cache.find(key)) is not None:
        try:
            catalog = _from_parts(parts, list(folders))
            catalog.documents.update(_documents(folders))
            return catalog, []
        except cache.DAMAGED:
            cache.drop(key)
    catalog, findings = _read(folders)
    if key is not None and not findings:
        cache.keep(key, _to_parts(catalog))
    return catalog, findings


def _documents(folders: Sequence[Path]) -> Iterator[tuple[str, Document]]:
    """Yield the documents of a catalog in which nothing is wrong, by what they hold: ids are the names of files."""
    from taxonomy import yamlfile
    from taxonomy.files import Listing

    for folder in folders:
        listing = Listing(folder)
        if listing.taxonomy:
            document = yamlfile.read(Path(listing.taxonomy))
            yield f"taxonomy:{listing.taxonomy}", document
            yield from ((term["id"], document) for term in document.data["terms"])
        for paths in listing.kinds.values():
            yield from ((path.stem, yamlfile.Unread(path)) for path in map(Path, paths))


def load_sound(extra: Sequence[Path] = ()) -> tuple[Catalog, list[Finding]]:
    """Load the installed catalogs, and of the folders `extra` what is sound; return also what is wrong with the rest.

    An entry with an error is left out, and so is every other of these folders that names it, and a file of works with an error.
    Raises CatalogError for an error that is no single entry's: in an installed catalog, or in a taxonomy, on which all rests.
    """
    works = problems(extra)
    try:
        return load(extra), works
    except CatalogError:
        catalog, findings = _read([*(source.folder for source in installed_sources()), *extra])
    errors = [finding for finding in findings if finding.severity == "error"]
    from taxonomy.reader import left_out

    if not left_out(catalog, errors, [source.folder for source in installed_sources()]):
        raise CatalogError(errors)
    return catalog, [*errors, *works]


def _read(folders: Sequence[Path]) -> tuple[Catalog, list[Finding]]:
    # PyYAML is not needed where the cache answers, and takes as long to load as the query.
    from taxonomy.reader import read

    return read(folders)


TAXONOMY = "taxonomy"


def _to_parts(catalog: Catalog) -> dict[str, Any]:
    """Return a catalog as plain data, by kind."""
    taxonomy = Taxonomy(
        schema=1, terms=list(catalog.terms.values()), implications=catalog.implications, readings=catalog.readings
    )
    parts: dict[str, Any] = {TAXONOMY: taxonomy.model_dump(mode="json", by_alias=True)}
    for kind, entries in catalog.kinds.items():
        parts[kind] = [entry.model_dump(mode="json", by_alias=True, exclude_unset=True) for entry in entries.values()]
    return parts


def _from_parts(parts: cache.Parts, folders: list[Path]) -> Catalog:
    taxonomy = Taxonomy.model_validate(parts(TAXONOMY))
    terms = {term.id: term for term in taxonomy.terms}
    return Catalog(terms, taxonomy.implications, taxonomy.readings, _Kinds(parts, folders), folders=folders)


class _Kinds(Mapping[str, dict[str, Any]]):
    """Entries by kind, each kind read from the cache when it is first asked for."""

    def __init__(self, parts: cache.Parts, folders: list[Path]):
        self._parts = parts
        self._folders = folders
        self._read: dict[str, dict[str, Any]] = {}

    def __getitem__(self, kind: str) -> dict[str, Any]:
        if kind not in self._read:
            try:
                entries = [model_of(kind).model_validate(data) for data in self._parts(kind)]
            except cache.DAMAGED:
                # The cache was damaged or dropped meanwhile; the files are still there.
                self._read = {**_read(self._folders)[0].kinds}
            else:
                self._read[kind] = {entry.id: entry for entry in entries}
        return self._read[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)
