"""What a type offers to the code that holds an object of it, read off its source without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from taxonomy.source import Package, bindings, stamp_of

# A module, and the name of a type in it.
Place = tuple[str, str]

# What a docstring says of the price: of a method in its own, of a call also in that of the type.
PRICE = re.compile(r"\bcosts?\b|\b(one|no) query\b")
QUERY = re.compile(r"\b(one|no) query\b")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


@dataclass(frozen=True)
class Offer:
    """One thing that a type offers: a call of the object itself, its length, a method, or what can be read off it.

    `called` is how code writes it behind the object's name, such as `(x)`, `.first(count)` or `.label`, and `typed` the same with
    types. `cost` says what it takes of the adversary's queries or models; it is free where that is empty. `types` are those of
    ours that the types name.
    """

    name: str
    called: str
    typed: str
    doc: str
    cost: str = ""
    types: tuple[Place, ...] = ()

    @property
    def told(self) -> str:
        """What it says of itself, and what it takes, said once."""
        return self.doc if not self.cost or self.cost in self.doc else f"{self.doc} It takes {self.cost}.".lstrip()

    def written(self, name: str, *, typed: bool = False) -> str:
        """Return it as code that calls the object by this name writes it."""
        text = self.typed if typed else self.called
        return f"len({name}){text}" if self.name == "__len__" else f"{name}{text}"


@dataclass(frozen=True)
class Type:
    """A type, what it is, and what it offers, that of its bases first."""

    place: Place
    doc: str
    offers: tuple[Offer, ...]

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.place[1]


class Types:
    """Reads types from the source of packages."""

    def __init__(self, packages: Mapping[str, Package]):
        self.packages = packages
        self._found: dict[Place, Type | None] = {}

    def find(self, module: str, name: str) -> Type | None:
        """Return the type that a name means in a module, whichever module defines it; None for what is no type of these."""
        place = self.defined(module, name)
        if place is None:
            return None
        if place not in self._found:
            self._found[place] = None  # while it is read, a type that holds one of its own kind finds nothing
            lines = self._lineage(place)
            doc = _doc(lines[0][1])
            self._found[place] = Type(place, doc, tuple(self._offers(lines)))
        return self._found[place]

    def defined(self, module: str, name: str) -> Place | None:
        """Return where the class is defined that a name means in a module."""
        seen = set[Place]()
        while (module, name) not in seen:
            seen.add((module, name))
            nodes = self._bound(module).get(name)
            if nodes is None:
                return None
            if isinstance(nodes[0], ast.ClassDef):
                return module, name
            if not isinstance(nodes[0], ast.ImportFrom):
                return None
            node = nodes[0]
            module, name = node.module or "", next(a.name for a in node.names if (a.asname or a.name) == name)
        return None

    def named(self, module: str, annotation: ast.expr | None) -> list[Type]:
        """Return the types that an annotation names, each of a union, in the order in which they stand there."""
        if isinstance(annotation, ast.BinOp):
            return [*self.named(module, annotation.left), *self.named(module, annotation.right)]
        found = self.find(module, annotation.id) if isinstance(annotation, ast.Name) else None
        return [found] if found else []

    def descends(self, place: Place, other: Place) -> bool:
        """Return whether a type is another, or inherits from it."""
        return other in [(module, node.name) for module, node in self._lineage(place)]

    def _bound(self, module: str) -> Mapping[str, list[ast.stmt]]:
        package = self.packages.get(module.split(".")[0])
        path = package.module_path(module) if package else None
        return bindings(path, stamp_of(path)) if path else {}

    def _class(self, place: Place) -> ast.ClassDef:
        node = self._bound(place[0])[place[1]][0]
        assert isinstance(node, ast.ClassDef)
        return node

    def _lineage(self, place: Place) -> list[tuple[str, ast.ClassDef]]:
        """Return a class and what it inherits from, nearest first."""
        found, queue = list[Place](), [place]
        while queue:
            module, name = queue.pop(0)
            if (module, name) not in found:
                found.append((module, name))
                bases = (base.id for base in self._class((module, name)).bases if isinstance(base, ast.Name))
                queue += [above for base in bases if (above := self.defined(module, base))]
        return [(module, self._class((module, name))) for module, name in found]

    def _offers(self, lines: Sequence[tuple[str, ast.ClassDef]]) -> Iterator[Offer]:
        kept: dict[str, tuple[str, ast.ClassDef, ast.stmt]] = {}
        for module, node in reversed(lines):
            for name, statement in _members(node):
                kept[name] = (module, node, statement)
        # An object that is called is for that first of all.
        for name in sorted(kept, key=lambda name: name != "__call__"):
            module, node, statement = kept[name]
            if isinstance(statement, ast.FunctionDef):
                cost = _cost(statement) or self._charge(lines, statement) or _class_cost(node, name)
                offer = _of_function(statement, cost)
            else:
                offer = Offer(name, f".{name}", f".{name}{_type_of(statement, node, name)}", _about(lines, name))
            words = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", offer.typed))
            places = (place for word in words if (place := self.defined(module, word)) is not None)
            yield replace(offer, types=tuple(places))

    def _charge(
        self, lines: Sequence[tuple[str, ast.ClassDef]], function: ast.FunctionDef, seen: tuple[ast.FunctionDef, ...] = ()
    ) -> str:
        """Return what a method charges, itself, by a method that it calls, or by an oracle that the object holds."""
        seen = (*seen, function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "self.ledger.charge" and node.args:
                amount = node.args[0]
                counted = isinstance(amount, ast.Call) and ast.unparse(amount.func) == "len" and bool(amount.args)
                what = ast.unparse(amount.args[0]) if isinstance(amount, ast.Call) and counted else ast.unparse(amount)
                home = any("self._counted" in ast.unparse(one.test) for one in ast.walk(function) if isinstance(one, ast.If))
                each = f"one query for each of `{what}`" if counted else f"`{what}` queries"
                return each + (", free at home" if home else "")
            of_self, _, rest = called.partition("self")
            name = "__call__" if called in ("self", "super().__call__") else rest.removeprefix(".")
            if of_self and called != "super().__call__":
                continue
            above = lines[1:] if called == "super().__call__" else lines
            method = next((m for _, cls in above for n, m in _methods(cls) if n == name and m not in seen), None)
            if method is not None:
                found = self._charge(lines, method, seen)
            else:
                held = self._held(lines, name)
                found = next((o.cost for o in held.offers if o.name == "__call__"), "") if held else ""
            if found:
                return found
        return ""

    def _held(self, lines: Sequence[tuple[str, ast.ClassDef]], attribute: str) -> Type | None:
        """Return the type of what the constructor keeps under this name, if it is an argument of one type."""
        for module, node in lines:
            for name, method in _methods(node):
                given = _assigned(method).get(attribute) if name == "__init__" else None
                if isinstance(given, ast.Name):
                    types = self.named(module, _annotations(method).get(given.id))
                    return types[0] if len(types) == 1 else None
        return None


def _methods(node: ast.ClassDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    return ((one.name, one) for one in node.body if isinstance(one, ast.FunctionDef))


def _members(node: ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what a class offers by itself: methods, fields, and what its constructor keeps if its docstring names that."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and (one.name in ("__call__", "__len__") or not one.name.startswith("_")):
            yield one.name, one
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and not one.target.id.startswith("_"):
            yield one.target.id, one
    for name, one in _methods(node):
        if name == "__init__":
            yield from ((kept, ast.Pass()) for kept in _assigned(one) if f"`{kept}`" in _doc(node))


def _assigned(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return what a constructor keeps, by the public or private name."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        targets, value = (node.targets, node.value) if isinstance(node, ast.Assign) else ([], None)
        if isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        for target in targets:
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for one, given in pairs:
                if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "self" and given is not None:
                    found[one.attr] = given
    return found


def _annotations(function: ast.FunctionDef) -> dict[str, ast.expr | None]:
    return {a.arg: a.annotation for a in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}


def _type_of(statement: ast.stmt, node: ast.ClassDef, name: str) -> str:
    """Return `: type` of a field, or of what the constructor keeps of its arguments; nothing where no type is written."""
    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    for method, one in _methods(node):
        given = _assigned(one).get(name) if method == "__init__" else None
        if isinstance(given, ast.Name):
            annotation = _annotations(one).get(given.id)
    return f": {ast.unparse(annotation)}" if annotation is not None else ""


def _of_function(function: ast.FunctionDef, cost: str) -> Offer:
    name, doc = function.name, _doc(function)
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    if name == "__len__":
        return Offer(name, "", returns, doc or "How many there are.", cost)
    if any(ast.unparse(one).split(".")[-1] in ("property", "cached_property") for one in function.decorator_list):
        return Offer(name, f".{name}", f".{name}{returns.replace(' -> ', ': ')}", doc, cost)
    dot = "" if name == "__call__" else f".{name}"
    return Offer(name, f"{dot}({_arguments(function, False)})", f"{dot}({_arguments(function, True)}){returns}", doc, cost)


def _arguments(function: ast.FunctionDef, typed: bool) -> str:
    """Return the arguments of a method without the object itself, with or without their types."""
    arguments = ast.parse(ast.unparse(function)).body[0].args  # type: ignore[attr-defined]
    if not any(ast.unparse(one) == "staticmethod" for one in function.decorator_list):
        del (arguments.posonlyargs or arguments.args)[:1]
    if not typed:
        for one in ast.walk(arguments):
            if isinstance(one, ast.arg):
                one.annotation = None
    text = ast.unparse(arguments)
    return re.sub(r"(?<! )=(?! )", " = ", text) if typed else text


def _doc(node: ast.ClassDef | ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split())


def first(doc: str) -> str:
    """Return the first sentence of a docstring."""
    return SENTENCE.split(doc)[0]


def _cost(function: ast.FunctionDef) -> str:
    """Return the sentence of a method's docstring that says what it costs."""
    return next((s for s in SENTENCE.split(_doc(function)) if PRICE.search(s)), "").rstrip(".")


def _class_cost(node: ast.ClassDef, name: str) -> str:
    """Return the sentence of a class's docstring that says what asking it costs, for what is called."""
    if name != "__call__":
        return ""
    return next((s for s in SENTENCE.split(_doc(node)) if QUERY.search(s)), "").rstrip(".")


def _about(lines: Sequence[tuple[str, ast.ClassDef]], name: str) -> str:
    """Return the sentence of a class's docstring that names this."""
    sentences = (s for _, node in lines for s in re.split(r"(?<=[.;])\s+", _doc(node)) if f"`{name}`" in s)
    return next(sentences, "").rstrip(";:.")
