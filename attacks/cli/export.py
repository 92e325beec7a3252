"""Commands that export the catalog for other programs, and for other knowledge bases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from attacks.cli import completions
from attacks.cli.options import Catalogs, Json, TrustedCode, export_app, load, output, print_json
from taxonomy.answers import Atlas
from taxonomy.findings import InputError, unknown

# So many of the files that were written are named.
NAMED = 3


class GraphFormat(StrEnum):
    """Formats of the graph."""

    json = "json"
    graphml = "graphml"


Citing = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="All cited works if none is named.", autocompletion=completions.entries),
]


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
    texts = {f"{name}.json": json.dumps(found[name], indent=1, sort_keys=True) for name in ([kind] if kind else found)}
    _write(folder, {name: f"{text}\n".encode() for name, text in texts.items()})


@export_app.command("bibtex", epilog="Example: mia export bibtex shokri-2017")
def export_bibtex(
    entries: Citing = None,
    catalog: Catalogs = None,
) -> None:
    """Print cited works as BibTeX."""
    from taxonomy.references import bibtex, works

    loaded = load(catalog)
    keys = {key for name in entries or () for key in loaded.entry(name).cites}
    print(bibtex(works(loaded), keys if entries else None))


@export_app.command("csl", epilog="Example: mia export csl shokri-2017 > works.json")
def export_csl(
    entries: Citing = None,
    catalog: Catalogs = None,
) -> None:
    """Print cited works as CSL-JSON, for reference managers."""
    from taxonomy import edition
    from taxonomy.exports import csl
    from taxonomy.references import works

    loaded = load(catalog)
    keys = {key for name in entries or () for key in loaded.entry(name).cites}
    print_json(csl.items(works(loaded), edition.of(loaded), keys if entries else None))


@export_app.command("stix", epilog="Example: mia export stix > atlas.stix.json")
def export_stix(catalog: Catalogs = None) -> None:
    """Print the catalog as a bundle of STIX 2.1: attack patterns, courses of action, what mitigates what, evidence as notes."""
    from taxonomy import edition
    from taxonomy.current import measured
    from taxonomy.exports import stix
    from taxonomy.references import works

    loaded = load(catalog)
    print_json(stix.bundle(loaded, works(loaded), edition.of(loaded), measured(loaded)[1]))


@export_app.command("navigator", epilog="Example: mia export navigator > layer.json")
def export_navigator(catalog: Catalogs = None) -> None:
    """Print a layer for the ATLAS Navigator: which techniques the attacks use, and the most that one of them found."""
    from taxonomy import edition
    from taxonomy.current import measured
    from taxonomy.exports import navigator

    loaded = load(catalog)
    print_json(navigator.layer(loaded, edition.of(loaded), measured(loaded)[1]))


@export_app.command("avid", epilog="Example: mia export avid digits-mlp --out reports")
def export_avid(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...", help="All that were measured if none is named.", autocompletion=completions.targets
        ),
    ] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Write one file a report into this folder.")] = None,
    catalog: Catalogs = None,
) -> None:
    """Print what was measured on each target as reports of the AI Vulnerability Database. Controls have none."""
    from taxonomy import edition
    from taxonomy.current import measured
    from taxonomy.exports import avid
    from taxonomy.references import works

    loaded = load(catalog)
    names = list(targets or avid.measured(loaded))
    reports = avid.reports(loaded, works(loaded), edition.of(loaded), measured(loaded)[1], names)
    if folder is None:
        print_json(reports)
        return
    _write(folder, {f"{name}.json": _json(report) for name, report in zip(names, reports, strict=True)})


@export_app.command("croissant", epilog="Example: mia export croissant digits-mlp --seeds 2 --out digits")
def export_croissant(
    target: Annotated[str, typer.Argument(help="The target whose members are listed.", autocompletion=completions.targets)],
    folder: Annotated[Path, typer.Option("--out", help="Folder for croissant.json and members.csv.")],
    seeds: Annotated[int, typer.Option("--seeds", help="How many seeds, from 0 on.", min=1)] = 1,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """Write which records of a target are members, as a data set in Croissant. The target is trained unless the store holds it.

    Records are named by hashes: the data stay where they are, under their own terms.
    """
    from taxonomy import edition, exports
    from taxonomy.exports import croissant
    from taxonomy.references import works

    loaded = load(catalog)
    entry = loaded.target(target)
    exports.library("mlcroissant", "Croissant")  # before anything is trained
    from attacks.engine.code import Code
    from attacks.engine.runner import Engine
    from attacks.evidence import member_splits

    engine = Engine(loaded, code=Code(trust_code or ()))
    members = member_splits.table((seed, engine.target(target, seed)) for seed in range(seeds))
    described = croissant.metadata(loaded, works(loaded), edition.of(loaded), entry, members, range(seeds))
    _write(folder, {croissant.MEMBERS_FILE: members, "croissant.json": _json(described)})


@export_app.command("atlas", epilog="Example: mia export atlas > contribution.json")
def export_atlas(catalog: Catalogs = None) -> None:
    """Print a draft of a contribution to MITRE ATLAS: what was measured of AML.T0024.000. Nothing is sent."""
    from taxonomy import edition
    from taxonomy.current import measured
    from taxonomy.exports import atlas
    from taxonomy.references import works

    loaded = load(catalog)
    print_json(atlas.contribution(loaded, works(loaded), edition.of(loaded), measured(loaded)[1]))


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made if need be; raise InputError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from error
    output(stderr=True).print(f"Written to {folder}: {', '.join(sorted(files)[:NAMED])}{', …' if len(files) > NAMED else ''}")
