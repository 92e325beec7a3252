"""Fixtures that all tests share."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from attacks.targets.data import corpus, text
from taxonomy.answers import Atlas
from taxonomy.catalog import Catalog
from taxonomy.loading import load

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "data" / "tiny"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


# What Debian's packages bring, by package. Where one is not installed its tests are skipped; `.ci/run` installs all of them, and
# with NOTHING_MISSING=1 lets such a test fail.
DEBIAN = {
    "chromium": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "dict-jargon": corpus.DEBIAN_JARGON.is_file(),
    "wordnet-base": text.DEBIAN_WORDNET.is_file(),
}


class _ByFile(LoadFileScheduling):
    """One worker runs the tests of a file, which share fixtures, and one all tests of the site, which is built once."""

    def _split_scope(self, nodeid: str) -> str:
        return "site" if nodeid.startswith("tests/site/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile | None:
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `debian(PACKAGE)` where the package is not installed."""
    for marker in item.iter_markers("debian"):
        (package,) = marker.args
        if not DEBIAN[package]:
            missing = f"Debian's package {package} is not installed"
            pytest.fail(missing, pytrace=False) if os.environ.get("NOTHING_MISSING") else pytest.skip(missing)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="session")
def atlas(catalog: Catalog) -> Atlas:
    return Atlas(catalog)


@pytest.fixture(scope="session")
def kept_store() -> Path:
    """A store that outlives the session: names are fingerprints, so what is in it is never stale."""
    return ROOT / "build" / "test-store"


Mia = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mia_process(tmp_path: Path) -> Mia:
    """Run the command as its user would: in a process, a folder and with a store of its own."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        settings = {**inherited, "MIA_STORE": str(tmp_path / "store"), **environment}
        command = [sys.executable, "-m", "attacks.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def mia(tmp_path: Path) -> Mia:
    """Run the command in this process, in a folder and with a store of its own: what a process costs is importing PyTorch.

    What lies between the command and its surroundings (signals, pipes, encodings, a home) is tested with `mia_process`.
    """

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        from attacks.cli.commands import app

        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.delenv("COLUMNS", raising=False)
            for name, value in {"MIA_STORE": str(tmp_path / "store"), **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["mia", *map(str, arguments)])
            # Code of the user's own is imported from folders that only this command trusts.
            patch.setattr(sys, "path", list(sys.path))
            try:
                app()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]:
            del sys.modules[name]
        return subprocess.CompletedProcess(["mia", *map(str, arguments)], code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def mia_json(mia: Mia) -> Callable[..., Any]:
    """Run the command with --json, and return what it printed."""

    def run(*arguments: str | Path, code: int = 0) -> Any:
        done = mia(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def browser():
    """Return a real Chromium: whoever asks for it is marked `debian("chromium")`."""
    found = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
