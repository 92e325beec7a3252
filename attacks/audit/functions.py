"""Functions of the user's own that an audit file names: imported only from below a folder that the command line trusts."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.engine.blame import one_line
from attacks.seeds import digest
from taxonomy import folders
from taxonomy.findings import InputError, nearest, printable, quoted, relative

# A file that is larger, and no code, is taken for changed when it was written anew: to read all of them would take long.
LARGE = 2**20


@dataclass(frozen=True)
class Function:
    """A function by file and name, below a trusted folder: what a worker process needs to have it too.

    `apart` are files below the folder that the audit itself reads, and hands over what stands in them.
    """

    file: Path
    name: str
    folder: Path
    apart: frozenset[Path] = frozenset()

    def load(self) -> Callable[..., Any]:
        """Import the file and return the function; raise InputError with the line for code that does not import."""
        if str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))
        module = ".".join(self.file.relative_to(self.folder).with_suffix("").parts)
        known = sys.modules.get(module)
        if known is None or getattr(known, "__file__", None) != str(self.file):
            spec = importlib.util.spec_from_file_location(module, self.file)
            assert spec is not None and spec.loader is not None, "a file of Python has a loader"
            known = importlib.util.module_from_spec(spec)
            sys.modules[module] = known
            try:
                with aside():
                    spec.loader.exec_module(known)
            except (Exception, SystemExit) as error:
                del sys.modules[module]
                raise InputError(f"{relative(self.file)} cannot be imported: {blamed(error, self.folder)}") from error
        found = getattr(known, self.name, None)
        if not callable(found):
            names = [name for name, value in vars(known).items() if inspect.isfunction(value)]
            raise InputError(f"{relative(self.file)} has no function {quoted(self.name)} ({nearest(self.name, names)})")
        return found  # type: ignore[no-any-return]

    @property
    def identity(self) -> str:
        """A hash of what the function may rest on: all files in the trusted folder."""
        return digest([self.contents(), str(self.file.relative_to(self.folder)), self.name])

    def contents(self) -> dict[str, str]:
        """Return what lies in the trusted folder, by path: a hash of each file, of a large one that is no code size and time.

        Hidden files, caches, environments, reports of this program, and files that the audit itself reads do not count.
        """
        found = {}
        for path in folders.files(self.folder):
            reported = path.parent != self.folder and all((path.parent / name).exists() for name in folders.REPORT)
            if reported or path in self.apart or "site-packages" in path.parts:
                continue
            with contextlib.suppress(OSError):  # what nobody can read, the function cannot either
                found[path.relative_to(self.folder).as_posix()] = _hash(path)
        return found


def _hash(path: Path) -> str:
    state = path.stat()
    if state.st_size > LARGE and path.suffix != ".py":
        return f"{state.st_size} {state.st_mtime_ns}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def trusted(folder: Path, path: str, roots: Sequence[Path], apart: frozenset[Path] = frozenset()) -> Function:
    """Return the function `file.py:name`, relative to a folder; raise InputError unless it lies below a trusted root.

    `apart` are files that the audit itself reads.
    """
    text, _, name = path.rpartition(":")
    file = (folder / text).resolve()
    if not file.is_file():
        others = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise InputError(f"no such file {relative(file)}" + (f" ({nearest(file.name, others)})" if others else ""))
    for root in roots:
        if file.is_relative_to(root.resolve()):
            return Function(file, name, root.resolve(), apart)
    raise InputError(
        f"{relative(file)} is code, which runs only if you trust it: add --trust-code {relative(file.parent)}; "
        "that imports it with all your rights"
    )


def aside() -> contextlib.redirect_stdout[Any]:
    """Return a context in which what the user's code prints goes to standard error: standard output holds results alone."""
    return contextlib.redirect_stdout(sys.stderr)


def blamed(error: BaseException, folder: Path) -> str:
    """Return an error as one sentence, with the innermost line of the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(folder)]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.msg} ({relative(Path(error.filename))}:{error.lineno})"
    text = f"{type(error).__name__}: {one_line(error)}"
    if not mine:
        return text
    line = linecache.getline(mine[-1].filename, mine[-1].lineno or 0).strip()
    return f"{text} ({relative(Path(mine[-1].filename))}:{mine[-1].lineno}, in `{printable(line)}`)"
