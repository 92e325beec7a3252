"""Reads Python source without importing it: the packages whose code may be named, signatures, and what a file binds."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from taxonomy.files import UnreadableError, content
from taxonomy.findings import InputError, relative


@dataclass(frozen=True)
class Signature:
    """Arguments of a function as its source states them."""

    positional: tuple[str, ...]
    keyword_only: tuple[str, ...]
    optional: frozenset[str]


class Package:
    """The source of one package (a folder) or one module (a file), read file by file and never imported.

    `whole` is the folder that counts as one, with all that lies in it: where code is not ours, what it imports and reads cannot
    be followed reliably. It is None where each function counts by itself.
    """

    def __init__(self, name: str, folder: Path, whole: Path | None = None):
        self.name = name
        self.folder = folder
        self.whole = whole
        self._paths = dict[str, Path | None]()

    def module_path(self, module: str) -> Path | None:
        """Return the file of a module of this package, or None."""
        if module not in self._paths:
            self._paths[module] = self._find(module)
        return self._paths[module]

    def _find(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] != self.name:
            return None
        if self.folder.is_file():
            return self.folder if len(parts) == 1 else None
        base = self.folder.joinpath(*parts[1:])
        for path in (base.with_suffix(".py") if len(parts) > 1 else base / "__init__.py", base / "__init__.py"):
            if path.is_file():
                return path
        return None


def trusted_packages(folders: Iterable[Path]) -> dict[str, Package]:
    """Return the packages and modules that lie in folders whose code is trusted, by name; raise InputError for a missing folder.

    Of two of one name it is that of the folder which was named first, as it is for Python.
    """
    found: dict[str, Package] = {}
    for folder in folders:
        found = {**packages_in(folder), **found}
    return found


def packages_in(folder: Path) -> dict[str, Package]:
    """Return the packages and modules that lie in a folder, by name; raise InputError if there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"--trust-code {folder}: no such folder")
    places = [place for place in sorted(folder.resolve().iterdir()) if place.suffix == ".py" or any(place.glob("*.py"))]
    return {place.stem: Package(place.stem, place, folder.resolve()) for place in places}


@functools.cache
def _tree(path: Path, stamp_of: tuple[int, int]) -> ast.Module:
    """Return the syntax tree of a file; raise InputError with its place if it is no Python."""
    try:
        return ast.parse(content(path))
    except UnreadableError as error:
        raise InputError(f"{relative(path)}: the file cannot be read: {error}") from error
    except SyntaxError as error:
        raise InputError(f"{relative(path)}:{error.lineno or 1}:{error.offset or 1}: this is no Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{relative(path)}: this is no Python, or nested too deeply") from error


def _parse(path: Path) -> ast.Module:
    return _tree(path, stamp_of(path))


def function_node(package: Package, run: str) -> ast.FunctionDef | None:
    """Return the syntax tree of the function that a `run` path names, or None if there is no such function."""
    module, _, name = run.partition(":")
    path = package.module_path(module)
    found = (node for node in (_parse(path).body if path else ()) if isinstance(node, ast.FunctionDef) and node.name == name)
    return next(found, None)


def signature(package: Package, run: str) -> Signature | None:
    """Return the signature of the function that a `run` path names, or None if there is no such function."""
    node = function_node(package, run)
    if node is None:
        return None
    arguments = node.args
    return Signature(
        tuple(a.arg for a in [*arguments.posonlyargs, *arguments.args]),
        tuple(a.arg for a in arguments.kwonlyargs),
        frozenset(a.arg for a, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value),
    )


def functions(package: Package, module: str) -> list[str]:
    """Return the names of the functions at the top of a module, for hints."""
    path = package.module_path(module)
    return [n.name for n in _parse(path).body if isinstance(n, ast.FunctionDef)] if path else []


def stamp_of(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written: its time and its size."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@functools.cache
def bindings(path: Path, stamp: tuple[int, int]) -> dict[str, list[ast.stmt]]:
    """Return the statements at the top of a module by the names that they bind."""
    bound: dict[str, list[ast.stmt]] = {}
    queue = list(_tree(path, stamp).body)
    for node in queue:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.If | ast.Try):
            queue.extend([*node.body, *node.orelse])
            if isinstance(node, ast.Try):
                queue.extend([*(inner for handler in node.handlers for inner in handler.body), *node.finalbody])
        for name in names:
            bound.setdefault(name, []).append(node)
    return bound
