"""Files and folders of anyone's: whatever lies there, the answer comes, and it is a finding with its place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from bad_catalogs import ATTACK

from taxonomy import cache, files, references, yamlfile
from taxonomy.catalog import Catalog
from taxonomy.check import check
from taxonomy.entries import Entry
from taxonomy.findings import MAX_FINDINGS, CatalogError, Finding, printable
from taxonomy.loading import load
from taxonomy.reader import read

DIGITS = "9" * 5000

# text of a file -> code, line and column of the first finding, and part of its message
HOSTILE: dict[str, tuple[str | bytes, str, int, int, str]] = {
    "only ~": ("~", "MIA008", 1, 1, "must hold a mapping"),
    "only null": ("# nothing\nnull\n", "MIA008", 2, 1, "must hold a mapping"),
    "only ---": ("---\n", "MIA008", 2, 1, "must hold a mapping"),
    "a word": ("hello", "MIA008", 1, 1, "must hold a mapping"),
    "a list": ("- 1\n", "MIA008", 1, 1, "must hold a mapping"),
    "a comment": ("# nothing\n", "MIA002", 1, 1, "empty"),
    "an integer of 5,000 digits": (f"a: {DIGITS}", "MIA008", 1, 4, "too large"),
    "a negative one": (f"a: -{DIGITS}", "MIA008", 1, 4, "too large"),
    "one as a key": (f"{DIGITS[:900]}: 1", "MIA008", 1, 1, "too large"),
    "one that JSON would round": ("a: [1, 9007199254740993]", "MIA008", 1, 8, "too large"),
    "a float of 400 digits": (f"a: {DIGITS[:400]}.5", "MIA008", 1, 4, "too large"),
    "a float without end": ("a: 1.0e+400", "MIA008", 1, 4, "too large"),
    "a bell": ("a: x\nb: y\a", "MIA002", 2, 5, "U+0007"),
    "a zero": ("a: x\0", "MIA002", 1, 5, "U+0000"),
    "a new line of YAML 1.1 alone": ("a: x\x85", "MIA002", 1, 5, "U+0085"),
    "text that turns its direction": ("a: x\u202e", "MIA002", 1, 5, "U+202E"),
    "an escape that steers the terminal": ('a: 1\nb: "\\e[31m"', "MIA008", 2, 4, "U+001B"),
    "a key that steers the terminal": ('"\\e[31m": 1', "MIA008", 1, 1, "U+001B"),
    "UTF-16": ("a: 1".encode("utf-16"), "MIA001", 1, 1, "not UTF-8"),
    "a key that is a list": ("? [a]\n: 1\n", "MIA008", 1, 3, "a key must be text"),
    "an alias": ("a: &x 1\nb: *x\n", "MIA003", 1, 4, "alias"),
    "an alias as a key": ("{&x a: 1, *x : 2}", "MIA003", 1, 2, "alias"),
    "an alias of itself": ("a: &x [*x]", "MIA003", 1, 4, "alias"),
    "a set": ("a: !!set {x, y}", "MIA003", 1, 4, "plain values"),
    "a map that is a list": ("a: !!map [x]", "MIA003", 1, 4, "plain values"),
    "a number that is text": ("a: !!int 'x'", "MIA003", 1, 4, "plain values"),
    "a tag on a key": ("!x a: 1", "MIA003", 1, 1, "plain values"),
    "two documents": ("a: 1\n---\nb: 1\n", "MIA002", 2, 1, "another document"),
    "flow too deep": ("a: " + "[" * 500_000, "MIA002", 1, 1003, "nesting"),
    "blocks too deep": ("- " * 300_000, "MIA002", 1, 1999, "nesting"),
    "deeper than anything of ours": ("a: " + "[" * 30 + "]" * 30, "MIA002", 1, 24, "nested more than 20"),
    "more values than anything of ours": ("a: [" + "1," * 30_000 + "]", "MIA001", 1, 40_001, "more than 20,000 values"),
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_a_hostile_file_is_a_finding_at_its_place(tmp_path, case):
    text, code, line, column, message = HOSTILE[case]
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = yamlfile.read(path).findings
    assert (found[0].code, found[0].line, found[0].column) == (code, line, column), str(found[0])
    assert message in found[0].message and len(str(found[0])) < 700
    assert str(found[0]).isprintable()


def test_what_is_large_but_sound_is_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("\ufeffa: [-9007199254740992, 9007199254740992, 1.5]\nb:\n" + "".join(f"  k{i}: {i}\n" for i in range(5000)))
    document = yamlfile.read(path)
    assert not document.findings
    assert document.data["a"] == [-(2**53), 2**53, 1.5] and document.data["b"]["k4999"] == 4999


def attack_file(folder: Path, text: str) -> Path:
    (folder / "attacks").mkdir(parents=True, exist_ok=True)
    (folder / "attacks" / "bad-attack.yaml").write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        ATTACK + "".join(f"more{i}: 1\n" for i in range(15_000)),
        ATTACK.replace("Q.scores", ", ".join(f"Q.scores{i}" for i in range(15_000))),
        ATTACK + "title: again\n" * 15_000,
        ATTACK + "cites: [" + "1, " * 15_000 + "]\n",
        ATTACK + "targets: {power: [" + ", ".join(f"digits-{i}" for i in range(15_000)) + "]}\n",
    ],
    ids=["unknown keys", "unknown terms", "repeated keys", "wrong types", "unknown targets"],
)
def test_a_file_that_is_wrong_throughout_gives_some_findings_and_says_that_there_are_more(tmp_path, text):
    with pytest.raises(CatalogError) as caught:
        load([attack_file(tmp_path, text)])
    found = caught.value.findings
    assert len(found) == MAX_FINDINGS + 1 and found[-1].code == "MIA031"


def test_reading_more_entries_takes_time_in_proportion(tmp_path, monkeypatch):
    """All entries by id are put together as often for four attacks as for eight; once for each would take its square."""
    put_together = []

    def counted(catalog: Catalog) -> dict[str, Entry]:
        put_together.append(catalog)
        return entries(catalog)

    entries = Catalog.entries.fget
    monkeypatch.setattr(Catalog, "entries", property(counted))
    (tmp_path / "attacks").mkdir()
    counts = []
    for attacks in (range(4), range(4, 8)):
        for i in attacks:
            (tmp_path / "attacks" / f"attack-{i}.yaml").write_text(ATTACK.replace("bad-attack", f"attack-{i}"))
        put_together.clear()
        assert len(read([tmp_path])[0].attacks) == attacks.stop
        counts.append(len(put_together))
    assert counts[0] == counts[1] > 0


@pytest.mark.slow
def test_thousands_of_unknown_works_are_cut_short(tmp_path, monkeypatch):
    monkeypatch.setattr("taxonomy.evidence.files", lambda catalog: [])
    works = ", ".join(f"shokri{i}" for i in range(15_000))
    found = check([attack_file(tmp_path, ATTACK + f"cites: [{works}]\n")])[1]
    assert sum(f.code == "MIA014" for f in found) == MAX_FINDINGS and "MIA031" in {f.code for f in found}


def test_thousands_of_wrong_files_are_cut_short(tmp_path):
    (tmp_path / "attacks").mkdir()
    for i in range(300):
        (tmp_path / "attacks" / f"x{i}.yaml").write_text("x: 1\n")
    assert len(read([tmp_path])[1]) == MAX_FINDINGS + 1


# -- what lies in a folder


def special(kind: str, path: Path) -> None:
    """Make something at `path` that is no file as one expects it."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    else:
        path.mkdir()


