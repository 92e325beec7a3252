"""Writes everything about an audit or a run into its folder: all of it or nothing, `results.json` last."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit.report import naming, pictures, runs
from attacks.engine import drafts
from attacks.engine.commit import commit
from attacks.metrics import Scores, Truth, roc
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError, printable, relative
from taxonomy.folders import REPORT

if TYPE_CHECKING:
    from attacks.engine.outcome import Outcome

FORMATS = ("sacro", "aisvs")


def prepare(folder: Path) -> list[Path]:
    """Make the folder of a run; raise InputError before any work is done if it cannot be written.

    Returns the folders that were not there before, the innermost first, for `sweep`.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drafts.sweep(folder)
        probe = folder / drafts.name()
        probe.touch()
        probe.unlink()
        return made
    except OSError as error:
        why = "a file of that name is there" if folder.is_file() else error.strerror
        raise InputError(f"the folder {folder} cannot be written ({why}); name another with --out") from error


def replaced(folder: Path, by: str | None = None) -> str | None:
    """Return in a sentence which report stands in a folder, and will be written over; None where there is none.

    That of the same command `by` is none that is lost: it comes out as it was.
    """
    if not any((folder / name).exists() for name in REPORT):
        return None
    try:
        data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        made = datetime.datetime.fromisoformat(data["date"]).astimezone(datetime.UTC)
        if data["command"] == by:
            return None
        before = printable(f"the report of {made:%Y-%m-%d %H:%M} UTC ({data['command']})")
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        before = "another report"
    return f"{relative(folder)} holds {before}, which will be replaced; --out DIR keeps both."


def sweep(made: Sequence[Path]) -> None:
    """Take away the folders that were made for a run and hold nothing, since the run came to nothing."""
    with contextlib.suppress(OSError):  # it holds something
        for folder in made:
            folder.rmdir()


def write_run(outcome: Outcome, folder: Path, command: str, catalog: Catalog) -> dict[str, Any]:
    """Write everything about a run of a target of ours; return what stands in results.json."""
    data = {**outcome.as_json(str(folder)), "command": command, **stamp()}
    data["versions"] = {**data["versions"], **data["environment"]}
    shown = {title: found.double().numpy() for title, found in (outcome.exhibits() if outcome.exhibits else {}).items()}
    write(data, outcome.scores, outcome.member, folder, ids=None, exhibits=shown, catalog=catalog)
    return data


def stamp() -> dict[str, Any]:
    """Return what says when a report was made and with what code: `date` (UTC), `commit`, `versions`."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"date": now, "commit": commit(), "versions": {"mia-atlas": importlib.metadata.version("mia-atlas")}}


def check_formats(formats: Sequence[str]) -> None:
    """Raise InputError for a format that nothing is written in."""
    if unknown := sorted(set(formats) - {*FORMATS}):
        raise InputError(f"the format {unknown[0]!r} is unknown; there are {', '.join(FORMATS)}")


def write(
    data: dict[str, Any],
    scores: Mapping[str, Scores],
    member: Truth,
    folder: Path,
    *,
    ids: Sequence[str] | None,
    exhibits: Mapping[str, NDArray[np.float64]],
    catalog: Catalog,
    content: NDArray[np.uint64] | None = None,
    formats: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """Write everything about an audit, or a run, into a folder that is there: all of it or nothing.

    `scores` are float64 (n,) by attack, or by THREAT-MODEL/ATTACK where there are several threat models; `member` is bool (n,)
    and `ids` names the records in the same order; `content` is a hash of each, uint64 (n,), where ids are
    numbers of rows. `exhibits` are grey pictures float64 (k, height, width) by title, 0 black. `formats` adds files for others:
    `sacro` and `aisvs`; what is met is judged by `thresholds` (`checklist.thresholds`) alone.
    Raises InputError if the folder cannot be written or a format is unknown.
    """
    from attacks.audit.report import checklist, page, sacro

    check_formats(formats)
    audit = runs.as_audit(data, catalog)
    drawn = _pictures(audit, scores, member, folder)
    shown = pictures.exhibits(exhibits)
    judged = checklist.judge(audit, thresholds or {}) if formats else []
    files = {
        **drawn,
        **{exhibit.file: exhibit.png for exhibit in shown},
        "report.html": page.html(audit, scores, member, catalog=catalog, ids=ids, drawn=drawn, exhibits=shown).encode(),
        **(sacro.files(audit, scores, member, judged) if "sacro" in formats else {}),
        **(checklist.files(audit, judged) if "aisvs" in formats else {}),
        "scores.npz": _archive(scores, member, ids, content),
        "results.json": (json.dumps(data, indent=2, sort_keys=True) + "\n").encode(),
    }
    drafts.replace({folder / name: content for name, content in files.items()})


def _archive(scores: Mapping[str, Scores], member: Truth, ids: Sequence[str] | None, content: NDArray[np.uint64] | None) -> bytes:
    """Return scores.npz: an array an attack, `member`, and what names the records: `id` and `content`, where there are such."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**scores, "member": member, **({} if ids is None else {"id": np.array(ids, dtype=np.str_)})}
    if content is not None:
        arrays["content"] = content
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _pictures(audit: dict[str, Any], scores: Mapping[str, Scores], member: Truth, folder: Path) -> dict[str, bytes]:
    """Return the picture of the ROCs of each threat model by file name, as it lies there if it would be the same."""
    found = dict[str, bytes]()
    for threat in audit["threat_models"]:
        ranked = [result for result in threat["results"] if "auc" in result]
        if not ranked:
            continue
        name, seed = naming.picture_of(audit, threat), audit["seed"]
        curves = pictures.Curves(
            f"{audit['name']}: {int(member.sum()):,} members, {int((~member).sum()):,} non-members, seed {seed}",
            {result["attack"]: roc(scores[naming.score_of(audit, threat, result)], member) for result in ranked},
            {result["attack"]: result["auc"] for result in ranked},
        )
        found[name] = pictures.kept(folder / name, curves) or pictures.roc(curves)
    return found
