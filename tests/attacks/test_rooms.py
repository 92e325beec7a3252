"""The rooms of the code: what lies where, and which may import which. CONTRIBUTING shows the same picture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "attacks"
TESTS = ROOT / "tests"
# From the ground up. A room imports rooms of lower floors only; those of one floor do not know each other.
FLOORS = (
    {"errors", "seeds"},
    {"metrics"},
    {"models"},
    {"handles"},
    {"steps"},
    {"discriminative", "generative", "federated", "aggregate"},
    {"targets", "defenses"},
    {"engine", "flower"},
    {"evidence", "audit"},
    {"cli"},
)
# What everybody may import. Of these two each imports nothing of ours.
GROUND = {"errors", "seeds"}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path], *, types: bool = True) -> Iterator[str]:
    """Yield the modules of the house that a file imports anywhere; those for types only, too, unless `types` is false."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not types:
        tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield from [name] if name in known else [node.module] if node.module in known else []
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def arrows() -> set[tuple[str, str]]:
    """Return the arrows between rooms: who imports, and what."""
    known = modules()
    pairs = {(room(module), room(used)) for module, path in known.items() for used in imported(path, known)}
    return {(one, other) for one, other in pairs if one and other and one != other}


def test_nothing_lies_loose():
    assert {path.name for path in HOUSE.glob("*.py")} == {"__init__.py", "errors.py", "seeds.py"}
    folders = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(FLOOR) - GROUND


def test_tests_lie_in_the_rooms_of_what_they_test():
    folders = {path.parent.relative_to(TESTS / "attacks").as_posix() for path in TESTS.glob("attacks/**/test_*.py")}
    assert folders - {"."} <= set(FLOOR) - GROUND
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert len(names) == len(set(names)), "pytest tells files of tests by their names alone"


@pytest.mark.slow
def test_no_arrow_runs_up():
    wrong = {(one, other) for one, other in arrows() if other not in GROUND and FLOOR[other] >= FLOOR[one]}
    assert wrong == set()
    assert not any(one in GROUND for one, _ in arrows())


def test_no_circle_of_files():
    """No file imports itself by way of others, types that it only names and files of the own package aside."""
    known = modules()
    uses = {module: {used for used in imported(path, known, types=False) if used != module} for module, path in known.items()}
    packages = {module for module, path in known.items() if path.name == "__init__.py"}
    done = set[str]()

    def follow(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module in done:
            return
        for used in uses[module]:
            if used in packages and module.startswith(f"{used}."):
                continue
            follow(used, (*way, module))
        done.add(module)

    for module in known:
        follow(module, ())


def test_no_file_is_long():
    files = [path for folder in ("attacks", "taxonomy", "site", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert not {path: lines for path in files if (lines := path.read_text(encoding="utf-8").count("\n")) > 400}


def test_the_knowledge_imports_nothing_of_the_house():
    for path in (ROOT / "taxonomy").glob("*.py"):
        assert not list(imported(path, modules())), path


def test_the_picture_in_contributing_shows_every_room_on_its_floor():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text.split("## Where things are", 1)[1].split("```", 2)[1]
    shown = [
        set(line.split("  ")[0].split()) for line in picture.splitlines() if line.startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
    ]
    named = [rooms & set(FLOOR) for rooms in shown]
    assert set().union(*named) == set(FLOOR)
    floors = [FLOOR[min(rooms)] for rooms in named if rooms]
    assert floors == sorted(floors, reverse=True), "from the roof to the ground"


def test_contributing_says_of_every_file_of_the_knowledge_what_it_is_about():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text.split("`taxonomy/` (what is known", 1)[1].split("```", 2)[1]
    named = [name for line in picture.splitlines() if line for name in line[22:].split()]
    files = {path.stem for path in (ROOT / "taxonomy").glob("*.py")} - {"__init__"}
    assert set(named) == files and len(named) == len(files)
