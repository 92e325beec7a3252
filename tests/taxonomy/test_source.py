"""The fingerprint of code: what changes it, and what does not."""

from __future__ import annotations

import pytest
from bad_catalogs import ATTACK

from taxonomy import source
from taxonomy.check import check
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
    return source.digest([source.Package("pack", folder)], "pack.attack:infer")


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


def test_an_attack_reaches_the_signals_but_not_its_neighbours(monkeypatch):
    from attacks.code import Code

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
    assert [f.line for f in check([tmp_path], [tmp_path])[1] if f.code == "MIA015"] == [6]
