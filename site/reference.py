"""The CLI reference and the API reference, read off the program itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

ROOT = Path(__file__).parents[1]
PACKAGES = ("taxonomy", "attacks")


@dataclass
class Command:
    """One command: its name as typed, what it does, its arguments and options, and an example."""

    name: str
    help: str
    usage: str
    options: list[tuple[str, str]]
    example: str


def commands() -> list[Command]:
    """Return every command of `mia`, in the order of its help."""
    import typer

    from attacks.cli.commands import app

    def walk(command: Any, path: list[str]) -> list[Command]:
        if hasattr(command, "commands"):
            return [found for name, child in command.commands.items() for found in walk(child, [*path, name])]
        context = command.make_context(" ".join(path), [], resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(context))
        options = [record for p in command.params if (record := p.get_help_record(context)) is not None]
        example = (command.epilog or "").removeprefix("Example: ")
        return [Command(" ".join(path), command.help or "", usage, options, example)]

    return walk(typer.main.get_command(app), ["mia"])


@dataclass
class Definition:
    """A public class or function: its signature, what its docstring says, and its public methods."""

    kind: str
    signature: str
    doc: str
    methods: list[Definition] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.signature.split("(")[0]


@dataclass
class Module:
    """One module: its name, what it says of itself, its public definitions, and its source."""

    name: str
    doc: str
    definitions: list[Definition]
    source: str


def modules() -> list[Module]:
    """Return every module of taxonomy and attacks, read without importing it."""
    result = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            result.append(Module(name, ast.get_docstring(tree) or "", _definitions(tree.body), text))
    return result


def _definitions(body: list[ast.stmt]) -> list[Definition]:
    found = []
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.append(Definition("function", _signature(node), ast.get_docstring(node) or ""))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            signature = f"{node.name}({bases})" if bases else node.name
            found.append(Definition("class", signature, ast.get_docstring(node) or "", _definitions(node.body)))
    return found


def _signature(node: ast.FunctionDef) -> str:
    arguments = ast.unparse(node.args)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({arguments}){returns}"


def source_of(run: str) -> str:
    """Return the source text of the function that a `run` path names; raise LookupError if there is none."""
    module, _, name = run.partition(":")
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(text, node) or ""
    raise LookupError(run)


def type_link(place: tuple[str, str]) -> Markup:
    """Link a type to where the reference of the code has it; pages of its kind lie at the root of the site."""
    module, name = place
    code = f"<code>{escape(name)}</code>"
    ours = module.split(".")[0] in PACKAGES
    return Markup(f'<a href="api/{escape(module)}.html#{escape(name)}">{code}</a>' if ours else code)
