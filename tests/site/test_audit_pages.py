"""The pages on audits: every kind of model with its keys, every code of checks, every example with its files and its picture."""

from __future__ import annotations

import json

from building import ROOT
from test_pages import Page

from attacks.audit.checks import CODES
from attacks.audit.file import AuditFile
from attacks.audit.kinds.specs import KINDS
from attacks.audit.report.writing import FORMATS


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


def test_every_example_is_shown_with_its_files(site):
    text = "".join(Page(site / "audit-examples.html").words)
    folder = ROOT / "site" / "examples" / "audits"
    for example in json.loads((folder / "measured.json").read_text()):
        for path in (folder / example).iterdir():
            assert path.read_text().splitlines()[0] in text, path
    assert (site / "audit-examples.html").read_text().count("<svg") >= 3
