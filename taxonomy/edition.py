"""Which edition of the catalog this is: its version, and the days of its data. What is exported or shown bears them.

Nothing here looks at the clock: the same catalog gives the same bytes on any day.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from taxonomy import evidence_files
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.files import UnreadableError, content
from taxonomy.findings import CatalogError, InputError, relative
from taxonomy.terms import Strict

FILE = "edition.yaml"
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
_CONFIRMED = re.compile(r'"date": "(\d{4}-\d{2}-\d{2})"')


class Edition(Strict):
    """The version of the catalog, the day on which it was begun, and the day of its data, as YYYY-MM-DD."""

    schema_: Literal[1] = Field(alias="schema")
    version: str
    begun: Day
    date: Day

    def __str__(self) -> str:
        return f"MIA Atlas {self.version}, catalog of {self.date}"

    @property
    def created(self) -> str:
        """The day on which the catalog was begun, as a time."""
        return f"{self.begun}T00:00:00Z"

    @property
    def modified(self) -> str:
        """The day of its data, as a time."""
        return f"{self.date}T00:00:00Z"


def stated() -> Edition:
    """Return what the file says; raise CatalogError with what is wrong with it."""
    return _read(installed_sources()[0].folder / FILE)


def of(catalog: Catalog) -> Edition:
    """Return the edition of a catalog: that of the file, or of a later day on which some of its evidence was confirmed."""
    edition = stated()
    days = [edition.date]
    for folder in catalog.folders:
        for path in sorted((folder / evidence_files.FOLDER).rglob("*.json")):
            try:
                days += _CONFIRMED.findall(content(path).decode("utf-8"))
            except (UnreadableError, UnicodeDecodeError) as error:
                raise InputError(f"{relative(path)} cannot be read: {error}") from error
    return edition.model_copy(update={"date": max(days)})


@functools.cache
def _read(path: Path) -> Edition:
    # PyYAML is not needed where the catalog comes from the cache.
    from taxonomy import yamlfile
    from taxonomy.reader import validate

    document = yamlfile.read(path)
    edition = validate(Edition, document)
    if edition is None:
        raise CatalogError(document.findings)
    return edition
