"""Cited works as CSL-JSON, which reference managers and citation processors read.

https://docs.citationstyles.org; the keys are those of its schema `csl-data.json`, version 1.0.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taxonomy.edition import Edition
from taxonomy.references import plain

TYPES = {
    "article": "article-journal",
    "book": "book",
    "incollection": "chapter",
    "inproceedings": "paper-conference",
    "misc": "document",
    "techreport": "report",
}
# Fields of BibTeX, and what CSL calls them.
FIELDS = {
    "title": "title",
    "booktitle": "container-title",
    "journal": "container-title",
    "howpublished": "publisher",
    "publisher": "publisher",
    "institution": "publisher",
    "series": "collection-title",
    "volume": "volume",
    "number": "issue",
    "edition": "edition",
    "doi": "DOI",
    "url": "URL",
}
REPORT = {"number": "number"}


def items(works: Mapping[str, Any], edition: Edition, wanted: set[str] | None = None) -> list[dict[str, Any]]:
    """Return works as items of CSL, sorted by key; all of them if none is named."""
    return [_item(key, works[key], edition) for key in sorted(works) if wanted is None or key in wanted]


def _item(key: str, work: Any, edition: Edition) -> dict[str, Any]:
    fields = work.fields
    names = {**FIELDS, **(REPORT if work.type == "techreport" else {})}
    found: dict[str, Any] = {"id": key, "type": TYPES.get(work.type, "document")}
    for role in ("author", "editor"):
        if people := [_person(one) for one in work.persons.get(role, [])]:
            found[role] = people
    found |= {names[name]: plain(value) for name, value in fields.items() if name in names}
    if "pages" in fields:
        found["page"] = plain(fields["pages"]).replace("–", "-")
    if "eprint" in fields:
        found.setdefault("URL", f"https://arxiv.org/abs/{fields['eprint']}")
        if work.type == "misc":
            found["type"] = "article"
    if "year" in fields:
        found["issued"] = {"date-parts": [[int(fields["year"])]]}
    if "checked" in fields:
        found["note"] = plain(fields["checked"])
    return {**found, "source": str(edition)}


def _person(person: Any) -> dict[str, str]:
    whole = str(person)
    if (whole.startswith("{") and whole.endswith("}")) or whole == "others":
        return {"literal": plain(whole)}
    parts = {
        "family": [*person.last_names],
        "given": [*person.first_names, *person.middle_names],
        "non-dropping-particle": person.prelast_names,
        "suffix": person.lineage_names,
    }
    return {name: plain(" ".join(words)) for name, words in parts.items() if words}
