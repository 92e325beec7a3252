"""What all commands share: the application, its options, and how wrong input is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
import typer.core
from typer.core import TyperGroup

from attacks.cli import completions, interrupts, terminal
from taxonomy import loading
from taxonomy.catalog import Catalog
from taxonomy.findings import CatalogError, InputError
from taxonomy.names import called

if TYPE_CHECKING:
    from rich.console import Console

# Idle OpenMP threads of torch spin by default, which steals the core from whatever else runs: training beside one busy process
# was measured to take up to three times as long. Both must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


# Typer escapes brackets for rich wherever rich is installed, also where its markup is off as it is here.
typer.core.HAS_RICH = False


class _Group(TyperGroup):
    """Turns wrong input into one message and exit code 2, and an interrupt into a sentence.

    An option that takes one value and is given twice is wrong: the last one would win without a word.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        found = super().resolve_command(ctx, args)
        command, rest = found[1], found[2]
        if command is not None and not ctx.resilient_parsing:
            _once(command, ctx, rest)
        return found

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"mia: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as error:
            print(interrupts.TOLD, file=sys.stderr)
            raise typer.Exit(error.code if isinstance(error, interrupts.Interrupted) else 130) from None


def _once(command: Any, ctx: Any, args: list[str]) -> None:
    """Raise InputError if one of a command's options that take one value, or say yes or no, is given twice."""
    try:
        given = command.make_parser(click.Context(command, parent=ctx)).parse_args(list(args))[2]
    except click.UsageError:  # the command itself says what is wrong with it
        return
    for option in given:
        twice = given.count(option) > 1 and isinstance(option, click.Option) and not option.multiple
        if twice and (not option.is_flag or option.secondary_opts):
            raise InputError(f"{' / '.join([*option.opts, *option.secondary_opts])} is given more than once")


app = typer.Typer(
    name="mia",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Membership inference attacks: which ones does a threat model make feasible, why, and how much do they find out?",
    epilog="Start with: mia feasible --threat-model prediction-api-scores",
)
store_app = typer.Typer(cls=_Group, no_args_is_help=True, help="Finished work: where it lies, what it is, and dropping it.")
export_app = typer.Typer(cls=_Group, no_args_is_help=True, help="The catalog in formats of others.")
app.add_typer(store_app, name="store")
app.add_typer(export_app, name="export")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mia-atlas {version('mia-atlas')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the command itself."""


TrustedCode = Annotated[list[Path] | None, typer.Option("--trust-code", help="Run code of this folder too (repeatable).")]
Workers = Annotated[int, typer.Option("--workers", help="Processes that train.", min=1)]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", metavar="ADDRESS", help="Do the work on an existing Dask cluster: its scheduler, e.g. tcp://127.0.0.1:8786."
    ),
]
AttackArgument = Annotated[
    str, typer.Argument(metavar="ATTACK", help="Its id, or a name by which people call it.", autocompletion=completions.attacks)
]
AttackArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ATTACK]...", help="Ids, or names by which people call them.", autocompletion=completions.attacks),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Catalogs = Annotated[list[Path] | None, typer.Option("--catalog", help="A folder with more entries (repeatable).")]
GoalOption = Annotated[
    str | None,
    typer.Option("--goal", help="Only attacks with this goal, e.g. membership.", autocompletion=completions.goals),
]


def print_json(data: Any) -> None:
    """Print plain data as JSON on stdout."""
    results = terminal.results()
    print(json.dumps(data, indent=2, ensure_ascii=not terminal.knows_utf8(results)), file=results)


def output(*, stderr: bool = False) -> Console:
    """Return the console for people; rich is loaded only where there is something to show."""
    from attacks.cli import tables

    return tables.console(stderr=stderr)


def load(extra: list[Path] | None) -> Catalog:
    """Return the installed catalogs with the folders that the user named."""
    return loading.load(extra or ())


def load_sound(extra: list[Path] | None, names: Sequence[str] = ()) -> Catalog:
    """Return the installed catalogs with what is sound in the folders that the user named; what is wrong there is reported.

    Raises CatalogError if one of the attacks, targets or defenses `names` is not to be found, and may be among what is wrong.
    """
    catalog, errors = loading.load_sound(extra or ())
    if errors:
        known = {*catalog.attacks, *catalog.targets, *catalog.defenses}
        if any(name not in known and called(catalog.attacks.values(), name) is None for name in names):
            raise CatalogError(errors)
        for finding in errors:
            print(finding, file=sys.stderr)
        print("What these files say is left out.", file=sys.stderr)
    return catalog


def attack_ids(catalog: Catalog, names: Sequence[str] | None) -> list[str]:
    """Return the ids of the attacks that a user named, each once; raise InputError for a name that nothing bears."""
    return list(dict.fromkeys(catalog.attack(name).id for name in names or ()))
