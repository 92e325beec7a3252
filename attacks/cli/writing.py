"""Writes several new files, all of them or none, and adds terms and works to files that are there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taxonomy import yamlfile
from taxonomy.files import UnreadableError, content
from taxonomy.findings import CatalogError, InputError, relative


@dataclass(frozen=True)
class Draft:
    """A file to be written, with what it held `before`; None for a new one, which must not be there."""

    path: Path
    text: str
    before: str | None = None


def write(drafts: Sequence[Draft]) -> None:
    """Write files, and the folders that they lie in; raise InputError, with nothing changed, where one cannot be written."""
    for draft in drafts:
        if draft.before is None and os.path.lexists(draft.path):
            raise InputError(f"{relative(draft.path)} is there already; nothing was written")
    done, folders = list[Draft](), list[Path]()
    place = drafts[0].path
    try:
        for draft in drafts:
            place = draft.path
            for folder in reversed([f for f in (place.parent, *place.parent.parents) if not f.exists()]):
                folder.mkdir()
                folders.append(folder)
            with place.open("x" if draft.before is None else "r+", encoding="utf-8", newline="") as file:
                done.append(draft)
                file.write(draft.text)
    except OSError as error:
        _undo(done, folders)
        raise InputError(f"{relative(place)} cannot be written ({error.strerror}); nothing was written") from error
    except BaseException:
        _undo(done, folders)
        raise


def _undo(done: Sequence[Draft], folders: Sequence[Path]) -> None:
    for draft in reversed(done):
        with contextlib.suppress(OSError):
            if draft.before is None:
                draft.path.unlink(missing_ok=True)
            else:
                draft.path.write_text(draft.before, encoding="utf-8", newline="")
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def added_work(path: Path, stub: str) -> Draft:
    """Return a file of works with one more at its end."""
    before = _text(path)
    if before is None:
        return Draft(path, stub)
    return Draft(path, before + ("" if before.endswith("\n") or not before else "\n") + stub, before)


def added_term(path: Path, term: str, stub: str) -> Draft:
    """Return a taxonomy with one more term: behind the last that begins with the same word, or behind all of them.

    Raises InputError where the file's form leaves no place for it.
    """
    before = _text(path)
    if before is None:
        return Draft(path, f"schema: 1\nterms:\n{_indented(stub, '  ')}")
    document = yamlfile.read(path)
    if document.findings:
        raise CatalogError(document.findings)
    terms = document.data.get("terms") or []
    root = term.split(".")[0]
    alike = [i for i, other in enumerate(terms) if str(other.get("id", "")).split(".")[0] == root]
    if terms:
        row = alike[-1] if alike else len(terms) - 1
        line, column = document.values["terms", row]
        indent = " " * (column - 3)
        text = _inserted(before, line, column, _indented(stub, indent))
        if text is not None and _holds_one_more(path, text, terms):
            return Draft(path, text, before)
    raise InputError(
        f"{relative(path)} lists its terms in a form that cannot be added to; write each as `- id: …` on lines of its own"
    )


def _inserted(text: str, line: int, column: int, stub: str) -> str | None:
    """Return a text with a stub behind the item that begins at a line: in front of what stands less far to the right."""
    lines = text.splitlines(keepends=True)
    if column < 3 or lines[line - 1][column - 3 : column - 1] != "- ":
        return None
    end = line
    for number in range(line, len(lines)):
        said = lines[number]
        if said.strip() and not said.lstrip().startswith("#"):
            if len(said) - len(said.lstrip()) < column - 1:
                break
            end = number + 1
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    return "".join([*lines[:end], stub, *lines[end:]])


def _holds_one_more(path: Path, text: str, terms: Sequence[object]) -> bool:
    """Whether a changed taxonomy still says what it said, and one term more."""
    import yaml

    try:
        found = yaml.safe_load(text)["terms"]
    except (yaml.YAMLError, KeyError, TypeError):
        return False
    return len(found) == len(terms) + 1 and [one for one in found if one in terms] == list(terms)


def _indented(text: str, indent: str) -> str:
    return "".join(indent + line for line in text.splitlines(keepends=True))


def _text(path: Path) -> str | None:
    """Return the text of a file, or None if there is none; raise InputError if it cannot be read."""
    if not os.path.lexists(path):
        return None
    try:
        return content(path).decode("utf-8")
    except (UnreadableError, UnicodeDecodeError) as error:
        raise InputError(f"{relative(path)} cannot be read: {error}") from error
