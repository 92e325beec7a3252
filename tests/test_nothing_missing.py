"""Tests that need an extra of ours are skipped where it is not installed; continuous integration has all of them."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

EXTRAS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]

# What is imported under another name than the package has.
PACKAGES = {"citeproc": "citeproc-py"}


def needed(extra: str) -> set[str]:
    """Return the packages of an extra, and of the extras of ours that it names."""
    found = set()
    for line in EXTRAS[extra]:
        requirement = Requirement(line)
        if requirement.name == "mia-atlas":
            found |= {name for own in requirement.extras for name in needed(own)}
        elif requirement.marker is None or requirement.marker.evaluate():
            found.add(requirement.name)
    return found


@pytest.mark.skipif(not os.environ.get("NOTHING_MISSING"), reason="only where all extras should be (NOTHING_MISSING=1)")
def test_every_extra_is_installed_where_nothing_should_be_missing():
    for name in needed("test"):
        assert importlib.metadata.version(name), name


def test_what_tests_skip_themselves_for_is_part_of_the_extra_for_tests():
    """Else it would never be there. Benchmarks beside other programs have an environment of their own."""
    asked = set()
    for room in ("attacks", "taxonomy"):
        for path in (Path(__file__).parent / room).rglob("test_*.py"):
            asked |= set(re.findall(r'importorskip\("(\w+)"', path.read_text(encoding="utf-8")))
    asked = {PACKAGES.get(name, name) for name in asked}
    assert {"opacus", "transformers"} <= asked <= {name.lower() for name in needed("test")} | set(sys.stdlib_module_names)