@pytest.fixture
def near(tmp_path, monkeypatch) -> Path:
    """Return an empty folder with a short path from here: the path of a socket may have some hundred characters."""
    monkeypatch.chdir(tmp_path)
    return Path("c")


KINDS_OF_PLACE = ["pipe", "socket", "device", "link to itself", "link to nothing", "folder"]


@pytest.mark.parametrize("kind", KINDS_OF_PLACE)
@pytest.mark.parametrize("place", ["attacks/x.yaml", "taxonomy.yaml"])
def test_what_is_no_file_is_a_finding(near, kind, place):
    (near / "attacks").mkdir(parents=True)
    special(kind, near / place)
    assert cache.key([near]) is None, "and is not waited for where the cache looks whether anything has changed"
    with pytest.raises(CatalogError) as caught:
        load([near])
    assert [(f.code, f.file) for f in caught.value.findings] == [("MIA001", f"c/{place}")]


@pytest.mark.parametrize("kind", [*KINDS_OF_PLACE, "file"])
def test_what_is_no_folder_of_entries_is_a_finding(near, kind):
    near.mkdir()
    if kind == "file":
        (near / "attacks").write_text("")
    elif kind == "folder":
        (near / "atacks").mkdir()
    else:
        special(kind, near / "attacks")
    found = read([near])[1]
    assert found[0].code == "MIA011" and found[0].file == ("c/atacks" if kind == "folder" else "c/attacks")
    assert kind != "folder" or found[0].hint == "did you mean attacks?"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to itself", "link to nothing", "file", "none"])
