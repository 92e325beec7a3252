"""Cited works: references.bib of every catalog, parsed by pybtex."""

from __future__ import annotations

from typing import Any

from taxonomy.catalog import Catalog, Source, installed_sources
from taxonomy.findings import CatalogError, Finding, relative

FILE = "references.bib"


def works(catalog: Catalog) -> dict[str, Any]:
    """Return every cited work by its key, as pybtex's entries; raise CatalogError if a file cannot be parsed."""
    from pybtex.database import parse_file
    from pybtex.scanner import PybtexSyntaxError

    found: dict[str, Any] = {}
    for source in _sources(catalog):
        path = source.folder / FILE
        if not path.is_file():
            continue
        try:
            found.update(parse_file(str(path), bib_format="bibtex").entries)
        except PybtexSyntaxError as error:
            raise CatalogError([Finding("MIA014", str(error), relative(path), error.lineno or 1)]) from error
    return found


def _sources(catalog: Catalog) -> list[Source]:
    return list(dict.fromkeys([*installed_sources(), *catalog.sources.values()]))


def keys(catalog: Catalog) -> set[str]:
    """Return the keys of all cited works."""
    return set(works(catalog))


def citation(work: Any) -> str:
    """Return a work as one line of plain text: authors, title, venue, year, and where to find it."""
    people = [" ".join([*p.prelast_names, *p.last_names]) for p in work.persons.get("author", [])]
    if len(people) > 3:
        people = [people[0], "et al."]
    fields = {name: str(value).replace("{", "").replace("}", "") for name, value in work.fields.items()}
    venue = next((fields[k] for k in ("booktitle", "journal", "howpublished", "publisher") if k in fields), "")
    link = next(
        (prefix + fields[key] for key, prefix in (("doi", "doi:"), ("eprint", "arXiv:"), ("url", "")) if key in fields),
        "",
    )
    parts = [", ".join(people), fields.get("title", ""), venue, fields.get("year", ""), link]
    return ". ".join(part for part in parts if part)
