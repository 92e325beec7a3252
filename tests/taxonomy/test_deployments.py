"""The resolver says of each deployment what an expert says: the tables are deployments_*.py beside this file."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from deployment import Deployment
from typer.testing import CliRunner

from attacks.cli import questions
from attacks.cli.commands import app

HERE = Path(__file__).parent
TABLES = sorted(path.stem for path in HERE.glob("deployments_*.py"))
DEPLOYMENTS: list[Deployment] = [row for table in TABLES for row in importlib.import_module(table).DEPLOYMENTS]


@pytest.fixture
def ask(catalog, monkeypatch):
    """Ask one question as its user would, on the catalog that the session has loaded."""
    monkeypatch.setattr(questions, "load", lambda extra: catalog)

    def ask(command, flags):
        done = CliRunner().invoke(app, [command, *flags, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return ask


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda row: row.name)
def test_what_an_expert_says(ask, catalog, deployment):
    answer = ask("feasible", deployment.asked)
    place = {found["id"]: kind for kind in ("feasible", "infeasible", "inapplicable") for found in answer[kind]}
    expected = {name: kind for kind in ("feasible", "infeasible", "inapplicable") for name in getattr(deployment, kind)}
    assert expected.keys() <= catalog.attacks.keys()
    wrong = {name: (place[name], f"expected {kind}") for name, kind in expected.items() if place[name] != kind}
    assert not wrong, deployment.why


@pytest.mark.slow
@pytest.mark.parametrize("deployment", [row for row in DEPLOYMENTS if row.harden_first], ids=lambda row: row.name)
def test_what_an_owner_is_told_first(ask, deployment):
    cuts = ask("harden", deployment.asked)["cuts"]
    assert tuple(cuts[0]["withdraw"]) == deployment.harden_first, deployment.why


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda row: row.name)
def test_a_row_is_complete(deployment):
    assert deployment.why.endswith(".") and deployment.source
    assert deployment.feasible or deployment.infeasible or deployment.inapplicable


def test_names_are_told_apart():
    names = [row.name for row in DEPLOYMENTS]
    assert len(names) == len(set(names))
