"""Cited works: references.bib of every catalog, parsed by pybtex."""

from __future__ import annotations

import codecs
import functools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.files import UnreadableError, content
from taxonomy.findings import Finding, relative

FILE = "references.bib"
_ABBREVIATION = re.compile(r"@\s*string\b", re.IGNORECASE)


def works(catalog: Catalog) -> dict[str, Any]:
    """Return every cited work by its key, as pybtex's entries; those of a file that cannot be parsed are left out."""
    found: dict[str, Any] = {}
    for folder in catalog.folders:
        read = _read(folder)
        if not isinstance(read, Finding):
            found.update(read)
    return found


def problems(folders: Iterable[Path]) -> list[Finding]:
    """Return what is wrong with the works of these folders: one finding for each file that cannot be parsed."""
    return [found for found in map(_read, folders) if isinstance(found, Finding)]


def _read(folder: Path) -> Mapping[str, Any] | Finding:
    """Return the works of a folder, or why its file cannot be parsed."""
    path = folder / FILE
    if not os.path.lexists(path):
        return {}
    from pybtex.exceptions import PybtexError

    try:
        text = content(path).decode("utf-8-sig")
        if _ABBREVIATION.search(text):
            raise UnreadableError("it defines abbreviations (@string), which can grow without end; write them out")
        return _parsed(text)
    except (UnreadableError, UnicodeDecodeError) as error:
        return Finding("MIA001", f"the file cannot be read: {error}", relative(path))
    except PybtexError as error:
        return Finding("MIA014", str(error), relative(path), getattr(error, "lineno", None) or 1)


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> Mapping[str, Any]:
    """Return the works of a file; parsing takes longer than all else that is asked of them."""
    from pybtex.database import parse_string

    works: Mapping[str, Any] = parse_string(text, "bibtex").entries
    return works


def keys(catalog: Catalog) -> set[str]:
    """Return the keys of all cited works."""
    return set(works(catalog))


def citation(work: Any) -> str:
    """Return a work as one line of plain text: authors, title, venue, year, and where to find it."""
    people = [plain(" ".join([*p.prelast_names, *p.last_names])) for p in work.persons.get("author", [])]
    if len(people) > 3:
        people = [f"{people[0]} et al."]
    fields = {name: plain(str(value)) for name, value in work.fields.items()}
    venue = next((fields[k] for k in ("booktitle", "journal", "howpublished", "publisher") if k in fields), "")
    link = next(
        (prefix + work.fields[key] for key, prefix in (("doi", "doi:"), ("eprint", "arXiv:"), ("url", "")) if key in work.fields),
        "",
    )
    parts = [", ".join(people).removesuffix("."), fields.get("title", ""), venue, fields.get("year", ""), link]
    return ". ".join(part for part in parts if part)


def reached(work: Any) -> str | None:
    """Return the address at which a work is to be found, or None where the catalog does not know it."""
    for key, prefix in (("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/"), ("url", "")):
        if key in work.fields:
            return f"{prefix}{work.fields[key]}"
    return None


def plain(text: str) -> str:
    """Return a field of BibTeX as plain text: accents as letters, no braces, real dashes."""
    import latexcodec  # noqa: F401 -- it is what knows how to decode `ulatex`

    decoded: str = codecs.decode(text, "ulatex")  # type: ignore[call-overload]
    return decoded.replace("{", "").replace("}", "").replace("--", "–").replace("``", "“").replace("''", "”")


def bibtex(found: Mapping[str, Any], wanted: set[str] | None = None) -> str:
    """Return works as BibTeX, sorted by key; all of them if none is named."""
    from pybtex.database import BibliographyData
    from pybtex.database.output.bibtex import Writer

    chosen = {key: found[key] for key in sorted(found) if wanted is None or key in wanted}
    text: str = Writer().to_string(BibliographyData(entries=chosen))
    return text.rstrip()
