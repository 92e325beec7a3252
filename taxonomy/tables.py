"""Table 2 of the survey in the formats of others: as surveyed, as published, and where the two differ."""

from __future__ import annotations

import csv
import io
import json

from taxonomy.catalog import Catalog
from taxonomy.survey import COLUMNS, cells, differences, published_setting, surveyed_rows
from taxonomy.threat import ThreatModel

Rows = list[dict[str, str]]


def surveyed(catalog: Catalog) -> Rows:
    """Return the rows as the survey prints them."""
    return [
        {"attack": row.attack, "name": row.name, **dict(zip(COLUMNS, row.cells, strict=True))} for row in surveyed_rows(catalog)
    ]


def published(catalog: Catalog) -> Rows:
    """Return the same rows from the settings of the original papers."""
    rows = []
    for row in surveyed_rows(catalog):
        setting = published_setting(catalog.attacks[row.attack])
        assert setting is not None, "the loader refuses a row without its setting"
        found = dict(zip(COLUMNS, cells(ThreatModel.of(setting)), strict=True))
        rows.append({"attack": row.attack, "name": row.name, **found, "source": setting.source})
    return rows


def differing(catalog: Catalog) -> Rows:
    """Return the cells in which the survey and the paper differ, with the reason."""
    rows = []
    for printed, original in zip(surveyed(catalog), published(catalog), strict=True):
        attack = catalog.attacks[printed["attack"]]
        for column in differences(attack):
            rows.append(
                {
                    "attack": attack.id,
                    "name": printed["name"],
                    "column": column,
                    "survey": printed[column],
                    "paper": original[column],
                    "because": attack.differs or "",
                }
            )
    return rows


def render(rows: Rows, form: str) -> str:
    """Return rows as Markdown (md), csv, json or latex."""
    if form == "json":
        return json.dumps({"rows": rows}, indent=2, ensure_ascii=False)
    columns = list(rows[0]) if rows else []
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue().rstrip("\n")
    if form == "latex":
        body = [" & ".join(_latex(row[c]) for c in columns) + r" \\" for row in rows]
        head = " & ".join(_latex(c) for c in columns) + r" \\ \hline"
        return "\n".join([rf"\begin{{tabular}}{{{'l' * len(columns)}}}", head, *body, r"\end{tabular}"])
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(row[c].replace("|", r"\|") for c in columns) + " |" for row in rows]
    return "\n".join(lines) if rows else "Nothing differs."


def _latex(text: str) -> str:
    special = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
    plain = text.replace("\\", r"\textbackslash ")
    return "".join(special.get(c, c) for c in plain) if "\\" not in text else plain
