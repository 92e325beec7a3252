"""Whether the store can hold what a step of one's own returns, told from the annotation of its function, as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from taxonomy import source
from taxonomy.catalog import Catalog
from taxonomy.findings import Finding
from taxonomy.offers import Place, Types

# The names that annotations of what the store holds are made of: arrays, numbers, text, trained models, and collections of these.
ARRAYS = "Tensor ndarray NDArray float32 float64 int8 int16 int32 int64 uint8 uint64 bool_ np numpy torch"
PLAIN = "int float bool str None tuple list dict Sequence Mapping Literal Optional Union"
HELD = frozenset(f"{ARRAYS} {PLAIN} Model HostedModel Generator ShadowData".split())
HOLDS = "arrays, numbers, text, trained models, and collections and dataclasses of these"


def check(catalog: Catalog, packages: Mapping[str, source.Package]) -> Iterator[Finding]:
    """Every step of code that is not ours says by its annotation that it returns what the store holds."""
    types = Types({name: one for name, one in packages.items() if one.whole is not None})
    for step in catalog.steps.values():
        module = (step.run or "").partition(":")[0]
        home = packages.get(module.split(".")[0])
        if step.run is None or home is None or home.whole is None:
            continue
        node = source.function_node(home, step.run)
        if node is None:
            continue
        document, place = catalog.documents[step.id], ("run",)
        if node.returns is None:
            yield document.finding(
                "MIA033", f"{step.run} does not say by its annotation what it returns", place, "write `-> NAME`"
            )
            continue
        for name in _names(node.returns):
            found = types.defined(module, name)
            for problem in _problems(types, found) if found else ():
                yield document.finding("MIA033", f"{step.run} returns {name}: {problem}", place, f"the store holds {HOLDS}")


def _problems(types: Types, place: Place, seen: tuple[Place, ...] = ()) -> Iterator[str]:
    """Yield what the store cannot hold of a class; `seen` are those that hold it, which are told of already."""
    node = types.node(place)
    if not any("dataclass" in _names(one) for one in node.decorator_list):
        yield "it is no dataclass"
        return
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        for name in _names(field.annotation):
            found = None if name in HELD else types.defined(place[0], name)
            if found and found not in (*seen, place):
                yield from (f"{found[1]}: {problem}" for problem in _problems(types, found, (*seen, place)))
            elif not found and name not in HELD:
                yield f"its field {field.target.id} is a {name}"


def _names(annotation: ast.expr) -> list[str]:
    """Return the names in an annotation, also in one that is written as text."""
    found: list[str] = []
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.extend(_names(ast.parse(node.value, mode="eval").body) if node.value.isprintable() else [])
    return found
