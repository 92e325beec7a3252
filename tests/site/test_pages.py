"""What is rendered: the same bytes each time, a page for every entry, links that lead somewhere, and text as it was typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from building import ROOT, build

from taxonomy import references
from taxonomy.loading import load

pytestmark = pytest.mark.slow

KINDS = ("attacks", "steps", "defenses", "targets", "threat-models")
NASTY = "Nasty | *x* <b>y</b> {{ 1 + 1 }} $z$ & `w` _v_ #u <script>alert(1)</script>"


class Page(HTMLParser):
    """Links, identities and text of one page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.scripts = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if found.get("id"):
            self.ids.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(found["href"])
        self.scripts += tag == "script"

    def handle_data(self, data):
        self.words.append(data)


def render(folder: Path, hash_seed: str) -> dict[str, bytes]:
    settings = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, ROOT / "site" / "render.py", folder], check=True, env=settings)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_twice_gives_the_same_bytes(tmp_path):
    first, second = render(tmp_path / "a", "1"), render(tmp_path / "b", "2")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_every_entry_term_and_work_has_a_page(site):
    catalog = load()
    wanted = {f"{kind}/{name}.html" for kind in KINDS for name in catalog.kinds[kind]}
    wanted |= {f"terms/{name}.html" for name in catalog.terms} | {f"references/{key}.html" for key in references.works(catalog)}
    assert [path for path in sorted(wanted) if not (site / path).is_file()] == []
    for kind in (
        "errata",
        "glossary",
        "factors",
        "milestones",
        "elements",
        "datasets",
        "perturbations",
        "vocabularies",
        "directions",
        "orderings",
        "statements",
    ):
        page = Page(site / f"{kind}.html")
        assert [name for name in catalog.kinds[kind] if name not in page.ids] == [], kind


def words(path: Path) -> str:
    """Return the text of a page, in one line."""
    return " ".join(" ".join(Page(path).words).split())


def test_what_is_from_memory_says_so(site):
    """Wherever a claim is shown that nobody looked up, its page has the words for it, as often as it has such claims."""
    catalog = load()
    remembered = [sum(s.source == "memory" for s in attack.published) for attack in catalog.attacks.values()]
    for attack, count in zip(catalog.attacks, remembered, strict=True):
        assert words(site / "attacks" / f"{attack}.html").count("from memory") >= count, attack
    orderings = [o.id for o in catalog.kinds["orderings"].values() if o.source == "memory"]
    assert words(site / "orderings.html").count("(from memory;") == len(orderings)
    for attack in catalog.attacks.values():
        if attack.surveyed and any(s.name == attack.surveyed.setting and s.source == "memory" for s in attack.published):
            assert "paper, from memory" in words(site / "table-2.html"), attack.id
    for page in ("orderings", "errata", "defenses-and-attacks", "table-2"):
        assert "(memory" not in words(site / f"{page}.html") and ", memory" not in words(site / f"{page}.html"), page


def test_years_say_which_they_are(site):
    """The road map has the survey's year, an attack the year of its first appearance; they differ for many works."""
    catalog = load()
    different = [
        (one.id, name)
        for one in catalog.kinds["milestones"].values()
        for name in one.entries
        if name in catalog.attacks and catalog.attacks[name].year != one.year
    ]
    assert different and "under which the survey has a work" in words(site / "milestones.html")
    for _, name in different:
        assert f"first appeared in {catalog.attacks[name].year}" in words(site / "attacks" / f"{name}.html")


def test_data_sets_show_their_terms(site):
    text = words(site / "datasets.html")
    for entry in load().kinds["datasets"].values():
        assert entry.licence in text, entry.id


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        outside = [url for url in page.loads if re.match(r"(https?:)?//", url)]
        assert not outside, f"{path.name} loads {outside}"
        if path.name == "404.html":
            continue  # it is shown at any depth, so its links start at the root of a server
        for link in page.links:
            if re.match(r"(https?:|mailto:)", link):
                continue
            file, anchor = urldefrag(unquote(link))
            place = (path.parent / file).resolve() if file else path
            if place.is_dir():
                place = place / "index.html"
            state = "=" in anchor or anchor == "__skip"  # of the explorer, or of the theme
            known = not anchor or state or place not in pages or anchor in pages[place].ids
            if not place.is_file() or not known:
                broken.append((path.name, link))
    assert broken == []


def test_styles_load_nothing_from_elsewhere(site):
    for path in site.rglob("*.css"):
        found = re.findall(r"url\(\s*['\"]?(https?:)?//[^)]*\)", path.read_text(encoding="utf-8"))
        assert not found, path


@pytest.fixture(scope="session")
def strange(tmp_path_factory) -> Path:
    """The site of a catalog with an entry whose text holds everything that Markdown, HTML and templates know."""
    folder = tmp_path_factory.mktemp("strange")
    entry = folder / "catalog" / "attacks" / "nasty.yaml"
    entry.parent.mkdir(parents=True)
    text = NASTY.replace("'", "''")
    entry.write_text(
        f"schema: 1\nid: nasty\ntitle: '{text}'\nsummary: '{text}'\naliases: ['{text}']\ncites: [shokri2017]\n"
        "needs: [discriminative, Q.scores]\npublished:\n"
        "  - {name: paper, observation: black-box, knows: [Q.scores], model: discriminative, frame: stand-alone, "
        "source: memory}\n"
    )
    return build(folder, folder / "catalog")


@pytest.mark.slow
def test_text_is_shown_as_typed(strange):
    page = Page(strange / "attacks" / "nasty.html")
    plain = Page(strange / "attacks" / "yeom-2018-loss.html")
    text = "".join(page.words)
    assert text.count(NASTY) >= 4, "title, heading, summary and nickname"
    assert page.scripts == plain.scripts, "text became a script"
    assert NASTY in "".join(Page(strange / "attacks" / "index.html").words)


def test_no_page_is_heavy_but_for_its_pictures(site):
    weights = {
        page: len(re.sub(r"<svg.*?</svg>", "", page.read_text(), flags=re.DOTALL).encode()) for page in site.rglob("*.html")
    }
    assert not {page: weight for page, weight in weights.items() if weight > 300_000}


@pytest.mark.slow
def test_the_weight_of_a_page_does_not_grow_with_their_number(site, tmp_path):
    """Three hundred more entries: the page of an attack is as heavy as before."""
    folder = tmp_path / "catalog" / "attacks"
    folder.mkdir(parents=True)
    for i in range(300):
        (folder / f"generated-{i}.yaml").write_text(
            f"schema: 1\nid: generated-{i}\ntitle: Generated {i}\nsummary: Generated.\ncites: [shokri2017]\n"
            "needs: [discriminative, Q.scores]\npublished:\n"
            "  - {name: paper, observation: black-box, knows: [Q.scores], model: discriminative, frame: stand-alone, "
            "source: memory}\n"
        )
    large = build(tmp_path, tmp_path / "catalog")
    before, after = ((folder / "attacks" / "yeom-2018-loss.html").stat().st_size for folder in (site, large))
    assert (large / "attacks" / "generated-299.html").is_file()
    print(f"page of one attack: {before:,} bytes, with three hundred more entries {after:,} bytes")
    assert after < 1.05 * before
