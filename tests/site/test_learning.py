"""The guided path: figures come from evidence or are absent, commands show what they print, words and codes are explained."""

from __future__ import annotations

import re
from html import escape, unescape
from types import SimpleNamespace

import learning
import outputs
import pytest
from test_pages import words

from taxonomy import evidence
from taxonomy.loading import load

pytestmark = pytest.mark.slow


def site_of(measured, stale=()):
    return SimpleNamespace(catalog=load(), measured=measured, stale={name: set(stale) for name in measured}, defended={})


def test_what_was_not_measured_or_is_old_has_no_figure():
    catalog = load()
    measured = {name: found for name in catalog.attacks if (found := evidence.find(catalog, name))}
    every = [target for found in measured.values() for target in (one.target for one in found.targets)]
    for lesson in learning.LESSONS:
        assert lesson.figure(site_of(measured)).startswith("<svg"), lesson.name
        assert lesson.figure(site_of({})) == "" and lesson.figure(site_of(measured, every)) == "", lesson.name


@pytest.mark.parametrize("lesson", learning.LESSONS, ids=lambda lesson: lesson.name)
def test_pages_show_a_command_and_what_it_prints(site, lesson):
    text = (site / "learn" / f"{lesson.name}.html").read_text(encoding="utf-8")
    output = outputs.of(lesson.command, lesson.lines)
    assert output.code == 0 and f"$ {escape(lesson.command)}" in text
    assert all(escape(line, quote=False) in text.replace("&#39;", "'").replace("&#34;", '"') for line in output.text.splitlines())


def test_words_of_the_project_are_explained_where_they_stand(site):
    catalog = load()
    text = (site / "learn" / "threat-models.html").read_text(encoding="utf-8")
    for name in ("grant", "frame", "artifact", "derivation", "threat-model"):
        summary = catalog.kinds["glossary"][f"glossary-{name}"].summary
        assert f'title="{escape(summary)}"'.replace("&#x27;", "&#39;") in text, name
        assert f"glossary-{name}" in (site / "glossary.html").read_text(encoding="utf-8")


def test_codes_carry_their_titles_wherever_they_stand(site):
    titles = {name: term.title for name, term in load().terms.items()}
    link = re.compile(r'<a ([^>]*)href="(?:\.\./)*terms/([\w.-]+)\.html"[^>]*><code>')
    for path in [*site.glob("*.html"), *site.glob("attacks/*.html")]:
        for attributes, name in link.findall(path.read_text(encoding="utf-8")):
            assert f'title="{titles[name]}"' in unescape(attributes), (path.name, name)
    assert "D1.marginals Marginal distributions" in words(site / "targets" / "digits-mlp.html")
