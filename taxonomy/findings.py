"""What can be wrong with a catalog: one code a kind of finding, each with its place and a hint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from taxonomy.nearness import meant

Severity = Literal["error", "warning"]

# So many findings of one sort are told, so that a file that is wrong throughout does not bury the screen.
MAX_FINDINGS = 100
MAX_SHOWN = 300
# Characters that steer a terminal, break a line or turn its direction, where text stands on one line.
# So many names are offered in the place of one that nothing bears.
FEW = 4
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

CODES: dict[str, tuple[Severity, str]] = {
    "MIA001": ("error", "the file cannot be read as UTF-8 text of at most 1 MiB"),
    "MIA002": ("error", "the text is not valid YAML"),
    "MIA003": ("error", "an alias or a tag stands in the file"),
    "MIA004": ("error", "a key stands twice in one mapping"),
    "MIA005": ("error", "a value reads differently under YAML 1.1 and YAML 1.2"),
    "MIA006": ("error", "a key is unknown"),
    "MIA007": ("error", "a required key is missing"),
    "MIA008": ("error", "a value has the wrong type or form"),
    "MIA009": ("error", "the id differs from the file's name"),
    "MIA010": ("error", "an id is taken"),
    "MIA011": ("error", "a folder of the catalog is missing or unknown"),
    "MIA012": ("error", "a term is unknown"),
    "MIA013": ("error", "an attack, step, target or clause is unknown"),
    "MIA014": ("error", "a cited work is not in references.bib"),
    "MIA015": ("error", "a `run` or `view` path names no function of an installed catalog's package"),
    "MIA016": (
        "error",
        "the positional arguments of the function differ from the handles of `needs`, or from what a defense takes",
    ),
    "MIA017": ("error", "the keyword-only arguments of the function differ from `params`"),
    "MIA018": ("error", "the attack is infeasible under a setting that its own paper published"),
    "MIA019": ("warning", "a stated term is not used by the method"),
    "MIA020": ("error", "the projection of the published setting differs from the survey's row, and nothing says why"),
    "MIA021": ("error", "no threat model reaches the step"),
    "MIA022": ("error", "an artifact is yielded by no step"),
    "MIA023": ("error", "a rule needs or yields a term that it may not"),
    "MIA024": ("error", "a setting or a threat model contradicts itself"),
    "MIA025": ("error", "the attack needs a term of one model type without stating that model type"),
    "MIA026": ("error", "a cost or a range names no parameter of the entry"),
    "MIA027": ("error", "`differs` stands where nothing differs"),
    "MIA028": (
        "warning",
        "evidence is stale: its code, entry or target has changed since it was measured, or a target was added",
    ),
    "MIA029": ("error", "evidence is malformed, or of an attack, target, ordering or factor that is unknown"),
    "MIA030": ("error", "an ordering compares what is the same, or what cannot be measured"),
    "MIA031": ("error", "more is wrong than is shown"),
    "MIA032": ("error", "an attack that runs names no target on which it is tested, or no control"),
    "MIA033": ("error", "a step's function returns what the store cannot hold, or does not say what it returns"),
    "MIA034": ("error", "a factor varies what cannot be varied or measured, or says neither what varies nor what is missing"),
    "MIA035": ("error", "a statement says neither what measures it nor why nothing can, or both"),
    "MIA036": ("error", "a defense names a target that it does not fit"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it stands (1-based line and column), and what would be right."""

    code: str
    message: str
    file: str
    line: int = 1
    column: int = 1
    hint: str = ""

    def __post_init__(self) -> None:
        # Messages hold what stands in files of others: it may be long, and it may try to steer the terminal.
        for name in ("message", "hint"):
            text = getattr(self, name)
            object.__setattr__(self, name, printable(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"))

    @property
    def severity(self) -> Severity:
        """Severity of the finding's code."""
        return CODES[self.code][0]

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}{hint}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return {**asdict(self), "severity": self.severity}


class InputError(ValueError):
    """The user's input is wrong: the command line prints the message and exits with 2."""


class CatalogError(InputError):
    """A catalog that cannot be loaded, with every finding that stands in the way."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = sorted(findings, key=lambda f: (f.file, f.line, f.column, f.code))
        super().__init__("\n".join(str(f) for f in self.findings))


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint that names the valid name that was probably meant, or lists a few valid ones."""
    names = sorted(valid)
    close = meant(name, names)
    if close:
        return f"did you mean {close}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"known: {shown}" if names else ""


def unknown(kind: str, name: str, valid: Iterable[str]) -> InputError:
    """Return the error for a name that the user typed and that nothing bears."""
    hint = nearest(name, valid)
    return InputError(f"unknown {kind} {quoted(name)}" + (f": {hint}" if hint else ""))


def unknown_entry(kind: str, name: str, valid: Iterable[str]) -> InputError:
    """Return the same for the name of an entry: where several begin with what was typed, all of them are meant."""
    names = list(valid)
    begun = sorted((one for one in names if one.casefold().startswith(f"{name.casefold()}-")), key=lambda one: (len(one), one))
    if not name or len(begun) < 2:
        return unknown(kind, name, names)
    first = f"{', '.join(begun[:-1])} or {begun[-1]}"
    if len(begun) > FEW:
        first = f"{', '.join(begun[:FEW])} or another of {len(begun)} that begin so"
    return InputError(f"unknown {kind} {quoted(name)}: did you mean {first}?")


def quoted(text: str) -> str:
    """Return text in quotes, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def printable(text: str) -> str:
    """Return text for one line of a terminal: characters that would steer it are written out."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def some(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the first findings, and one that says that there are more."""
    for number, finding in enumerate(findings):
        if number == MAX_FINDINGS:
            message = f"more is wrong than the {MAX_FINDINGS} findings before this one"
            yield Finding("MIA031", message, finding.file, finding.line, finding.column)
            return
        yield finding


def relative(path: Path) -> str:
    """Return `path` as people would type it: relative to the working folder where it lies below it. Links are not followed."""
    try:
        return printable(str(Path(os.path.abspath(path)).relative_to(Path.cwd())))  # noqa: PTH100
    except (ValueError, OSError):
        return printable(str(path))
