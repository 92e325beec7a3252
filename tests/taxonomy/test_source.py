"""The fingerprint of code: what changes it, and what does not."""

from __future__ import annotations

import ast

import pytest
from bad_catalogs import ATTACK

from taxonomy import check, digests, source
from taxonomy.findings import InputError

BASE = {
    "__init__": "",
    "attack": (
        "from pack import helper\nfrom pack.signals import margin\n\nLEVEL = 3\n\n\n"
        "def infer(records, scores, *, count: int = 2, seed: int = 0):\n"
        '    """Doc."""\n    # a comment\n    return margin(helper.scale(scores, LEVEL))\n\n\ndef other():\n    return 1\n'
    ),
    "signals": "def margin(x):\n    return _inner(x)\n\n\ndef _inner(x):\n    return x - 1\n\n\ndef unused():\n    return 5\n",
    "helper": "def scale(x, by):\n    return x * by\n\n\ndef unused():\n    return 7\n",
}


def digest(tmp_path, **changes):
    folder = tmp_path / f"v{len(list(tmp_path.iterdir()))}" / "pack"
    folder.mkdir(parents=True)
    for name, text in BASE.items():
        before, after = changes.get(name, ("", ""))
        assert before in text
        (folder / f"{name}.py").write_text(text.replace(before, after) if before else text)
    return digests.digest([source.Package("pack", folder)], "pack.attack:infer")


@pytest.mark.parametrize(
    "change",
    [
        {"attack": ("# a comment\n", "# another\n")},
        {"attack": ('"""Doc."""', '"""Other words."""')},
        {"attack": ("return 1", "return 2")},
        {"signals": ("return 5", "return 6")},
        {"helper": ("return 7", "return 8")},
        {"signals": ("return x - 1", "return (x -\n            1)")},
    ],
    ids=["comment", "docstring", "function not reached", "same module, not reached", "by module, not reached", "formatting"],
)
def test_what_does_not_count(tmp_path, change):
    assert digest(tmp_path, **change) == digest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"attack": ("return margin(", "return -margin(")},
        {"attack": ("LEVEL = 3", "LEVEL = 4")},
        {"attack": ("count: int = 2", "count: int = 3")},
        {"signals": ("x - 1", "x - 2")},
        {"helper": ("x * by", "x + by")},
    ],
    ids=["function", "constant", "default", "reached through an import", "reached through a module"],
)
def test_what_counts(tmp_path, change):
    assert digest(tmp_path, **change) != digest(tmp_path)


