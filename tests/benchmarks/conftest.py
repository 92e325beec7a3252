"""Benchmarks hand in their rows, which are printed, and written where `--results` says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import records
from records import Row


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=Path, help="The file of results that the rows of the benchmarks that run are put into.")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Hand in a row; takes what `records.Row` takes."""

    def put(*values: object, **named: object) -> None:
        row = Row(*values, **named)
        print(f"\n{row}")
        if path := request.config.getoption("--results", None):
            records.keep([row], path)

    return put
