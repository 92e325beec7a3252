"""The pages on audits: every kind of model with its keys, every code of checks, every example with its files and its picture."""

from __future__ import annotations

import json
import re

import pytest
from building import ROOT
from test_pages import Page

from attacks.audit.checks import CODES
from attacks.audit.file import AuditFile
from attacks.audit.kinds.specs import KINDS
from attacks.audit.report.writing import FORMATS

pytestmark = pytest.mark.slow


def test_every_kind_code_part_and_format_is_told(site):
    page = Page(site / "audit.html")
    text = "".join(page.words)
    for name, form in KINDS.items():
        assert f"kind-{name}" in page.ids
        assert all(key in text for key in form.model_fields), name
    for code, meaning in CODES.items():
        assert f"check-{code}" in page.ids and meaning in text
    parts = {field.alias or name for name, field in AuditFile.model_fields.items()} - {"schema", "name"}
    assert {part for part in parts if part not in text} == set()
    assert all(name in text for name in FORMATS)


def test_every_example_is_shown_with_its_files_and_figures(site):
    folder = ROOT / "site" / "examples" / "audits"
    for example, figures in json.loads((folder / "measured.json").read_text()).items():
        page = site / ("audit-torch.html" if example == "torch-digits" else "audit-examples.html")
        text, source = "".join(Page(page).words), page.read_text()
        for path in (folder / example).iterdir():
            assert path.read_text().splitlines()[0] in text, path
        for attack, (auc, low, high) in figures.items():
            assert f"{attack}: {auc:.3f}, interval {low:.3f} to {high:.3f}" in source, attack


def test_no_figure_of_an_example_is_typed_by_hand():
    """A figure with its interval stands in what was measured, from where the pages take it."""
    for path in sorted((ROOT / "site" / "pages").glob("audit*.md.j2")):
        prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        assert not re.findall(r"\b[01]?\.\d+ \[[^\]]*\]", prose), path
