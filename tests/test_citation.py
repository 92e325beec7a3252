"""How this project is cited: both files say what the package and the catalog say."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import yaml

from taxonomy import edition

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ZENODO = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))


def test_one_version_everywhere():
    versions = {PROJECT["version"], CITATION["version"], ZENODO["version"], edition.stated().version}
    assert len(versions) == 1, "pyproject.toml, CITATION.cff, .zenodo.json and catalog/edition.yaml state other versions"
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_one_day_everywhere():
    assert CITATION["date-released"] == ZENODO["publication_date"] == edition.stated().date


def test_what_is_said_is_what_the_package_says():
    assert CITATION["license"] == ZENODO["license"] == PROJECT["license"]
    assert CITATION["keywords"] == ZENODO["keywords"] == PROJECT["keywords"]
    names = [author["name"] for author in PROJECT["authors"]]
    assert [author["name"] for author in CITATION["authors"]] == [one["name"] for one in ZENODO["creators"]] == names
    assert " ".join(CITATION["abstract"].split()) == ZENODO["description"]


def test_the_keys_are_those_that_the_formats_require():
    """Citation File Format 1.2.0 requires these four; Zenodo a title, creators, a description and a type for a deposit."""
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys() and CITATION["cff-version"] == "1.2.0"
    assert {"title", "creators", "description", "upload_type"} <= ZENODO.keys()
