"""`kind: http` against a real MLServer with a forest of scikit-learn, on loopback, in an environment of its own.

Its pins collide with those of this project's tools, so that it has a virtual environment in build/, made at the first use.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from attacks.audit.kinds.service import Address, Service
from attacks.seeds import digest
from taxonomy.findings import InputError

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PINS = ["mlserver==1.7.1", "mlserver-sklearn==1.7.1", "scikit-learn>=1.4,<2"]
ENVIRONMENT = Path(__file__).parents[3] / "build" / f"mlserver-{digest([PINS, sys.version])[:8]}"
PATIENCE_SECONDS = 180.0
# Nothing of this project's environment is for that of MLServer.
CLEAN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.fixture(scope="module")
def python():
    """The Python of an environment with MLServer; it gets its name when it is whole."""
    if not ENVIRONMENT.exists():
        draft = ENVIRONMENT.with_name(f"{ENVIRONMENT.name}.{os.getpid()}")
        try:
            subprocess.run([sys.executable, "-m", "venv", draft], check=True, env=CLEAN)
            install = [
                draft / "bin" / "python",
                "-m",
                "pip",
                "install",
                "-qq",
                "--no-compile",
                "--disable-pip-version-check",
                *PINS,
            ]
            done = subprocess.run(install, env=CLEAN, capture_output=True, text=True)
            if done.returncode:
                missing = f"pip cannot install MLServer here: {done.stderr.strip().splitlines()[-1:]}"
                pytest.fail(missing, pytrace=False) if os.environ.get("NOTHING_MISSING") else pytest.skip(missing)
            # Scripts of an environment name its place, but `python -m` does not care.
            draft.rename(ENVIRONMENT)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return ENVIRONMENT / "bin" / "python"


class MLServer:
    """A server that can be killed and started again, with what its model answers at home."""

    def __init__(self, python: Path, folder: Path):
        self.python, self.folder = python, folder
        self.port, grpc = _free_ports()
        subprocess.run([python, HERE / "mlserver_models.py", folder, str(self.port), str(grpc)], check=True, env=CLEAN)
        self.records, self.scores, self.labels = (np.load(folder / f"{name}.npy") for name in ("records", "scores", "labels"))
        self.log = folder / "log.txt"
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [self.python, "-m", "mlserver.cli.main", "start", self.folder]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, env=CLEAN, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._ready():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/v2/models/forest/ready", timeout=5) as found:
                return found.status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def server(python, tmp_path_factory):
    found = MLServer(python, tmp_path_factory.mktemp("mlserver"))
    yield found
    found.kill()


@pytest.fixture
def ask(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def make(progress=None, limit=None, **address):
        named = Address(**{"url": server.url, "model": "forest", "batch": 40, **address})
        return Service(named, tmp_path / "kept", progress=progress, limit=limit, sleep=lambda _: None)

    return make


def _free_ports() -> tuple[int, int]:
    """Return two ports that are free now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def test_scores_are_those_of_the_model_at_home(server, ask):
    found = ask(output="predict_proba")(server.records)
    np.testing.assert_array_equal(found, server.scores)
    distinct = len(np.unique(server.records, axis=0))
    assert ask().spent == distinct < len(server.records)
    assert ask(output="predict_proba").metadata()["name"] == "forest"


def test_labels_alone(server, ask):
    found = ask()(server.records)
    np.testing.assert_array_equal(found, server.labels)


class Kills:
    """Kills the server after so many answers."""

    def __init__(self, server: MLServer, left: int):
        self.server, self.left = server, left

    def start(self, what: str, total: int) -> None:
        pass

    def advance(self) -> None:
        self.left -= 1
        if not self.left:
            self.server.kill()


def test_killed_in_the_middle_it_loses_nothing(server, ask):
    with pytest.raises(InputError, match=r"what was answered is kept"):
        ask(output="predict_proba", progress=Kills(server, 80))(server.records)
    kept = ask().spent
    server.start()
    distinct = len(np.unique(server.records, axis=0))
    found = ask(output="predict_proba", limit=distinct + 40)(server.records)
    np.testing.assert_array_equal(found, server.scores)
    # The connection broke in the middle of at most one request, which counts.
    assert 80 <= kept <= 120 and distinct <= ask().spent <= distinct + 40


def test_what_is_wrong_is_told_as_the_server_tells_it(server, ask):
    with pytest.raises(InputError, match="did you mean forest"):
        ask(model="forrest").metadata()
    with pytest.raises(InputError, match="unknown version of 'forest' 'v2': known: v1"):
        ask(version="v2").metadata()
    with pytest.raises(InputError, match=r"\(400; it says: SKLearnModel only supports 'predict', 'predict_proba'"):
        ask(output="scores")(server.records)
    with pytest.raises(InputError, match=r"fails on these records .*X has 3 features"):
        ask(output="predict_proba")(server.records[:, :3])
