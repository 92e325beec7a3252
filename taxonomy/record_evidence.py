"""What attacks said of each record of one target, at one seed: a file each in `evidence/records` of a catalog's folder. No torch.

Means over seeds stand with the attacks; these are the scores behind one of their seeds, for pictures and for readers. The scores
of an attack are stale when its fingerprint is no longer the one that the catalog and the code give today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from taxonomy import evidence_files, source
from taxonomy.catalog import Catalog
from taxonomy.entries import EntryId
from taxonomy.findings import Finding, nearest
from taxonomy.fingerprints import Fingerprints
from taxonomy.terms import Strict

KIND = "records"
FOLDER = f"{evidence_files.FOLDER}/{KIND}"


Probability = Annotated[float, Field(ge=0, le=1)]


class ScoredRecord(Strict):
    """One candidate: its picture, label and side, the probability of each class that the model answers, and a score an attack.

    `picture` has one character a pixel, row by row: its grey value as a digit to base 36, from 0, which is blank, upwards.
    """

    picture: str = Field(pattern=r"^[0-9a-z]+$")
    label: int = Field(ge=0)
    member: bool
    answer: list[Probability] = Field(min_length=2)
    scores: list[FiniteFloat] = Field(min_length=1)


class Scorer(Strict):
    """An attack that scored the records, and what names all that its scores rest on."""

    attack: EntryId
    fingerprint: str


class RecordEvidence(Strict):
    """The records of one target at one seed; `attacks` stand in the order of the scores."""

    schema_: Literal[1] = Field(alias="schema")
    target: EntryId
    seed: int = Field(ge=0)
    versions: dict[str, str]
    commit: str | None = None
    attacks: list[Scorer] = Field(min_length=1)
    records: list[ScoredRecord] = Field(min_length=2)


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the files of records with their scores, in every folder of the catalog."""
    return evidence_files.files(catalog, KIND)


def read(path: Path) -> RecordEvidence:
    """Return what a file says of a target's records; raise InputError with one sentence if it says nothing."""
    return evidence_files.read(RecordEvidence, path)


def find(catalog: Catalog, target: str) -> RecordEvidence | None:
    """Return what was measured of a target's records, or None; raise InputError if its file is damaged."""
    found = (path for path in files(catalog) if path.stem == target)
    return next((evidence_files.read_named(RecordEvidence, path) for path in found), None)


def stale(prints: Fingerprints, found: RecordEvidence) -> list[str]:
    """Return the attacks that have changed, or whose target has, since they scored these records."""
    catalog = prints.catalog
    target = catalog.target(found.target)
    return [one.attack for one in found.attacks if prints.of(catalog.attack(one.attack), target) != one.fingerprint]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with scored records: MIA029 where they are of nothing that exists, MIA028 where they are stale."""
    yield from evidence_files.check(catalog, packages, files(catalog), read, _unknown, _old)


def _unknown(catalog: Catalog, found: RecordEvidence, stem: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for every name that nothing bears, and where scores are missing."""
    if found.target != stem:
        yield f"the file is named after {stem}, but is about {found.target}", ""
    if found.target not in catalog.targets:
        yield f"unknown target {found.target!r}", nearest(found.target, catalog.targets)
    for one in found.attacks:
        if one.attack not in catalog.attacks:
            yield f"unknown attack {one.attack!r}", nearest(one.attack, catalog.attacks)
    wanted = len(found.attacks)
    odd = next((i for i, record in enumerate(found.records) if len(record.scores) != wanted), None)
    if odd is not None:
        yield f"record {odd} has {len(found.records[odd].scores)} scores, and {wanted} attacks are named", ""
    forms = {(len(record.picture), len(record.answer)) for record in found.records}
    if len(forms) > 1:
        yield "the records are not all of as many pixels and classes", ""
    if any(record.label >= len(record.answer) for record in found.records):
        yield "a record has the label of a class that is not answered", ""


def _old(prints: Fingerprints, found: RecordEvidence, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what of a file is stale, with a hint."""
    if old := stale(prints, found):
        message = f"what scored the records has changed since: {', '.join(old)}"
        yield message, "measure again with `python -m attacks.evidence.scored_records`"
