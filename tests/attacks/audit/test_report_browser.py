"""The page in a real Chromium: on a telephone, in the dark, for who cannot see it, and on paper."""

from __future__ import annotations

import re
import zlib

import pytest
from audited import IDS, MEMBER, audit

from attacks.audit import report
from taxonomy.loading import load

pytestmark = [pytest.mark.slow, pytest.mark.debian("chromium")]
SHAPES = [({"width": 1280, "height": 900}, "light"), ({"width": 390, "height": 844}, "dark")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    data, scores = audit()
    report.write(data, scores, MEMBER, folder, ids=IDS, exhibits={}, catalog=load())
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize(("viewport", "scheme"), SHAPES)
def test_nothing_is_wider_than_the_window_nobody_is_shut_out_and_no_request_leaves(browser, address, viewport, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    requested, errors = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    found = [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert found == [] and errors == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    context.close()


def test_without_scripts_it_says_the_same(browser, address):
    told = []
    for scripts in (True, False):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.goto(address)
        told.append(page.locator("main").inner_text())
        context.close()
    assert told[0] == told[1] and "are found while" in told[0]


def test_printed_it_is_a4_with_the_sentence_on_the_first_page_and_no_table_is_cut(browser, address):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    content = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content + _unpacked(content))
    assert boxes and all(abs(float(w) - 595) < 2 and abs(float(h) - 842) < 2 for w, h in boxes)
    # As wide as the print of an A4 page with its margins: nothing may stick out.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": int((210 - 28) / 25.4 * 96), "height": 1000})
    wide = page.evaluate(
        "[...document.querySelectorAll('table, svg, img')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    )
    assert wide == []
    height = (297 - 32) / 25.4 * 96
    assert page.locator("text=Prediction API >> nth=0").bounding_box()["y"] < height
    assert page.locator(".found >> nth=0").bounding_box()["y"] < height / 2
    context.close()


def _unpacked(content: bytes) -> bytes:
    """Return what lies packed in a PDF."""
    found = b""
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        try:
            found += zlib.decompress(packed)
        except zlib.error:
            continue
    return found
