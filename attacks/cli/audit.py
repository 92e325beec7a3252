"""`mia audit`: a model of one's own, from an audit file to a report."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperCommand

from attacks.cli import interrupts
from attacks.cli.options import Catalogs, Json, TrustedCode, app, load_sound, output, print_json
from attacks.cli.settings import settings as named_settings
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from attacks.audit.file import Audit


class _Audit(TyperCommand):
    """Says of an option that is none where the audit file says the same."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from attacks.audit.file import AuditFile

            name = error.option_name.lstrip("-").replace("-", "_")
            key = next((key for key in (name, f"{name}s") if key in AuditFile.model_fields), None)
            if key is None:
                raise
            raise InputError(f"mia audit takes no {error.option_name}: it stands in the audit file, under `{key}`") from None


@app.command(cls=_Audit, epilog="Example: mia audit --init > audit.yaml, then: mia audit audit.yaml")
def audit(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The audit file (YAML).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report; default mia-audits/NAME[-MASK[-naive]].")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seeds shadow models, attacks and splits.", min=0)] = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes that train.", min=1)] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME.PARAM=VALUE of an attack, step, artifact or the file's mask.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and show what would be run and its price.")
    ] = False,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="Also write files for others: sacro or aisvs (repeatable).")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option("--threshold", metavar="FIGURE=VALUE", help="What --format judges by: tpr@0.01=0.05 or auc=0.55."),
    ] = None,
    init: Annotated[bool, typer.Option("--init", help="Print a commented audit file to begin with.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="MODEL_OR_TABLE", help="With --init: fill in what can be seen of this file.")
    ] = None,
    trust_code: TrustedCode = None,
    trust_pickle: Annotated[
        list[Path] | None,
        typer.Option("--trust-pickle", help="Read this pickle, TorchScript or .pt2, which can run code (repeatable)."),
    ] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Audit a model of your own: which attacks apply to it, how much they find, and what that is worth."""
    if init or source:
        from attacks.audit import starter

        if file is not None:
            raise InputError("`mia audit --init` takes no audit file: it prints one")
        print(starter.text(source), end="")
        return
    if file is None:
        raise InputError("name an audit file: mia audit FILE; `mia audit --init` writes a commented one to begin with")
    from attacks.audit import file as files
    from attacks.audit.report import checklist

    stated = files.read(file)
    mask = stated.stated.defense
    faced = [] if mask is None else [mask.id, *([] if mask.adaptive else ["naive"])]
    loaded = load_sound(catalog, [*stated.stated.attacks, *([mask.id] if mask else [])])
    wanted = Wanted(
        seed,
        workers,
        out or Path("mia-audits") / "-".join([stated.stated.name, *faced]),
        named_settings(loaded, settings or ()),
        dry_run,
        as_json,
        tuple(formats or ()),
        checklist.thresholds(threshold or ()),
    )
    with interrupts.working():
        data = _audit(loaded, stated, trust_code or [], trust_pickle or [], wanted)
    if data is not None and (not data["valid"] or data["failures"] or not any(one["results"] for one in data["threat_models"])):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Wanted:
    """How an audit is to be carried out and told."""

    seed: int
    workers: int
    folder: Path
    settings: dict[str, dict[str, str]]
    dry_run: bool
    as_json: bool
    formats: tuple[str, ...]
    thresholds: dict[str, float]


def _audit(catalog: Catalog, stated: Audit, folders: list[Path], pickles: list[Path], wanted: Wanted) -> dict[str, Any] | None:
    """Carry an audit out, and print what was found; return it, or None of a dry run."""
    from attacks.audit import reading, report, running
    from attacks.audit.reading import Trust
    from attacks.cli import audit_tables
    from attacks.cli.progress import Bars
    from attacks.engine.code import Code
    from attacks.engine.executors import executor

    report.check_formats(wanted.formats)
    if wanted.thresholds and not wanted.formats:
        raise InputError("--threshold says what --format judges by: add --format sacro or --format aisvs")
    code = Code(folders)  # which says what is no folder, whether the audit needs it or not
    for path in pickles:
        if not path.is_file():
            raise InputError(f"--trust-pickle {path}: no such file")
    parts = reading.parts(stated, Trust(folders, pickles))
    console = output(stderr=wanted.as_json)
    with (
        Bars(output(stderr=True)) as progress,
        executor(wanted.workers) as pool,
        running.prepared(
            catalog,
            parts,
            attacks=stated.stated.attacks,
            settings=wanted.settings,
            seed=wanted.seed,
            executor=pool,
            progress=progress,
            code=code,
            audit=stated,
        ) as ready,
    ):
        if wanted.dry_run:
            planned = running.planned(ready)
            print_json(planned) if wanted.as_json else audit_tables.planned(console, ready)
            if not planned["valid"]:
                raise typer.Exit(1)
            return None
        # First, so that nothing stands on standard output where the folder cannot be written.
        made = report.prepare(wanted.folder)
        if lost := report.replaced(wanted.folder):
            console.print(lost, style="yellow", markup=False)
        try:
            if not wanted.as_json:
                audit_tables.planned(console, ready)
            result = running.run(ready, shlex.join(["mia", *sys.argv[1:]]))
            result.report(wanted.folder, wanted.formats, wanted.thresholds)
        finally:
            report.sweep(made)
    data = {**result.data, "out": str(wanted.folder)}
    if wanted.as_json:
        print_json(data)
    else:
        audit_tables.found(console, result, wanted.folder)
    return data
