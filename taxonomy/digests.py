"""The fingerprint of code: a hash of what a function says and reaches, wherever it stands, read off source text."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taxonomy import folders
from taxonomy.findings import InputError
from taxonomy.source import Package, bindings, stamp_of

# A path to code in a string: its module, the module's package, and the name.
PATH = re.compile(r"((\w+)(?:\.\w+)*):(\w+)", re.ASCII)

# A module, and a name in it.
Place = tuple[str, str]


def digest(packages: list[Package], run: str) -> str:
    """Return a hash of the function's code and of all first-party code that it reaches.

    Comments, docstrings and formatting do not count, and neither does the place: definitions are numbered in the order in which
    they are reached, so that moving one, or splitting a file, changes nothing. What a definition reaches is read off the names
    in its body: those bound at the top of its module, those imported from a first-party module, and those that a string names
    by their path. Where a package counts as a
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
                found += [(module, name) for name in bindings(path, stamp_of(path))]
    return found


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
        bound = bindings(path, stamp_of(path)).get(name) if path is not None else None
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
    stamp = stamp_of(path)
    roots = tuple(sorted(package.name for package in packages))
    return _read_definition(path, stamp, module, name, _modules(tuple(packages), path, stamp), roots)


@functools.cache
def _modules(packages: tuple[Package, ...], path: Path, stamp: tuple[int, int]) -> tuple[Place, ...]:
    """Return the names by which a file knows first-party modules, each with its module."""
    found = dict[str, str]()
    for used, nodes in bindings(path, stamp).items():
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and _path(packages, module := ".".join(_origin(node, used))) is not None:
                found[used] = module
    return tuple(sorted(found.items()))


def _path(packages: Sequence[Package], module: str) -> Path | None:
    return next(filter(None, (package.module_path(module) for package in packages)), None)


def _origin(node: ast.ImportFrom, name: str) -> Place:
    """Return module and name of what an import binds to a name."""
    return node.module or "", next(alias.name for alias in node.names if (alias.asname or alias.name) == name)


@functools.cache
def _read_definition(
    path: Path, stamp: tuple[int, int], module: str, name: str, modules: tuple[Place, ...], roots: tuple[str, ...]
) -> _Definition | None:
    """Return the definition of this name at the top of a module, or None.

    `modules` are first-party modules by their names here, `roots` the first-party packages. What is used through a module, or
    named by its path in a string, stands in the text as if it had been imported by name.
    """
    bound, known = bindings(path, stamp), _Known(dict(modules), roots)
    if name not in bound:
        return None
    text, needs = list[str](), list[Place]()
    for node in bound[name]:
        if isinstance(node, ast.ImportFrom):
            needs.append(_origin(node, name))
            continue
        if isinstance(node, ast.Import):
            continue
        text.append(_canonical(node, known))
        for used in ast.walk(node):
            if (place := known.place(used)) is not None:
                needs.append(place)
            elif isinstance(used, ast.Name) and used.id in bound and used.id not in known.modules and used.id != name:
                needs.append((module, used.id))
    return _Definition("\n".join(text), tuple(dict.fromkeys(needs)))


@dataclass(frozen=True)
class _Known:
    """How a file reaches definitions elsewhere: through modules by their names in it, and by paths in strings."""

    modules: Mapping[str, str]
    roots: tuple[str, ...]

    def place(self, node: ast.AST) -> Place | None:
        """Return the module and the name that `module.name`, or a string "package.module:name", stands for."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return self.modules[node.value.id], node.attr
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := PATH.fullmatch(node.value)):
            return (found[1], found[3]) if found[2] in self.roots else None
        return None


def _canonical(node: ast.AST, known: _Known | None = None) -> str:
    """Return a syntax tree as text without places and docstrings, and without fields that are empty.

    `ast.unparse` and `ast.dump` write the same tree in different ways under different versions of Python. Of what lies elsewhere,
    where it is known, only the name is written.
    """
    if known is not None and (place := known.place(node)) is not None:
        node = ast.Name(place[1], getattr(node, "ctx", ast.Load()))
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            value = value[1:] if value and _is_text(value[0]) else value
        if value is None or value == [] or name in ("kind", "type_comment", "type_ignores"):
            continue
        parts.append(f"{name}={_canonical_value(value, known)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def _canonical_value(value: object, known: _Known | None) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_canonical_value(part, known) for part in value) + "]"
    return _canonical(value, known) if isinstance(value, ast.AST) else repr(value)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
