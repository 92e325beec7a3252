"""Reads Python source without importing it: the signature behind a `run` path, and what its code reaches."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from taxonomy import folders
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


def packages_in(folder: Path) -> dict[str, Package]:
    """Return the packages and modules that lie in a folder, by name; raise InputError if there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"--trust-code {folder}: no such folder")
    places = [place for place in sorted(folder.resolve().iterdir()) if place.suffix == ".py" or any(place.glob("*.py"))]
    return {place.stem: Package(place.stem, place, folder.resolve()) for place in places}


@functools.cache
def _tree(path: Path, _stamp: tuple[int, int]) -> ast.Module:
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
    return _tree(path, _stamp(path))


def signature(package: Package, run: str) -> Signature | None:
    """Return the signature of the function that a `run` path names, or None if there is no such function."""
    module, _, name = run.partition(":")
    path = package.module_path(module)
    if path is None:
        return None
    for node in _parse(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            arguments = node.args
            return Signature(
                tuple(a.arg for a in [*arguments.posonlyargs, *arguments.args]),
                tuple(a.arg for a in arguments.kwonlyargs),
                frozenset(a.arg for a, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value),
            )
    return None


def functions(package: Package, module: str) -> list[str]:
    """Return the names of the functions at the top of a module, for hints."""
    path = package.module_path(module)
    return [n.name for n in _parse(path).body if isinstance(n, ast.FunctionDef)] if path else []


def digest(packages: list[Package], run: str) -> str:
    """Return a hash of the function's code and of all first-party code that it reaches.

    Comments, docstrings and formatting do not count, and neither does the place: definitions are numbered in the order in which
    they are reached, so that moving one, or splitting a file, changes nothing. What a definition reaches is read off the names
    in its body: those bound at the top of its module, and those imported from a first-party module. Where a package counts as a
    whole, all files of its folder do, data too, with the first-party code that any of them imports. Raises LookupError if there
    is no such function, and InputError if a file of such a folder cannot be read.
    """
    module, _, name = run.partition(":")
    start = _resolved(packages, module, name)
    if start is None:
        raise LookupError(f"{run} names no function")
    numbers = {start: 0}
    queue, lines = [start], list[str]()
    wholes: dict[Path, str] = {}
    for place in queue:
        root = next(package.whole for package in packages if package.module_path(place[0]) is not None)
        if root is None:
            found = _definition(packages, *place)
            assert found is not None, "it was resolved"
            needs, text = list(found.needs), f"{place[1]}\n{found.text}"
        elif root in wholes:
            continue
        else:
            wholes[root], needs = _whole(packages, root)
            text = ""
        reached = [one for need in needs if (one := _resolved(packages, *need)) is not None]
        for one in reached:
            if one not in numbers:
                numbers[one] = len(queue)
                queue.append(one)
        if root is None:
            lines.append(f"{text}\n{[numbers[one] for one in reached]}")
    if wholes:
        lines += [run, *sorted(wholes.values())]
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()


def _whole(packages: list[Package], root: Path) -> tuple[str, list[tuple[str, str]]]:
    """Return a hash of all that lies in a folder, and the definitions in first-party modules that its code imports."""
    found, needs = dict[str, str](), list[tuple[str, str]]()
    for path in folders.files(root):
        name = path.relative_to(root).as_posix()
        try:
            if path.suffix == ".py":
                tree = ast.parse(path.read_bytes())
                found[name] = hashlib.sha256(_canonical(tree).encode()).hexdigest()
                needs += _imported(packages, tree)
                continue
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # it is data, whatever it is called
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(path, error) from error
    return "\n".join(f"{digest} {name}" for name, digest in sorted(found.items())), needs


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read ({error.strerror}), and all of a folder counts whose code is run")


def _imported(packages: list[Package], tree: ast.Module) -> list[tuple[str, str]]:
    """Return the first-party definitions that a file imports anywhere: by name, or all of a module."""
    found = list[tuple[str, str]]()
    for node in ast.walk(tree):
        modules = list[str]()
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node.module, alias.name) for alias in node.names]
            modules = [node.module if alias.name == "*" else f"{node.module}.{alias.name}" for alias in node.names]
        for module in modules:
            if (path := _path(packages, module)) is not None:
                found += [(module, name) for name in _bindings(path, _stamp(path))]
    return found


