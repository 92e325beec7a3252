"""Commands that export the catalog for other programs: its graph, JSON Schemas, BibTeX."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attacks.cli import completions
from attacks.cli.options import Catalogs, Json, export_app, load, print_json
from taxonomy.answers import Atlas
from taxonomy.findings import InputError, unknown


class GraphFormat(StrEnum):
    """Formats of the graph."""

    json = "json"
    graphml = "graphml"


@export_app.command("graph", epilog="Example: mia export graph --format graphml > atlas.graphml")
def export_graph(
    form: Annotated[GraphFormat, typer.Option("--format")] = GraphFormat.json,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Print terms, rules and what can be granted as JSON, or the AND/OR graph as GraphML."""
    loaded = load(catalog)
    graph = Atlas(loaded).resolver.graph
    if as_json or form is GraphFormat.json:
        print_json(graph.export(loaded))
        return
    import networkx

    print("\n".join(networkx.generate_graphml(graph.networkx())))


@export_app.command("json-schema", epilog="Example: mia export json-schema attacks")
def export_json_schema(
    kind: Annotated[
        str | None, typer.Argument(help="attacks, steps, …; all kinds if not given.", autocompletion=completions.kinds)
    ] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Write one file a kind into this folder.")] = None,
    catalog: Catalogs = None,
) -> None:
    """Print the JSON Schemas of the catalog's files, with the terms that exist, for editors."""
    from taxonomy.schema import schemas

    found = schemas(load(catalog))
    if kind is not None and kind not in found:
        raise unknown("kind of entry", kind, found)
    if folder is None:
        print_json(found[kind] if kind else found)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in [kind] if kind else found:
            text = json.dumps(found[name], indent=1, sort_keys=True) + "\n"
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from error


@export_app.command("bibtex", epilog="Example: mia export bibtex shokri-2017")
def export_bibtex(
    entries: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="All cited works if none is named.", autocompletion=completions.entries),
    ] = None,
    catalog: Catalogs = None,
) -> None:
    """Print cited works as BibTeX."""
    from taxonomy.references import bibtex, works

    loaded = load(catalog)
    keys = {key for name in entries or () for key in loaded.entry(name).cites}
    print(bibtex(works(loaded), keys if entries else None))
