"""The candidates of a target as a data set in Croissant 1.1 (https://docs.mlcommons.org/croissant/), with its RAI fields.

What is exported is who is a member, and not the records: these are others' data, under others' terms. A record is named by a hash
of its features, so that who has the data finds it. Made and checked by the library mlcroissant.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.edition import Edition
from taxonomy.entries import Target
from taxonomy.exports import identity, library
from taxonomy.findings import InputError
from taxonomy.knowledge import DataSet
from taxonomy.references import citation

MEMBERS_FILE = "members.csv"
SPLIT = "https://www.wikidata.org/wiki/Q3985153"
# What a column holds: name, type of Croissant, description.
COLUMNS = (
    ("seed", "INTEGER", "The seed by which the data were split and the target was trained."),
    ("record", "TEXT", "A hash of the record's features, 16 hexadecimal digits (attacks.seeds.record_ids)."),
    ("label", "TEXT", "The true class, or the true number; empty where a record has none, or many."),
    ("split", "TEXT", "`member` if the target of this seed was trained on the record, else `non-member`."),
)


def metadata(
    catalog: Catalog, works: Mapping[str, Any], edition: Edition, target: Target, members: bytes, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return the description of a target's candidates, of which `members` is the file.

    Raises InputError where mlcroissant is not installed, or refuses the description.
    """
    croissant = library("mlcroissant", "Croissant")
    known = datasets(catalog, target)
    day = datetime.datetime.fromisoformat(edition.date)
    cites = dict.fromkeys([*target.cites, *(key for one in known for key in one.cites)])
    context = croissant.Context(conforms_to="http://mlcommons.org/croissant/1.1")
    fields = [_field(croissant, context, *column) for column in COLUMNS]
    made = croissant.Metadata(
        ctx=context,
        name=f"mia-atlas-{target.id}",
        description=f"Members and non-members of {target.title} of the MIA Atlas. {target.summary} {_control(target)}".strip(),
        conforms_to=["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        cite_as="; ".join([str(edition), *(citation(works[key]) for key in cites if key in works)]),
        creators=[croissant.Organization(ctx=context, name="The MIA Atlas authors")],
        date_created=datetime.datetime.fromisoformat(edition.begun),
        date_modified=day,
        date_published=day,
        license=[f"{one.title}: {one.licence}" for one in known] or ["The terms of the data are not stated in the catalog."],
        url=f"urn:uuid:{identity('croissant', target.id)}",
        version=edition.version,
        keywords=["membership inference", *target.records, *(["simulated"] if simulated(catalog, target) else [])],
        distribution=[
            croissant.FileObject(
                ctx=context,
                id=MEMBERS_FILE,
                name=MEMBERS_FILE,
                description=f"Who is a member, for the seeds {', '.join(map(str, seeds))}.",
                content_url=MEMBERS_FILE,
                encoding_formats=["text/csv"],
                sha256=hashlib.sha256(members).hexdigest(),
            )
        ],
        record_sets=[
            croissant.RecordSet(
                ctx=context,
                id="candidates",
                name="candidates",
                description="The candidate records of each seed, in an order that tells nothing; other records are left out.",
                fields=fields,
            )
        ],
        data_collection=target.data,
        data_collection_type=["Synthetic data"] if simulated(catalog, target) else None,
        data_manipulation_protocol=(
            "The data are split by the seed into members, non-members and records that the adversary may hold; the last are not "
            "listed. Records that stand twice are dropped before."
        ),
        data_limitations=[
            "The records themselves are not here, only hashes of their features as the target takes them.",
            f"{edition}. Another version of the data, or other parameters of the target, split otherwise.",
        ],
        data_use_cases=["Testing and comparing membership inference attacks, and defenses against them."],
        personal_sensitive_information=[f"{one.title} holds: {one.holds} {one.obtain}" for one in known] or None,
        data_release_maintenance_plan="It is exported anew with each version of the catalog: mia export croissant.",
    )
    if made.issues.errors:
        raise InputError(f"mlcroissant refuses the description of {target.id}: {'; '.join(sorted(made.issues.errors))}")
    plain: dict[str, Any] = json.loads(json.dumps(made.to_json(), default=str))
    return plain


def datasets(catalog: Catalog, target: Target) -> list[DataSet]:
    """Return what the catalog knows of a target's data: the data sets that cite what it cites.

    Where several do, as works tell of several data sets, those that the target's text names.
    """
    entries: dict[str, DataSet] = catalog.kinds["datasets"]
    found = [entry for _, entry in sorted(entries.items()) if set(entry.cites) & set(target.cites)]
    if len(found) < 2:
        return found
    text = f"{target.title} {target.data}"
    return [one for one in found if any(re.search(rf"\b{re.escape(name)}(?![\w-])", text) for name in (one.title, *one.names))]


def simulated(catalog: Catalog, target: Target) -> bool:
    """Whether the records were made up by a program, as the catalog says of the target's data or of the data set."""
    return target.data.lower().startswith("simulated") or any(one.simulated for one in datasets(catalog, target))


def _control(target: Target) -> str:
    if not target.control:
        return ""
    return "It is a control: it was trained on none of its candidates, and `member` is what attacks must not be able to tell."


def _field(croissant: Any, context: Any, name: str, kind: str, description: str) -> Any:
    types = [getattr(croissant.DataType, kind), *([SPLIT] if name == "split" else [])]
    source = croissant.Source(ctx=context, file_object=MEMBERS_FILE, extract=croissant.Extract(ctx=context, column=name))
    return croissant.Field(
        ctx=context, id=f"candidates/{name}", name=f"candidates/{name}", description=description, data_types=types, source=source
    )
