"""Whether the store can hold what a step of one's own returns, told from the annotation of its function, as text."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from taxonomy import source
from taxonomy.catalog import Catalog
from taxonomy.findings import Finding
from taxonomy.offers import Place, Types

# The names that annotations of what the store holds are made of: arrays, numbers, text, trained models, and collections of these.
ARRAYS = (
    "Tensor ndarray NDArray generic number integer floating bool_ float16 float32 float64 longdouble complex64 complex128 "
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64"
)
PLAIN = "int float bool str None Literal"
COLLECTIONS = "tuple list dict Tuple List Dict Sequence Mapping Iterable Collection"
VALUES = frozenset(f"{ARRAYS} {PLAIN} {COLLECTIONS}".split())
HELD = VALUES | {"Model", "HostedModel", "Generator", "ShadowData"}
HOLDS = "arrays, numbers, text, trained models, and collections and dataclasses of these"
# What says something about an annotation within it, and about what it says.
AROUND = frozenset({"Optional", "Union", "Final", "Annotated"})
# What stands in brackets behind these is no type of a value: a type of numbers, or values themselves.
CLOSED = frozenset({"NDArray", "ndarray", "Literal"})
# What is annotated so is no field of a dataclass.
NO_FIELD = frozenset({"ClassVar", "KW_ONLY"})


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
        names = _parts(types, module, node.returns, within=False)
        told = [
            (name, problem) for name in names if (found := types.defined(module, name)) for problem in _problems(types, found)
        ]
        if all(name in VALUES or hasattr(builtins, name) for name in names):
            told = [(" | ".join(names), "it is no dataclass")]
        for name, problem in told:
            yield document.finding("MIA033", f"{step.run} returns {name}: {problem}", place, f"the store holds {HOLDS}")


def _problems(types: Types, place: Place, seen: tuple[Place, ...] = ()) -> Iterator[str]:
    """Yield what the store cannot hold of a class; `seen` are those that hold it, which are told of already."""
    node = types.node(place)
    if not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        yield "it is no dataclass"
        return
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        names = _parts(types, place[0], field.annotation)
        if names and names[0] in NO_FIELD:
            continue
        for name in names:
            found = None if name in HELD else types.defined(place[0], name)
            if found and found not in (*seen, place):
                yield from (f"{found[1]}: {problem}" for problem in _problems(types, found, (*seen, place)))
            elif not found and name not in HELD:
                yield f"its field {field.target.id} is {_one(name)}"


def _parts(types: Types, module: str, annotation: ast.expr, *, within: bool = True, seen: tuple[str, ...] = ()) -> list[str]:
    """Return the names of types in an annotation, also in one that is written as text, or under a name of the module's own.

    Without `within`, those that the whole may be of: of a collection its own name, and not what it holds. What is no annotation
    is returned as it is written: no such type is held.
    """

    def inner(part: ast.expr, *more: str) -> list[str]:
        return _parts(types, module, part, within=within, seen=(*seen, *more))

    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return inner(ast.parse(annotation.value.strip(), mode="eval").body)
        except (SyntaxError, ValueError):
            return [ast.unparse(annotation)]
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return ["None"]
    if isinstance(annotation, ast.Constant):  # the dots of tuple[int, ...]
        return []
    if isinstance(annotation, ast.Name):
        alias = None if annotation.id in (*HELD, *seen) else types.alias(module, annotation.id)
        return [annotation.id] if alias is None else inner(alias, annotation.id)
    if isinstance(annotation, ast.Attribute):
        return [annotation.attr]
    if isinstance(annotation, ast.BinOp):
        return [*inner(annotation.left), *inner(annotation.right)]
    if isinstance(annotation, ast.Tuple | ast.List):
        return [name for part in annotation.elts for name in inner(part)]
    if isinstance(annotation, ast.Subscript):
        heads, held = inner(annotation.value), annotation.slice
        if len(heads) != 1:
            return [ast.unparse(annotation)]
        (head,) = heads
        if head == "Annotated":
            held = held.elts[0] if isinstance(held, ast.Tuple) and held.elts else held
        return inner(held) if head in AROUND else [head] if head in CLOSED or not within else [head, *inner(held)]
    return [ast.unparse(annotation)]


def _one(name: str) -> str:
    """Return a name behind its article."""
    return f"an {name}" if name[:1].casefold() in tuple("aeiou") else f"a {name}"
