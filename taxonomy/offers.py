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
            doc = _doc(lines[0].node)
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
            if not isinstance(nodes[0], ast.ImportFrom) or nodes[0].level:
                return None
            node = nodes[0]
            module, name = node.module or "", next(a.name for a in node.names if (a.asname or a.name) == name)
        return None

    def alias(self, module: str, name: str) -> ast.expr | None:
        """Return what a name stands for in a module that assigns it, such as `Vector = NDArray[np.float64]`."""
        node = self._bound(module).get(name, [None])[0]
        return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None

    def named(self, module: str, annotation: ast.expr | None) -> list[Type]:
        """Return the types that an annotation names, each of a union, in the order in which they stand there.

        Of one that other packages define nothing is known but where it is imported from.
        """
        if isinstance(annotation, ast.BinOp):
            return [*self.named(module, annotation.left), *self.named(module, annotation.right)]
        if not isinstance(annotation, ast.Name):
            return []
        found = self.find(module, annotation.id) or self._foreign(module, annotation.id)
        return [found] if found else []

    def public(self, place: Place) -> Place:
        """Return where others import a type from: the package of its module, if that hands it on."""
        package = place[0].rpartition(".")[0]
        return (package, place[1]) if self.defined(package, place[1]) == place else place

    def descends(self, place: Place, other: Place) -> bool:
        """Return whether a type is another, or inherits from it."""
        if self.defined(*place) is None:
            return place == other
        return other in [(line.module, line.node.name) for line in self._lineage(place)]

    def _foreign(self, module: str, name: str) -> Type | None:
        node = self._bound(module).get(name, [None])[0]
        if not isinstance(node, ast.ImportFrom) or not node.module or node.level or node.module.split(".")[0] in self.packages:
            return None
        return Type((node.module, next(a.name for a in node.names if (a.asname or a.name) == name)), "", ())

    def _bound(self, module: str) -> Mapping[str, list[ast.stmt]]:
        package = self.packages.get(module.split(".")[0])
        path = package.module_path(module) if package else None
        return bindings(path, stamp_of(path)) if path else {}

    def node(self, place: Place) -> ast.ClassDef:
        """Return the syntax tree of a class by where it is defined."""
        node = self._bound(place[0])[place[1]][0]
        assert isinstance(node, ast.ClassDef)
        return node

    def _lineage(self, place: Place) -> list[_Line]:
        """Return a class and what it inherits from, nearest first."""
        found, queue = list[_Line](), [_Line(place[0], self.node(place), {})]
        while queue:
            line = queue.pop(0)
            if any(line.node is one.node for one in found):
                continue
            found.append(line)
            for base in line.node.bases:
                name = base.value if isinstance(base, ast.Subscript) else base
                above = self.defined(line.module, name.id) if isinstance(name, ast.Name) else None
                if above is not None:
                    node = self.node(above)
                    given = [line.put(text) for text in _given(base)]
                    queue.append(_Line(above[0], node, dict(zip(_variables(node), given, strict=False))))
        return found

    def _offers(self, lines: Sequence[_Line]) -> Iterator[Offer]:
        kept: dict[str, tuple[_Line, ast.stmt]] = {}
        for line in reversed(lines):
            for name, statement in _members(line.node):
                kept[name] = (line, statement)
        # An object that is called is for that first of all.
        for name in sorted(kept, key=lambda name: name != "__call__"):
            line, statement = kept[name]
            if isinstance(statement, ast.FunctionDef):
                charge = self._charge(lines, statement)
                cost = _cost(statement) or (charge if isinstance(charge, str) else charge.told if charge else "")
                offer = _of_function(statement, cost or _class_cost(line.node, name))
            else:
                offer = Offer(name, f".{name}", f".{name}{_type_of(statement, line.node, name)}", _about(lines, name))
            typed = line.put(offer.typed)
            words = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", typed))
            places = (self.defined(line.module, word) or self.defined(lines[0].module, word) for word in words)
            yield replace(offer, typed=typed, types=tuple(place for place in places if place is not None))

    def _charge(
        self, lines: Sequence[_Line], function: ast.FunctionDef, seen: tuple[ast.FunctionDef, ...] = ()
    ) -> _Charge | str | None:
        """Return what a method charges, itself, by a method that it calls, or, in words, by an oracle that the object holds."""
        seen = (*seen, function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "self.ledger.charge" and node.args:
                tests = (one.test for one in ast.walk(function) if isinstance(one, ast.If))
                return _Charge(node.args[0], any("self._counted" in ast.unparse(test) for test in tests))
            of_self, _, rest = called.partition("self")
            if of_self and called != "super().__call__":
                continue
            name = "__call__" if called in ("self", "super().__call__") else rest.removeprefix(".")
            above = lines[1:] if called == "super().__call__" else lines
            method = next((m for one in above for n, m in _methods(one.node) if n == name and m not in seen), None)
            held = self._held(lines, name) if method is None else None
            found: _Charge | str | None = None
            if method is not None:
                found = self._charge(lines, method, seen)
                if isinstance(found, _Charge):
                    found = found.called(method, node)
            elif held is not None:
                found = next((offer.cost for offer in held.offers if offer.name == "__call__"), None)
            if found:
                return found
        return None

    def _held(self, lines: Sequence[_Line], attribute: str) -> Type | None:
        """Return the type of what the constructor keeps under this name, if it is an argument of one type."""
        for line in lines:
            for name, method in _methods(line.node):
                given = _assigned(method).get(attribute) if name == "__init__" else None
                if isinstance(given, ast.Name):
                    types = self.named(line.module, _annotations(method).get(given.id))
                    return types[0] if len(types) == 1 else None
        return None


@dataclass(frozen=True)
class _Line:
    """One class of a lineage, in its module, and what its type variables stand for."""

    module: str
    node: ast.ClassDef
    variables: Mapping[str, str]

    def put(self, text: str) -> str:
        """Return text with what type variables stand for in their place."""
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda found: self.variables.get(found[0], found[0]), text)


