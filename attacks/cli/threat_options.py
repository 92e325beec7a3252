"""The options that state a threat model: declared once here, for all commands that ask or run under one."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from attacks.cli import completions
from taxonomy.catalog import Catalog
from taxonomy.entries import Guarantee, Limits
from taxonomy.findings import InputError
from taxonomy.ready import ready
from taxonomy.threat import ThreatModel, from_user

ModelOption = Annotated[
    str | None, typer.Option("--model", help="discriminative, generative or aggregate.", autocompletion=completions.model_types)
]
QueriesOption = Annotated[
    int | None, typer.Option("--queries", help="At most so many calls to a service for each attack; a copy at home is free.")
]
ModelsOption = Annotated[int | None, typer.Option("--models", help="At most so many models for each attack.")]
RowsOption = Annotated[
    int | None, typer.Option("--rows", help="What was published, such as a synthetic table, has so many rows and no more.")
]
StageOption = Annotated[
    list[str] | None,
    typer.Option("--stage", help="Where the records went in, e.g. retrieval (repeatable).", autocompletion=completions.stages),
]
GranularityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--granularity", help="What a candidate is, e.g. about-user (repeatable).", autocompletion=completions.granularities
    ),
]
GuaranteeOption = Annotated[
    str | None,
    typer.Option(
        "--guarantee",
        metavar="EPSILON[,DELTA[,record|sequence|user]]",
        help="The target was trained with this differential privacy, for whose data.",
    ),
]


@dataclass(frozen=True)
class LimitOptions:
    """The options that limit an adversary, for commands that state nothing else of it."""

    queries: QueriesOption = None
    models: ModelsOption = None
    rows: RowsOption = None

    @property
    def limits(self) -> Limits:
        """The limits that a user typed; raises InputError if one is below 0."""
        for name, limit in (("queries", self.queries), ("models", self.models), ("rows", self.rows)):
            if limit is not None and limit < 0:
                raise InputError(f"the limit --{name} must be at least 0 (found {limit})")
        return Limits(queries=self.queries, models=self.models, rows=self.rows)


@dataclass(frozen=True)
class ThreatOptions:
    """The options that state a threat model, in the order in which `--help` lists them."""

    threat_model: Annotated[
        str | None,
        typer.Option(
            "--threat-model", help="A file, or the id of a ready threat model.", autocompletion=completions.threat_models
        ),
    ] = None
    observation: Annotated[
        str | None, typer.Option("--observation", help="black-box or white-box.", autocompletion=completions.observations)
    ] = None
    knows: Annotated[
        list[str] | None,
        typer.Option("--knows", help="A term that the adversary is granted (repeatable).", autocompletion=completions.grantable),
    ] = None
    model: ModelOption = None
    frame: Annotated[str | None, typer.Option("--frame", help="stand-alone or federated.", autocompletion=completions.frames)] = (
        None
    )
    queries: QueriesOption = None
    models: ModelsOption = None
    answers: Annotated[
        list[str] | None,
        typer.Option(
            "--answers", help="What the model answers, e.g. answers-pixels (repeatable).", autocompletion=completions.answered
        ),
    ] = None
    records: Annotated[
        list[str] | None,
        typer.Option("--records", help="What a record is, e.g. picture (repeatable).", autocompletion=completions.records),
    ] = None
    not_differentiable: Annotated[
        bool, typer.Option("--not-differentiable", help="The model has no gradients: trees, forests, neighbours.")
    ] = False
    stage: StageOption = None
    granularity: GranularityOption = None
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Answers were recorded: no question can depend on an earlier answer.")
    ] = False
    prior: Annotated[
        float | None,
        typer.Option("--prior", metavar="SHARE", help="So many of those who are accused or cleared are members, e.g. 0.01."),
    ] = None
    rows: RowsOption = None

    @property
    def limits(self) -> Limits:
        """The limits that a user typed; raises InputError if one is below 0."""
        return LimitOptions(self.queries, self.models, self.rows).limits

    @property
    def beside_limits(self) -> bool:
        """Whether something else than limits is stated."""
        named = (self.threat_model, self.observation, self.model, self.frame, self.prior)
        flags = (self.knows, self.answers, self.records, self.not_differentiable, self.stage, self.granularity, self.recorded)
        return any(value is not None for value in named) or any(flags)

    def model_in(self, catalog: Catalog, guarantee: str | None = None) -> ThreatModel:
        """Return the threat model: a ready one or a file, with what the flags add."""
        stated, answers, records = set(self.knows or ()), set(self.answers or ()), set(self.records or ())
        observation, model, frame = self.observation, self.model, self.frame
        queries, models, rows = self.queries, self.models, self.rows
        stage, granularity = set(self.stage or ()), set(self.granularity or ())
        differentiable, recorded, prior = not self.not_differentiable, self.recorded, self.prior
        bound = None if guarantee is None else _guarantee(guarantee)
        if self.threat_model is not None:
            found = ready(catalog, self.threat_model)
            observation, model, frame = observation or found.observation, model or found.model, frame or found.frame
            stated |= set(found.knows)
            answers, records = answers or set(found.answers), records or set(found.records)
            stage, granularity = stage or set(found.stage), granularity or set(found.granularity)
            differentiable, recorded = differentiable and found.differentiable, recorded or found.recorded
            prior = found.prior if prior is None else prior
            queries = found.limits.queries if queries is None else queries
            models = found.limits.models if models is None else models
            rows = found.limits.rows if rows is None else rows
            bound = bound or found.guarantee
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
            answers=answers,
            records=records,
            differentiable=differentiable,
            stage=stage,
            granularity=granularity,
            recorded=recorded,
            prior=prior,
        )


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose parameters that are a class of options here are replaced by that class's own options.

    The command is called with the class, filled in: `def harden(threat: ThreatOptions, …)` has `--threat-model`, `--knows` and
    all the others in the place of `threat`.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if hint in (LimitOptions, ThreatOptions)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _parameters(groups[parameter.name])
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        filled = {
            name: group(**{option.name: values.pop(option.name) for option in _parameters(group)})
            for name, group in groups.items()
        }
        command(**filled, **values)

    # Typer reads a command's options off its signature and its annotations.
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _parameters(group: type) -> list[inspect.Parameter]:
    """Return the options of a class as parameters of a command."""
    hints = get_type_hints(group, include_extras=True)
    return [parameter.replace(annotation=hints[parameter.name]) for parameter in inspect.signature(group).parameters.values()]


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