# Each says where code stands in other words, and not what it does: files of the package, and what `infer` is called by.
PLACES = {
    "another file": (
        {
            "signals": "from pack.deep.inner import _inner\n\n\ndef margin(x):\n    return _inner(x)\n",
            "deep/inner": "def _inner(x):\n    return x - 1\n",
            "deep/__init__": "",
        },
        {},
    ),
    "another name of the file": (
        {"scaling": BASE["helper"], "helper": ""},
        {"from pack import helper": "from pack import scaling", "helper.scale": "scaling.scale"},
    ),
    "imported by name": ({}, {"from pack import helper": "from pack.helper import scale", "helper.scale": "scale"}),
    "passed on by another module": (
        {"door": "from pack.signals import margin\n"},
        {"from pack.signals import margin": "from pack.door import margin"},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_where_code_stands_does_not_count(tmp_path, place):
    files, words = PLACES[place]
    folder = tmp_path / "moved" / "pack"
    attack = BASE["attack"]
    for old, new in words.items():
        assert old in attack
        attack = attack.replace(old, new)
    for name, text in {**BASE, "attack": attack, **files}.items():
        (folder / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(text)
    moved = digests.digest([source.Package("pack", folder)], "pack.attack:infer")
    assert moved == digest(tmp_path)


def test_what_a_string_names_by_its_path_counts_and_its_place_does_not(tmp_path):
    """Families of generators, and work that the store keeps, are named so."""

    def digest(module, body):
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / "pack"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / f"{module}.py").write_text(f"def build():\n    return {body}\n")
        (folder / "attack.py").write_text(
            f'KINDS = {{"one": "pack.{module}:build"}}\n\n\ndef infer(records):\n    return KINDS\n'
        )
        return digests.digest([source.Package("pack", folder)], "pack.attack:infer")

    assert digest("old", 1) == digest("new", 1)
    assert digest("old", 2) != digest("new", 1)


def test_which_of_two_definitions_of_one_name_is_meant_counts(tmp_path):
    """Two helpers of the same name in two modules are told apart by who uses them, though no place counts."""
    users = "from pack.{} import f as f\n\n\ndef {}(x):\n    return f(x)\n"

    def digest(first, second):
        folder = tmp_path / first / "pack"
        folder.mkdir(parents=True)
        texts = {"__init__": "", "one": "def f(x):\n    return 1\n", "two": "def f(x):\n    return 2\n"}
        texts |= {"left": users.format(first, "left"), "right": users.format(second, "right")}
        texts["attack"] = (
            "from pack.left import left\nfrom pack.right import right\n\n\ndef infer(r):\n    return left(r), right(r)\n"
        )
        for name, text in texts.items():
            (folder / f"{name}.py").write_text(text)
        return digests.digest([source.Package("pack", folder)], "pack.attack:infer")

    assert digest("one", "two") != digest("two", "one")


def test_an_attack_reaches_the_signals_but_not_its_neighbours(monkeypatch):
    from attacks.engine.code import Code

    code = Code()
    lira, rmia = (code.digest(f"attacks.discriminative.calibrated:{name}") for name in ("lira", "rmia"))
    assert lira != rmia
    with pytest.raises(ValueError):
        code.digest("attacks.discriminative.calibrated:no_such_attack")


def test_signatures_are_read_without_importing(tmp_path):
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "attack.py").write_text(BASE["attack"])
    found = source.signature(source.Package("pack", folder), "pack.attack:infer")
    assert found == source.Signature(("records", "scores"), ("count", "seed"), frozenset({"count", "seed"}))


# -- code that is not ours counts as a whole --------------------------------------------------------------------------------

# Each way in which code reaches what it runs on: the function, and a file with what is changed in it.
PATTERNS = {
    "relative import": ("from .helper import f\ndef infer(records):\n    return f(records)", "helper.py"),
    "module by another name": ("import mine.helper as h\ndef infer(records):\n    return h.f(records)", "helper.py"),
    "import in the function": ("def infer(records):\n    from mine.helper import f\n    return f(records)", "helper.py"),
    "import by a string": (
        "import importlib\ndef infer(records):\n    return importlib.import_module('mine.helper').f(records)",
        "helper.py",
    ),
    "star": ("from mine.helper import *\ndef infer(records):\n    return f(records)", "helper.py"),
    "registry": ("from mine import helper, registry\ndef infer(records):\n    return registry.FOUND['f'](records)", "helper.py"),
    "else": ("try:\n    import fast\nexcept ImportError:\n    SLOW = 1\ndef infer(records):\n    return SLOW", "attack.py"),
    "data": ("from pathlib import Path\ndef infer(records):\n    return Path(__file__).with_name('w.csv').read_text()", "w.csv"),
    "neighbour": ("import beside\ndef infer(records):\n    return beside.f(records)", "../beside.py"),
}


@pytest.fixture
def mine(tmp_path):
    """A folder of somebody's own with a package, and the hash of its attack."""
    folder = tmp_path / "code"
    (folder / "mine").mkdir(parents=True)
    for name in ("__init__.py", "registry.py"):
        (folder / "mine" / name).write_text("FOUND = {}\n")
    for name in ("mine/helper.py", "beside.py"):
        (folder / name).write_text("def f(x):\n    return 1\n")
    (folder / "mine" / "w.csv").write_text("1\n")
    (folder / "mine" / "attack.py").write_text("def infer(records):\n    return 1\n\n\ndef other(records):\n    return 2\n")

    def digest(run="mine.attack:infer"):
        ours = [check.package(name) for name in check.OWN]
        return digests.digest([*ours, *source.packages_in(folder).values()], run)

    return folder, digest


@pytest.mark.parametrize("pattern", PATTERNS)
def test_whatever_code_of_ones_own_reaches_counts(mine, pattern):
    folder, digest = mine
    code, changed = PATTERNS[pattern]
    (folder / "mine" / "attack.py").write_text(code)
    before = digest()
    path = folder / "mine" / changed
    path.write_text(path.read_text().replace("1", "2"))
    assert digest() != before


def test_what_tools_put_into_a_folder_does_not_count(mine):
    """Else a run that writes there, or the import itself, would make all work stale, and evidence could never be fresh."""
    folder, digest = mine
    before = digest()
    made = [".git/HEAD", ".env", "__pycache__/a.cpython-311.pyc", "venv/pyvenv.cfg", "venv/lib/x.py", "store/CACHEDIR.TAG"]
    made += ["store/nodes/x", "mia-runs/a/results.json", "mia-runs/a/scores.npz", "mia-runs/a/report.html", "mia-runs/a/roc.png"]
    made += ["results.json", "scores.npz", "samples.png", "entries/attacks/.keep", "entries/evidence/doe-2027.json"]
    for name in made:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("new")
    assert digest() == before
    (folder / "mine" / "evidence").mkdir()
    (folder / "mine" / "evidence" / "data.json").write_text("1")
    assert digest() != before, "evidence is what lies beside entries"


def test_words_and_place_of_a_folder_do_not_count(mine):
    folder, digest = mine
    before = digest()
    assert digest("mine.attack:other") != before
    attack = folder / "mine" / "attack.py"
    attack.write_text('"""Words."""\n# a comment\n' + attack.read_text().replace("return 1", "return (\n        1)"))
    assert digest() == before
    moved = folder.rename(folder.with_name("elsewhere"))
    assert digests.digest(list(source.packages_in(moved).values()), "mine.attack:infer") == before


@pytest.mark.parametrize(
    "code",
    [
        "from pack.signals import margin",
        "from pack import signals",
        "import pack.signals as s",
        "def f():\n    import pack.signals",
        "def f():\n    from pack.signals import *",
    ],
)
def test_what_a_folder_imports_of_ours_counts(mine, tmp_path, code):
    folder, _ = mine
    (folder / "beside.py").write_text(code)
    ours = tmp_path / "pack"
    ours.mkdir()
    (ours / "__init__.py").write_text("")
    (ours / "helper.py").write_text("def scale():\n    return 1\n")

    def digest(text):
        (ours / "signals.py").write_text(text)
        return digests.digest([source.Package("pack", ours), *source.packages_in(folder).values()], "mine.attack:infer")

    before = digest("def margin():\n    return 1\n")
    assert digest("def margin():\n    return 22\n") != before
    (ours / "helper.py").write_text("def scale():\n    return 2\n")
    assert digest("def margin():\n    return 1\n") == before, "what is not imported does not count"


def test_a_file_that_cannot_be_read_is_one_sentence(mine, monkeypatch):
    folder, digest = mine
    monkeypatch.setattr("taxonomy.digests.folders.files", lambda root: iter([root / "gone.csv"]))
    with pytest.raises(InputError, match=r"gone\.csv cannot be read"):
        digest()
    with pytest.raises(LookupError):
        digests.digest(list(source.packages_in(folder).values()), "mine.attack:missing")


@pytest.mark.slow
def test_our_own_code_keeps_to_what_can_be_followed():
    """It is followed name by name, so that evidence hangs on what it rests on; here is what that would miss."""
    missed = []
    for path in sorted(path for name in check.OWN for path in check.package(name).folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for top in tree.body:
            for node in ast.walk(top):
                place = f"{path.parent.name}/{path.name}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
                    missed.append(f"{place} is a relative import, or takes all names")
                if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in check.OWN for alias in node.names):
                    missed.append(f"{place} imports a module by its path")
                late = isinstance(node, ast.ImportFrom) and node is not top and not isinstance(top, ast.If)
                if late and (node.module or "").split(".")[0] in check.OWN and not LOADED_LATE & {*path.parts, path.stem}:
                    missed.append(f"{place} imports inside a function")
            for decorator in getattr(top, "decorator_list", []):
                if getattr(getattr(decorator, "func", decorator), "id", None) in functions:
                    missed.append(f"{path.name}:{decorator.lineno} registers a function")
    assert missed == []


# Rooms above the attacks, which no `run` path names: they load late what a quick command does not need.
LOADED_LATE = {"audit", "cli", "edition", "engine", "loading", "ready", "strengths"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"def infer(records, labels:\n", ":1:10: this is no Python"),
        (b"\xff\xfe", "this is no Python"),
        (b"x = \0", "this is no Python"),
        (b"x = " + b"(" * 50_000, "this is no Python"),
        (b"x = " + b"-" * 50_000 + b"1", "this is no Python"),
        (b"#" * (1 << 21), "cannot be read"),
    ],
    ids=["syntax", "bytes", "zero", "parentheses", "depth", "size"],
)
def test_source_that_is_no_python_is_one_sentence(tmp_path, monkeypatch, text, place):
    monkeypatch.setattr("taxonomy.evidence.files", lambda catalog: [])
    (tmp_path / "mine.py").write_bytes(text)
    home = source.packages_in(tmp_path)["mine"]
    with pytest.raises(InputError, match=place) as caught:
        source.signature(home, "mine:infer")
    assert "mine.py" in str(caught.value) and "\n" not in str(caught.value)
    entry = ATTACK + "run: mine:infer\ntargets: {power: [digits-mlp], null: digits-null}\n"
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "bad-attack.yaml").write_text(entry)
    assert [f.line for f in check.check([tmp_path], [tmp_path])[1] if f.code == "MIA015"] == [6]