def test_what_is_no_catalog_is_a_finding(near, kind):
    if kind == "file":
        near.write_text("")
    elif kind != "none":
        special(kind, near)
    found = read([near])[1]
    assert len(found) == 1 and found[0].code == "MIA011" and found[0].file == "c"


def test_links_that_lead_back_are_not_followed(near):
    """Each level of two links that lead up doubles the number of paths; entries lie one level deep, so none is followed."""
    (near / "attacks").mkdir(parents=True)
    for i in range(3):
        (near / "attacks" / f"up{i}").symlink_to("..")
        (near / f"up{i}").symlink_to(".")
    (near / "attacks" / "bad-attack.yaml").write_text(ATTACK)
    assert "bad-attack" in load([near]).attacks


def test_the_lock_of_an_editor_is_no_entry(near):
    attack_file(near, ATTACK)
    special("link to nothing", near / "attacks" / ".#bad-attack.yaml")
    assert "bad-attack" in load([near]).attacks


def test_a_folder_that_is_a_link_is_read(near, tmp_path):
    attack_file(tmp_path / "elsewhere", ATTACK)
    near.mkdir()
    (near / "attacks").symlink_to(tmp_path / "elsewhere" / "attacks")
    assert "bad-attack" in load([near]).attacks


def test_more_files_than_are_read(near, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 20)
    (near / "attacks").mkdir(parents=True)
    for i in range(30):
        (near / "attacks" / f"x{i}.txt").touch()
    assert [f.message for f in read([near])[1]] == ["the folder holds more than 20 files"]


def test_more_bytes_than_are_read(near, monkeypatch):
    attack_file(near, ATTACK)
    for name in ("taxonomy.reader.MAX_TOTAL", "taxonomy.cache.MAX_TOTAL"):
        monkeypatch.setattr(name, 20)
    assert [f.message for f in read([near])[1]] == ["the folder holds more than 20 bytes"]
    assert cache.key([near]) is None


def test_a_file_that_cannot_be_read_is_a_finding(near, monkeypatch):
    """As its owner might have it: permissions stop everyone but the administrator, who runs these tests in some places."""
    attack_file(near, ATTACK)
    real = os.open

    def refuse(path, *arguments, **named):
        if str(path).endswith("bad-attack.yaml"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **named)

    monkeypatch.setattr("os.open", refuse)
    assert [(f.code, f.message) for f in read([near])[1]] == [("MIA001", "the file cannot be read: Permission denied")]
    monkeypatch.setattr("os.scandir", refuse_folder)
    assert [(f.code, f.message) for f in read([near])[1]] == [("MIA011", "the folder cannot be read: Permission denied")]


def refuse_folder(path):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("kind", [*KINDS_OF_PLACE[:4], "abbreviations", "bytes", "broken"])
def test_references_of_anyones(near, kind):
    near.mkdir()
    path = near / "references.bib"
    texts = {
        "abbreviations": b"@string{a0={xxxxxxxxxx}}\n"
        + b"".join(b"@string{a%d=a%d # a%d}\n" % (i, i - 1, i - 1) for i in range(1, 60)),
        "bytes": b"\xff",
        "broken": b"@misc{x, title={" + b"{" * 100_000,
    }
    if kind in texts:
        path.write_bytes(texts[kind])
    else:
        special(kind, path)
    (found,) = references.problems([near])
    assert found.file == "c/references.bib" and found.severity == "error"
    assert references.works(Catalog(folders=[near])) == {}


def test_findings_do_not_steer_the_terminal(near):
    found = Finding("MIA012", "unknown term '\x1b[31m'", printable("a\x1bb\udcff.yaml"), hint="\u202e" + "x" * 10_000)
    assert str(found).isprintable() and "\\x1b" in str(found) and len(str(found)) < 700
    near.mkdir()
    (near / "attacks").mkdir()
    try:
        (near / "attacks" / "a\x1bb.yaml").write_text("x: 1\n")
    except OSError:
        pytest.skip("this file system knows no such name")
    assert all(str(f).isprintable() for f in read([near])[1])
