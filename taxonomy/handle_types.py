"""Types of handles, read from the annotations of the functions that are there: what a new function's arguments should say."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from taxonomy import source
from taxonomy.catalog import Catalog
from taxonomy.check import CANDIDATES
from taxonomy.entries import Step
from taxonomy.findings import InputError

HANDLES = "attacks.handles"


@dataclass(frozen=True)
class Annotation:
    """A type, and the module from which it is imported; "" for one that needs no import."""

    name: str
    module: str


ANYTHING = Annotation("object", "")


def handle_types(catalog: Catalog, packages: Mapping[str, source.Package], aspects: Iterable[str] = ()) -> dict[str, Annotation]:
    """Return the type of every handle, by the name of its argument.

    Where functions differ, what most of those say counts that need most of `aspects`, such as a model type. A step's artifact is
    of the type that the step returns.
    """
    wanted = set(aspects)
    said: dict[str, dict[Annotation, tuple[int, int]]] = defaultdict(dict)

    def note(handle: str, found: Annotation, alike: int) -> None:
        before = said[handle].get(found, (0, 0))
        said[handle][found] = max(before[0], alike), before[1] + 1

    for entry in catalog.acts:
        alike = len(wanted.intersection(entry.needs))
        for argument, found in _arguments(packages, entry.run):
            note(argument, found, alike)
        if isinstance(entry, Step) and (handle := catalog.terms[entry.yields].handle):
            for argument, found in _arguments(packages, entry.run, returned=True):
                if argument == "return":
                    note(handle, found, alike)
    for implication in catalog.implications:
        for argument, found in _arguments(packages, implication.view):
            note(argument, found, 0)
    chosen = {
        handle: min(found, key=lambda one: (tuple(-n for n in found[one]), one.name)) for handle, found in said.items() if found
    }
    return {**chosen, CANDIDATES: Annotation("Records", HANDLES)}


def _arguments(
    packages: Mapping[str, source.Package], run: str | None, *, returned: bool = False
) -> Iterator[tuple[str, Annotation]]:
    """Yield the positional arguments of a function with their types, or what it returns; what cannot be read has none."""
    module, _, name = (run or "").partition(":")
    package = packages.get(module.split(".")[0])
    path = package.module_path(module) if package else None
    if path is None:
        return
    try:
        bound = source.bindings(path, source.stamp_of(path))
    except InputError:
        return
    for node in bound.get(name, []):
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args]
            said = [("return", node.returns)] if returned else [(one.arg, one.annotation) for one in arguments]
            for argument, annotation in said:
                if isinstance(annotation, ast.Name) and (home := _home(bound, annotation.id, module)):
                    yield argument, Annotation(annotation.id, home)


def _home(bound: Mapping[str, list[ast.stmt]], name: str, module: str) -> str | None:
    """Return the module from which others should import a name that a module uses."""
    for node in bound.get(name, []):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            return HANDLES if node.module.startswith(HANDLES + ".") else node.module
        if isinstance(node, ast.ClassDef):
            return module
    return None