Place = tuple[str, str]


@dataclass(frozen=True)
class _Definition:
    """The normalised text of a definition, and the first-party names that it uses, each with its module."""

    text: str
    needs: tuple[Place, ...]


def _resolved(packages: list[Package], module: str, name: str) -> Place | None:
    """Return where a name is defined that a module may only pass on; None if no first-party module binds it."""
    seen = set[Place]()
    while (module, name) not in seen:
        seen.add((module, name))
        path = _path(packages, module)
        bound = _bindings(path, _stamp(path)).get(name) if path is not None else None
        if not bound:
            return None
        if len(bound) > 1 or not isinstance(bound[0], ast.ImportFrom):
            return None if all(isinstance(node, ast.Import) for node in bound) else (module, name)
        module, name = _origin(bound[0], name)
    return None


def _definition(packages: list[Package], module: str, name: str) -> _Definition | None:
    """Return a top-level definition, or None."""
    path = _path(packages, module)
    if path is None:
        return None
    stamp = _stamp(path)
    return _read_definition(path, stamp, module, name, _modules(tuple(packages), path, stamp))


@functools.cache
def _modules(packages: tuple[Package, ...], path: Path, stamp: tuple[int, int]) -> tuple[Place, ...]:
    """Return the names by which a file knows first-party modules, each with its module."""
    found = dict[str, str]()
    for used, nodes in _bindings(path, stamp).items():
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and _path(packages, module := ".".join(_origin(node, used))) is not None:
                found[used] = module
    return tuple(sorted(found.items()))


def _path(packages: Sequence[Package], module: str) -> Path | None:
    return next(filter(None, (package.module_path(module) for package in packages)), None)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _origin(node: ast.ImportFrom, name: str) -> Place:
    """Return module and name of what an import binds to a name."""
    return node.module or "", next(alias.name for alias in node.names if (alias.asname or alias.name) == name)


@functools.cache
def _read_definition(
    path: Path, stamp: tuple[int, int], module: str, name: str, modules: tuple[Place, ...]
) -> _Definition | None:
    """Return the definition of this name at the top of a module, or None; `modules` are the modules by their names here.

    What is used through a module stands in the text as if it had been imported by name.
    """
    bound, by_name = _bindings(path, stamp), dict(modules)
    if name not in bound:
        return None
    text, needs = list[str](), list[Place]()
    for node in bound[name]:
        if isinstance(node, ast.ImportFrom):
            needs.append(_origin(node, name))
            continue
        if isinstance(node, ast.Import):
            continue
        text.append(_canonical(node, by_name))
        for used in ast.walk(node):
            if isinstance(used, ast.Attribute) and isinstance(used.value, ast.Name) and used.value.id in by_name:
                needs.append((by_name[used.value.id], used.attr))
            elif isinstance(used, ast.Name) and used.id in bound and used.id not in by_name and used.id != name:
                needs.append((module, used.id))
    return _Definition("\n".join(text), tuple(dict.fromkeys(needs)))


@functools.cache
def _bindings(path: Path, stamp: tuple[int, int]) -> dict[str, list[ast.stmt]]:
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


def _canonical(node: ast.AST, modules: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a syntax tree as text without places and docstrings, and without fields that are empty.

    `ast.unparse` and `ast.dump` write the same tree in different ways under different versions of Python. Of `module.name`, where
    `modules` has the module, only the name is written.
    """
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
        node = ast.Name(node.attr, node.ctx)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            value = value[1:] if value and _is_text(value[0]) else value
        if value is None or value == [] or name in ("kind", "type_comment", "type_ignores"):
            continue
        parts.append(f"{name}={_canonical_value(value, modules)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def _canonical_value(value: object, modules: Mapping[str, str]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_canonical_value(part, modules) for part in value) + "]"
    return _canonical(value, modules) if isinstance(value, ast.AST) else repr(value)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
