"""What all commands share: the application, its options, and how wrong input is told."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from typer.core import TyperGroup

from attacks.cli import completions, interrupts, terminal
from taxonomy import loading
from taxonomy.catalog import Catalog
from taxonomy.entries import Guarantee, Limits, ReadyThreatModel
from taxonomy.findings import InputError, unknown
from taxonomy.threat import ThreatModel, from_user

if TYPE_CHECKING:
    from rich.console import Console

# Idle OpenMP threads of torch spin by default, which steals the core from whatever else runs: training beside one busy process
# was measured to take up to three times as long. Both must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


# Typer escapes brackets for rich wherever rich is installed, also where its markup is off as it is here.
typer.core.HAS_RICH = False


class _Group(TyperGroup):
    """Turns wrong input into one message and exit code 2, and an interrupt into a sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"mia: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as error:
            print(interrupts.TOLD, file=sys.stderr)
            raise typer.Exit(error.code if isinstance(error, interrupts.Interrupted) else 130) from None


app = typer.Typer(
    name="mia",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Membership inference attacks: which ones does a threat model make feasible, why, and how much do they find out?",
    epilog="Start with: mia feasible --threat-model prediction-api-scores",
)
store_app = typer.Typer(no_args_is_help=True, help="Finished work: where it lies, what it is, and dropping it.")
export_app = typer.Typer(no_args_is_help=True, help="The catalog in formats of others.")
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
AttackArgument = Annotated[
    str, typer.Argument(metavar="ATTACK", help="Its id, or a name by which people call it.", autocompletion=completions.attacks)
]
AttackArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ATTACK]...", help="Ids, or names by which people call them.", autocompletion=completions.attacks),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Catalogs = Annotated[list[Path] | None, typer.Option("--catalog", help="A folder with more entries (repeatable).")]
ThreatModelOption = Annotated[
    str | None,
    typer.Option(
        "--threat-model",
        help="A file, or the id of a ready threat model.",
        autocompletion=completions.threat_models,
    ),
]
ObservationOption = Annotated[
    str | None, typer.Option("--observation", help="black-box or white-box.", autocompletion=completions.observations)
]
KnowsOption = Annotated[
    list[str] | None,
    typer.Option("--knows", help="A term that the adversary is granted (repeatable).", autocompletion=completions.grantable),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="discriminative, generative or aggregate.", autocompletion=completions.model_types)
]
FrameOption = Annotated[str | None, typer.Option("--frame", help="stand-alone or federated.", autocompletion=completions.frames)]
AnswersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--answers", help="What the model answers, e.g. answers-pixels (repeatable).", autocompletion=completions.answered
    ),
]
RecordsOption = Annotated[
    list[str] | None,
    typer.Option("--records", help="What a record is, e.g. picture (repeatable).", autocompletion=completions.records),
]
NotDifferentiableOption = Annotated[
    bool, typer.Option("--not-differentiable", help="The model has no gradients: trees, forests, neighbours.")
]
GoalOption = Annotated[
    str | None,
    typer.Option("--goal", help="Only attacks with this goal, e.g. membership.", autocompletion=completions.goals),
]
QueriesOption = Annotated[
    int | None, typer.Option("--queries", help="At most so many calls to a service for each attack; a copy at home is free.")
]
ModelsOption = Annotated[int | None, typer.Option("--models", help="At most so many models for each attack.")]
RowsOption = Annotated[
    int | None, typer.Option("--rows", help="What was published, such as a synthetic table, has so many rows and no more.")
]
GuaranteeOption = Annotated[
    str | None,
    typer.Option(
        "--guarantee",
        metavar="EPSILON[,DELTA[,record|sequence|user]]",
        help="The target was trained with this differential privacy, for whose data.",
    ),
]


def print_json(data: Any) -> None:
    """Print plain data as JSON on stdout."""
    print(json.dumps(data, indent=2, ensure_ascii=not terminal.knows_utf8(sys.stdout)))


