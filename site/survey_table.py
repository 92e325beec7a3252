"""Table 2 of the survey as a page shows it: every code with its meaning, and what differs marked in place."""

from __future__ import annotations

from dataclasses import dataclass

from taxonomy import tables
from taxonomy.catalog import Catalog
from taxonomy.survey import COLUMNS, HEADINGS

# What one letter says, by column; symbols such as M3 have the titles of their terms.
LETTERS = {
    ("AO", "B"): "black-box: the adversary sees answers only",
    ("AO", "W"): "white-box: the adversary sees the model itself",
    ("M", "N"): "nothing is known of the model",
    ("TD", "N"): "nothing is known of the training data",
    ("QA", "N"): "no queries",
    ("TMT", "D"): "discriminative: the model decides",
    ("TMT", "G"): "generative: the model makes records",
    ("TF", "S"): "stand-alone: one party trains",
    ("TF", "F"): "federated: several parties train together",
}


@dataclass(frozen=True)
class Cell:
    """One cell: its codes, each with what it says, and the survey's own cell where the paper's differs from it."""

    codes: tuple[tuple[str, str], ...]
    differs: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of the table: the attack, how the survey calls it, whose row it is, and its cells."""

    attack: str
    name: str
    who: str
    cells: tuple[Cell, ...]


def meaning(catalog: Catalog, column: str, code: str) -> str:
    """Return what a code says in a column."""
    return LETTERS.get((column, code)) or catalog.terms[code].title


def rows(catalog: Catalog) -> list[Row]:
    """Return for each attack the survey's row and below it the paper's."""
    found = []
    for printed, original in zip(tables.surveyed(catalog), tables.published(catalog), strict=True):
        paper = "paper, from memory" if original["source"] == "memory" else "paper"
        for who, row in (("survey", printed), (paper, original)):
            cells = tuple(
                Cell(
                    tuple((code, meaning(catalog, column, code)) for code in row[column].split(", ")),
                    printed[column] if row is original and original[column] != printed[column] else None,
                )
                for column in COLUMNS
            )
            found.append(Row(printed["attack"], printed["name"], who, cells))
    return found


def legend(catalog: Catalog) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return each column, what it is about, and its codes with what they say."""
    used: dict[str, dict[str, str]] = {column: {} for column in COLUMNS}
    for row in rows(catalog):
        for column, cell in zip(COLUMNS, row.cells, strict=True):
            used[column] |= dict(cell.codes)
    return [(column, HEADINGS[column], sorted(used[column].items())) for column in COLUMNS]
