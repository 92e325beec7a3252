"""The command that checks entries, and tries attacks on small targets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attacks.cli import completions, interrupts
from attacks.cli.options import Catalogs, Json, TrustedCode, app, output, print_json
from taxonomy.catalog import Catalog
from taxonomy.findings import Finding, InputError

if TYPE_CHECKING:
    from attacks.engine.trial import Trial

# How many scores of a trial are shown.
SHOWN = 5


class CheckFormat(StrEnum):
    """Formats of findings."""

    text = "text"
    json = "json"
    sarif = "sarif"


@app.command(epilog="Example: mia check my-catalog --format sarif")
def check(
    folder: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...")] = None,
    form: Annotated[CheckFormat, typer.Option("--format")] = CheckFormat.text,
    attack: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            metavar="ATTACK",
            help="If there is no error, run this attack on a small version of the target that it names (repeatable).",
            autocompletion=completions.attacks,
        ),
    ] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """Validate the catalog, and folders with more entries. Without --try, no code of an attack is imported or run."""
    from taxonomy.check import check as validate
    from taxonomy.sarif import sarif

    for place in (*(folder or ()), *(catalog or ())):
        if not place.is_dir():
            raise InputError(f"{place}: {'a file, where a folder is expected' if place.exists() else 'no such folder'}")
    if as_json and form is CheckFormat.sarif:
        raise InputError("--json and --format sarif are two formats of the same findings: use one of them")
    loaded, findings = validate([*(folder or ()), *(catalog or ())], trust_code or ())
    errors = sum(finding.severity == "error" for finding in findings)
    running = sum(attack.run is not None for attack in loaded.attacks.values())
    tried = [] if errors else _tried(loaded, attack or (), trust_code or ())
    if as_json or form is CheckFormat.json:
        told = {"tried": [one.as_json() if not isinstance(one, dict) else one for one in tried]} if attack else {}
        counts: dict[str, Any] = {"errors": errors, "attacks": len(loaded.attacks), "running": running}
        print_json({"findings": [f.as_json() for f in findings], **counts, **told})
    elif form is CheckFormat.sarif:
        print_json(sarif(findings))
    else:
        own, ours = _sides(findings, [*(folder or ()), *(catalog or ())])
        for finding in own:
            print(finding)
        if ours:
            print(f"{len(ours)} more warnings are of installed catalogs; `mia check` alone lists them.")
        entries = ", ".join(f"{len(entries)} {kind}" for kind, entries in loaded.kinds.items() if entries)
        print(f"{entries}; {running} attacks run. {errors} errors, {len(findings) - errors} warnings.")
        for one in tried:
            _show(one)
    if errors or any(isinstance(one, dict) for one in tried):
        raise typer.Exit(1)


def _sides(findings: Sequence[Finding], folders: Sequence[Path]) -> tuple[list[Finding], list[Finding]]:
    """Return what somebody who checks folders of their own wants to read, and warnings about what is not theirs."""
    homes = [folder.resolve() for folder in folders]
    ours = [
        finding
        for finding in findings
        if homes and finding.severity == "warning" and not any(Path(finding.file).resolve().is_relative_to(h) for h in homes)
    ]
    return [finding for finding in findings if finding not in ours], ours


def _tried(catalog: Catalog, names: Sequence[str], trusted: Sequence[Path]) -> list[Trial | dict[str, str]]:
    """Return what the trials of some attacks gave, or for one that failed its id and the error."""
    chosen = [catalog.attack(name) for name in names]
    if not chosen:
        return []
    from attacks.engine import blame
    from attacks.engine.code import Code
    from attacks.engine.trial import try_attack

    code, found = Code(trusted), list[Any]()
    with interrupts.working():
        for attack in chosen:
            try:
                found.append(try_attack(catalog, attack, code))
            except InputError:
                raise
            except (Exception, SystemExit) as error:
                found.append({"attack": attack.id, "error": blame.told(error, code)})
    return found


def _show(tried: Trial | dict[str, str]) -> None:
    if isinstance(tried, dict):
        output().print(f"[red]{tried['attack']} failed[/]:", end=" ")
        print(tried["error"])
        return
    smaller = ", ".join(f"{name} {value}" for name, value in tried.smaller.items())
    of = f"a small {tried.target}" + (f" ({smaller})" if smaller else "")
    if tried.scores is None:
        print(f"{tried.attack} runs on {of}: {tried.seconds:.1f} s.")
        return
    first = ", ".join(f"{score:.4g}" for score in tried.scores[:SHOWN])
    print(f"{tried.attack} runs on {of}: {len(tried.scores)} scores, {first}, …; {tried.seconds:.1f} s.")