@dataclass(frozen=True)
class _Charge:
    """How many queries a method charges, and whether only where they are counted."""

    amount: ast.expr
    counted: bool

    def called(self, method: ast.FunctionDef, call: ast.Call) -> _Charge:
        """Return what a call of the method charges that states the amount as an argument."""
        arguments = [one.arg for one in [*method.args.posonlyargs, *method.args.args]][1:]
        given = dict(zip(arguments, call.args, strict=False))
        return replace(self, amount=given.get(self.amount.id, self.amount)) if isinstance(self.amount, ast.Name) else self

    @property
    def told(self) -> str:
        """The price in words."""
        one = self.amount
        each = isinstance(one, ast.Call) and ast.unparse(one.func) == "len" and one.args
        told = f"one query for each of `{ast.unparse(one.args[0])}`" if isinstance(one, ast.Call) and each else ""
        return (told or f"`{ast.unparse(one)}` queries") + (", free at home" if self.counted else "")


def _given(base: ast.expr) -> list[str]:
    """Return what a base is given for its type variables, as text without quotes."""
    if not isinstance(base, ast.Subscript):
        return []
    parts = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
    return [str(one.value) if isinstance(one, ast.Constant) else ast.unparse(one) for one in parts]


def _variables(node: ast.ClassDef) -> list[str]:
    """Return the type variables of a class, in their order."""
    return next((_given(base) for base in node.bases if ast.unparse(base).startswith("Generic[")), [])


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


def _about(lines: Sequence[_Line], name: str) -> str:
    """Return the sentence of a class's docstring that names this."""
    sentences = (s for line in lines for s in re.split(r"(?<=[.;])\s+", _doc(line.node)) if f"`{name}`" in s)
    return next(sentences, "").rstrip(";:.")
