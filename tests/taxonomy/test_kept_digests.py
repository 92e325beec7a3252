"""What `mia check` keeps between two runs: digests of code and parsed files, by content, and nothing is lost where that fails."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bad_catalogs import ATTACK, PUBLISHED

from taxonomy import cache, digests, loading
from taxonomy.check import check
from taxonomy.fingerprints import code_digests
from taxonomy.kept_digests import PART, kept_digests
from taxonomy.source import Package

RUNS = ("mine.one:first", "mine.one:second", "mine.two:third")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIA_CATALOG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text(
        "from mine.two import third\n\ndef first():\n    return third()\n\ndef second():\n    return 2\n"
    )
    (folder / "two.py").write_text("def third():\n    return 3\n")
    return folder


def kept(code: Path, *runs: str, whole: Path | None = None) -> list[str]:
    with kept_digests([Package("mine", code, whole)]) as digest:
        return [digest(run) for run in runs or RUNS]


def plain(code: Path) -> list[str]:
    digest = code_digests([Package("mine", code)])
    return [digest(run) for run in RUNS]


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(packages, run):
        raise AssertionError(f"{run} was followed through the code again")

    monkeypatch.setattr(digests, "digest", digest)


def test_digests_are_kept(code, own_cache, monkeypatch):
    expected = plain(code)
    assert kept(code, RUNS[0]) == expected[:1] and kept(code) == expected, "what one asks for is added to what another did"
    refuse(monkeypatch)
    assert kept(code) == expected


def test_another_content_is_another_digest(code, own_cache):
    before = kept(code)
    (code / "two.py").write_text("def third():\n    return 4\n")
    after = kept(code)
    assert after == plain(code) and [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]
    (code / "two.py").write_text("# only a word\ndef third():\n    return 4\n")
    assert kept(code) == after
    (code / "two.py").write_text("def third():\n    return 3\n")
    assert kept(code) == before


def test_another_algorithm_is_another_key(code, own_cache, monkeypatch, tmp_path):
    kept(code)
    (tmp_path / "digests.py").write_text("# another way to make them\n")
    monkeypatch.setattr(digests, "__file__", str(tmp_path / "digests.py"))
    kept(code)
    assert len(list(own_cache.iterdir())) == 2


def flipped(text: str) -> str:
    """A file of which one digest is another one: only its sum tells."""
    data = json.loads(text)
    data["digests"][RUNS[0]] = "0" * 64
    return json.dumps(data)


@pytest.mark.parametrize("damage", [lambda _: "", lambda _: "[1", lambda _: "3", lambda _: '{"digests": 3, "sum": ""}', flipped])
def test_what_is_damaged_is_not_believed(code, own_cache, damage, monkeypatch):
    expected = kept(code)
    (file,) = own_cache.glob(f"*/{PART}.json")
    file.write_text(damage(file.read_text()))
    assert kept(code) == expected
    refuse(monkeypatch)
    assert kept(code) == expected, "and is mended"


def test_a_part_that_is_gone_is_made_again(code, own_cache):
    expected = kept(code)
    next(own_cache.glob(f"*/{PART}.json")).unlink()
    assert kept(code) == expected


def test_without_a_place_to_keep_them(code, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIA_CATALOG_CACHE", str(tmp_path / "file" / "cache"))
    assert kept(code) == kept(code) == plain(code)


def test_code_that_cannot_be_read_is_not_kept(code, own_cache, monkeypatch):
    def unreadable(self):
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", unreadable)
    assert kept(code) == plain(code) and not own_cache.exists()


def test_what_is_missing_and_a_folder_that_counts_as_a_whole_are_not_kept(code, own_cache):
    assert kept(code, "mine.one:nothing") == ["missing"] and not own_cache.exists()
    assert kept(code, whole=code) and not own_cache.exists()


def test_several_at_once(code, own_cache):
    """Whoever comes last is kept, whole; nobody is given half of it."""
    expected = plain(code)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: kept(code, RUNS[i % 3]), range(24))) == [expected[i % 3 : i % 3 + 1] for i in range(24)]
    assert kept(code) == expected and not list(own_cache.glob("draft-*"))


# -- the whole check

IDLE = PUBLISHED.format(knows="Q.scores, D1.size")


@pytest.mark.slow
def test_a_check_says_the_same_from_the_cache(tmp_path, own_cache, monkeypatch):
    """At the same places too, though files in which nothing is wrong are read only where something is said of them."""
    entry = tmp_path / "mine" / "attacks" / "bad-attack.yaml"
    entry.parent.mkdir(parents=True)
    entry.write_text(ATTACK + IDLE)
    first = check([tmp_path / "mine"])[1]
    (idle,) = (f for f in first if f.code == "MIA019")
    assert idle.line == 9 and idle.column > 1
    with monkeypatch.context() as patch:
        patch.setattr(loading, "_read", lambda folders: pytest.fail("the files were parsed again"))
        assert check([tmp_path / "mine"])[1] == first
    entry.write_text((ATTACK + IDLE).replace(", D1.size", ""))
    assert [f for f in check([tmp_path / "mine"])[1] if f.code == "MIA019"] == []
    entry.write_text(ATTACK.replace("Q.scores", "Q.scoers"))
    for _ in range(2):
        assert [f.code for f in check([tmp_path / "mine"])[1] if f.severity == "error"] == ["MIA012"]


@pytest.mark.slow
def test_a_check_survives_a_damaged_catalog(tmp_path, own_cache):
    first = check()[1]
    for file in own_cache.glob("*/*.json"):
        file.write_text("[")
    assert check()[1] == first
    assert cache.find("nothing") is None
