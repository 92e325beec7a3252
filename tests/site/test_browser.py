"""The site in a real Chromium, from file://: no request leaves it, nobody is shut out, and the explorer reasons as `mia` does."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from same_answers import agree

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from limited_threats import TIGHT, about_another_model

from taxonomy.entries import Limits
from taxonomy.threat import ThreatModel, contradictions

# The site is looked at in the browser of the system.
pytestmark = [pytest.mark.slow, pytest.mark.debian("chromium")]

# A page of each build: text, the explorer, an entry, a wide table. `make test-all` looks at others too, and as on a telephone.
PAGES = (
    "index.html",
    "explorer.html",
    "attacks/carlini-2022-lira.html",
    "attacks/index.html",
    "frontier.html",
    "table-2.html",
    "play.html",
)
MORE_PAGES = (
    *("targets/index.html", "map.html", "results.html", "cli.html", "milestones.html"),
    *("clauses.html", "atlas-contribution.html", "changes.html", "defenses/label-only.html"),
    *("learn/threat-models.html", "api/index.html", "orderings.html", "attacks/shokri-2017.html", "statements.html"),
)
# Ids whose words are broken at the end of a line, and the smallest text in a picture, in pixels on the screen.
BROKEN = """() => {
  const found = [];
  for (const code of document.querySelectorAll(".md-content a > code, .md-content th code, .md-content td code")) {
    const node = code.firstChild;
    if (!node || node.nodeType !== 3 || !code.getClientRects().length) continue;
    for (const word of node.data.matchAll(/[A-Za-z0-9]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size > 1) found.push(node.data);
    }
  }
  return found;
}"""
SMALLEST = """() => Math.min(99, ...[...document.querySelectorAll(".md-content svg.picture text")].map((text) => {
  const svg = text.ownerSVGElement, width = svg.getBoundingClientRect().width;
  return width ? parseFloat(getComputedStyle(text).fontSize) * width / svg.viewBox.baseVal.width : 99;
}))"""
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def page(browser, request):
    """Return a page that notes every request and every error; it may ask for colour scheme and size."""
    settings = {"viewport": DESK, "color_scheme": "light", **getattr(request, "param", {})}
    context = browser.new_context(**settings)
    opened = context.new_page()
    opened.requested, opened.errors = [], []
    opened.on("request", lambda r: opened.requested.append(r.url))
    opened.on("pageerror", lambda e: opened.errors.append(str(e)))
    yield opened
    context.close()


def visit(page, site: Path, path: str) -> None:
    page.goto((site / path.split("#")[0]).as_uri() + ("#" + path.split("#")[1] if "#" in path else ""))


@pytest.mark.parametrize(
    ("page", "paths"),
    [
        pytest.param({}, PAGES, id="desk"),
        pytest.param({}, MORE_PAGES, id="desk, more", marks=pytest.mark.slow),
        pytest.param({"viewport": PHONE, "color_scheme": "dark"}, PAGES + MORE_PAGES, id="phone, dark", marks=pytest.mark.slow),
    ],
    indirect=["page"],
)
def test_pages(page, paths, site):
    """No error, no request elsewhere, no serious finding of axe, nothing wider than the window, broken or too small to read."""
    from axe_playwright_python.sync_playwright import Axe

    found = {}
    for path in paths:
        visit(page, site, path)
        page.wait_for_load_state()
        serious = [
            (v["id"], v["impact"], v["nodes"][0]["html"][:120])
            for v in Axe().run(page).response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        if serious:
            found[path] = serious
        too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        assert not too_wide, f"{path} is wider than the window"
        assert page.evaluate(BROKEN) == [], path
        assert page.evaluate(SMALLEST) > 10.95, path
    assert not page.errors
    assert [url for url in page.requested if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
    assert found == {}


def test_search_finds_authors_nicknames_and_terms(page, site):
    visit(page, site, "index.html")
    for words, wanted in (
        ("Carlini", "Likelihood ratio attack"),
        ("LiRA", "Likelihood ratio attack"),
        ("RMIA", "Robust membership inference attack"),
        ("Shokri", "Shadow-model membership inference"),
        ("LLM", "language model"),
        ("GPT", "language model"),
        ("PyTorch", "Audit a network of PyTorch"),
        ("label only", "Label-only"),
        ("GAN", "GAN-Leaks"),
        ("federated", "Federated learning"),
        ("synthetic data", "DOMIAS"),
        ("shadow-models.matched", "Matched"),
    ):
        page.fill("input.md-search__input", "")
        page.locator("input.md-search__input").press_sequentially(words)
        page.wait_for_selector(".md-search-result__item", timeout=20_000)
        page.wait_for_function(
            "wanted => document.querySelector('.md-search-result__list').textContent.includes(wanted)", arg=wanted, timeout=20_000
        )
    for begun in ("label-", "DP-"):
        page.fill("input.md-search__input", begun)
        page.wait_for_function("!document.querySelector('.md-search-result__meta').textContent.includes('Initializing')")
    assert not page.errors


def test_tables_are_put_in_order(page, site):
    visit(page, site, "attacks/index.html")
    button = page.get_by_role("button", name="largest AUC")
    figures = "[...document.querySelectorAll('table.index tbody tr')].map(row => row.cells[1].dataset.value)"
    button.focus()
    page.keyboard.press("Enter")
    values = [float(value) for value in page.evaluate(figures) if value]
    assert values == sorted(values, reverse=True) and page.evaluate(figures)[-1] == "", "what was not measured stays last"
    page.keyboard.press("Enter")
    values = [float(value) for value in page.evaluate(figures) if value]
    assert values == sorted(values) and page.evaluate(figures)[-1] == ""
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_explorer_by_keyboard_with_state_in_the_address(page, site):
    visit(page, site, "explorer.html")
    before = page.inner_text("[role=status]")
    page.focus("input[name=knows][value='Q.scores']")
    page.keyboard.press("Space")
    assert page.inner_text("[role=status]") != before
    assert page.evaluate("document.activeElement.value") == "Q.scores", "the focus stays where it was"
    address = page.url
    assert "knows=" in address and "Q.scores" not in address
    after = page.inner_text("[role=status]")
    page.goto("about:blank")
    page.goto(address)
    assert page.inner_text("[role=status]") == after


def test_explorer_refuses_contradictions(page, site):
    visit(page, site, "explorer.html#model=discriminative&frame=stand-alone&observation=black-box&knows=M1.parameters")
    assert "white-box" in page.inner_text("[role=status]")


def test_a_missing_grant_can_be_granted(page, site):
    visit(page, site, "explorer.html#model=discriminative&frame=stand-alone&observation=black-box&knows=Q.labels")
    page.get_by_text("Not feasible").click()
    page.locator("button[data-grant='record.label']").first.evaluate("button => button.click()")
    assert "record.label" in page.url


def test_grants_that_a_black_box_adversary_cannot_have_are_marked(page, site):
    """As `mia feasible` marks them; granting one makes the observation white-box."""
    visit(page, site, "explorer.html#model=discriminative&frame=stand-alone&observation=black-box&knows=Q.labels,record.label")
    ways = page.locator("li:has(> button[data-grant*='M1.parameters'])")
    assert ways.count() and all("(needs white-box observation)" in text for text in ways.all_text_contents())
    others = page.locator("li:has(> button[data-grant])").all_text_contents()
    assert any("needs white-box" not in text for text in others)
    page.locator("button[data-grant*='M1.parameters']").first.evaluate("button => button.click()")
    assert "observation=white-box" in page.url and "M1.parameters" in page.url


def test_without_javascript_there_is_a_table(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    visit(page, site, "explorer.html")
    assert page.locator("#explorer").is_hidden()
    assert page.get_by_role("table").first.is_visible()
    context.close()


def test_explorer_answers_as_the_resolver_for_every_ready_threat_model(page, site, catalog, atlas):
    import explorer

    visit(page, site, "explorer.html")
    agree(page, atlas, [explorer.threat_model(catalog, name) for name in sorted(catalog.threat_models)])


@pytest.mark.slow
def test_explorer_answers_as_the_resolver_for_many_random_threat_models(page, site, catalog, atlas):
    draw = random.Random(2021)
    threats: list[ThreatModel] = []
    while len(threats) < 60:
        model, frame = draw.choice(["discriminative", "generative", "aggregate"]), draw.choice(["stand-alone", "federated"])
        terms = [name for name in catalog.grantable if catalog.terms[name].applies(model, frame)]
        knows = frozenset(draw.sample(terms, draw.randint(0, min(9, len(terms)))))
        limits = {name: draw.choice(values) for name, values in TIGHT.items() if draw.random() < 0.3}
        observation = draw.choice(["black-box", "white-box"])
        threat = ThreatModel(observation, model, frame, knows, Limits.model_validate(limits))
        if draw.random() < 0.5:
            threat = about_another_model(catalog, threat, draw.randrange(10_000))
        if not contradictions(catalog, threat):
            threats.append(threat)
    visit(page, site, "explorer.html")
    agree(page, atlas, threats)


def test_the_game_and_the_threshold(page, site):
    """Ten guesses by keyboard alone, the attacks on the same records, and a threshold that is moved; nothing leaves the page."""
    visit(page, site, "play.html")
    for number in range(1, 11):
        assert f"Digit {number} of 10" in page.locator("#play .turn").inner_text()
        button = page.get_by_role("button", name="It was trained on it" if number % 2 else "It never saw it")
        button.focus()
        page.keyboard.press("Enter")
    rows = page.locator("#play .told tbody tr")
    assert rows.count() == 11 and "You were right on" in page.locator("#play [role=status]").inner_text()
    assert rows.last.locator("td").all_text_contents()[1].endswith("of 10 right")
    says = page.locator("#play .says")
    page.get_by_role("radio", name="Likelihood ratio attack (LiRA), online").check()
    slider = page.get_by_role("slider", name="how many are accused")
    slider.fill("56")  # 52 members and 4 others lie above the threshold of 1 % FPR
    assert "13.0 %" in says.inner_text() and "4 of 400 others" in says.inner_text() and "92.9 %" in says.inner_text()
    page.get_by_role("slider", name="prior").fill("0")
    assert "1.3 %" in says.inner_text()
    slider.press("ArrowRight")
    assert "57" not in says.inner_text() and slider.input_value() == "57"
    assert not page.errors and all(url.startswith("file:") for url in page.requested)