def output(*, stderr: bool = False) -> Console:
    """Return the console for people; rich is loaded only where there is something to show."""
    from attacks.cli import tables

    return tables.console(stderr=stderr)


def load(extra: list[Path] | None) -> Catalog:
    """Return the installed catalogs with the folders that the user named."""
    return loading.load(extra or ())


def attack_ids(catalog: Catalog, names: Sequence[str] | None) -> list[str]:
    """Return the ids of the attacks that a user named, each once; raise InputError for a name that nothing bears."""
    return list(dict.fromkeys(catalog.attack(name).id for name in names or ()))


def threat_model_of(
    catalog: Catalog,
    name: str | None,
    observation: str | None,
    knows: Sequence[str] | None,
    model: str | None,
    frame: str | None,
    queries: int | None,
    models: int | None,
    answers: Sequence[str] | None = None,
    records: Sequence[str] | None = None,
    not_differentiable: bool = False,
    rows: int | None = None,
    guarantee: str | None = None,
) -> ThreatModel:
    """Return the threat model of a command: a ready one or a file, with what the flags add."""
    stated, answered, kinds = set(knows or ()), set(answers or ()), set(records or ())
    bound = None if guarantee is None else _guarantee(guarantee)
    if name is not None:
        ready = ready_model(catalog, name)
        observation, model, frame = observation or ready.observation, model or ready.model, frame or ready.frame
        stated |= set(ready.knows)
        answered, kinds = answered or set(ready.answers), kinds or set(ready.records)
        not_differentiable = not_differentiable or not ready.differentiable
        queries = ready.limits.queries if queries is None else queries
        models = ready.limits.models if models is None else models
        rows = ready.limits.rows if rows is None else rows
        bound = bound or ready.guarantee
    return from_user(
        catalog,
        observation=observation,
        model=model,
        frame=frame,
        knows=stated,
        queries=queries,
        models=models,
        rows=rows,
        guarantee=bound,
        answers=answered,
        records=kinds,
        differentiable=not not_differentiable,
    )


def limits_of(queries: int | None, models: int | None, rows: int | None) -> Limits:
    """Return the limits that a user typed; raise InputError if one is below 0."""
    for name, limit in (("queries", queries), ("models", models), ("rows", rows)):
        if limit is not None and limit < 0:
            raise InputError(f"the limit --{name} must be at least 0 (found {limit})")
    return Limits(queries=queries, models=models, rows=rows)


def _guarantee(text: str) -> Guarantee:
    """Return a guarantee as it is typed: epsilon, delta (0 if it is not stated) and whose data (a record's)."""
    epsilon, delta, protects, *more = [*(part.strip() for part in text.split(",")), *[""] * (2 - text.count(","))]
    try:
        numbers = {"epsilon": float(epsilon), "delta": float(delta or 0)}
        if more or not all(math.isfinite(number) for number in numbers.values()):
            raise ValueError
        return Guarantee.model_validate({**numbers, "protects": protects or "record"})
    except ValueError as error:
        raise InputError(
            f"--guarantee {text!r}: expected EPSILON[,DELTA[,WHOSE]] with epsilon at least 0, delta from 0 to 1, and record, "
            "sequence or user, e.g. 8,1e-5,record"
        ) from error


def ready_model(catalog: Catalog, name: str) -> ReadyThreatModel:
    """Return a ready threat model by its id, or from a file of the same form."""
    if name in catalog.threat_models:
        return catalog.threat_models[name]
    from taxonomy.findings import CatalogError, some
    from taxonomy.reader import unknown_terms, validate
    from taxonomy.yamlfile import read

    if not os.path.lexists(name):
        if name.endswith((".yaml", ".yml")) or os.sep in name:
            raise InputError(f"{name}: no such file")
        raise unknown("threat model", name, catalog.threat_models)
    document = read(Path(name))
    ready = validate(ReadyThreatModel, document)
    findings = document.findings if ready is None else list(some(unknown_terms(catalog, ready, document)))
    if ready is None or findings:
        raise CatalogError(findings)
    return ready
