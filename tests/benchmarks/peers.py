"""Side by side: the same forest and the same network audited by ours, by sacroml, by ART, and by a plain loop; three seeds.

`python tests/benchmarks/peers.py` measures what `side_by_side.json` lacks and writes it there (`--anew` measures all). The
peers are in an environment of their own, build/peers, made if it is not there; torch and scikit-learn are taken from the one
that runs this. Each audit is a process on one thread, whose CPU time is counted from start to end, imports and the training of
the target included. The site's page "Side by side" is made from the file.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SCRIPTS, TABLE = HERE / "side_by_side", HERE / "side_by_side.json"
ENVIRONMENT = HERE.parents[1] / "build" / "peers"
PEERS = {"sacroml": "sacroml==2.0.1", "art": "adversarial-robustness-toolbox==1.20.1"}
WORKS, SEEDS, TOOLS = ("A", "B"), (0, 1, 2), ("reference", "ours-lira", "ours-shared", "sacroml", "art", "ours")
# Ours three times: LiRA alone, which compares with what the others do; LiRA and the attacks on scores that train no model besides
# its own, for both works; and all that is feasible.
NAMED = {
    "ours-lira": ["carlini-2022-lira"],
    "ours-shared": [
        "brannvall-2026-bavaria",
        "carlini-2022-lira",
        "lassila-2025-base",
        "ml-leaks-3",
        "sablayrolles-2019-mast",
        "yeom-2018-bounded-loss",
        "yeom-2018-gap",
        "yeom-2018-loss",
        "zarifzadeh-2024-rmia",
    ],
}
OURS = ("attacks", "taxonomy")
AUDITORS = ("ours", "sacroml", "art")
# The first mode of sacroml is its default, and trains; the others use its shadow models again, and their CPU time is not counted.
MODES = ("offline", "online-carlini", "online-fixed")

Found = dict[str, Any]


class Job(NamedTuple):
    """One audit: of which work, by whom, with which seed."""

    work: str
    tool: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.work}/{self.tool}/{self.seed}"


def main() -> None:
    """Measure what lacks, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anew", action="store_true", help="measure all, whatever the file holds")
    parser.add_argument("--at-once", type=int, default=1, help="how many audits run at the same time")
    chosen = parser.parse_args()
    kept: Found = {} if chosen.anew or not TABLE.exists() else json.loads(TABLE.read_text())
    python, missing = environment()
    # As pip leaves what it installs, the peers among it: compiled.
    subprocess.run([sys.executable, "-m", "compileall", "-q", *(HERE.parents[1] / name for name in OURS)], check=True)
    table = {**described(missing), "audits": kept.get("audits", {}), "bad_input": kept.get("bad_input", {})}
    failed: list[str] = []
    jobs = [Job(work, tool, seed) for seed in SEEDS for work in WORKS for tool in TOOLS if tool not in missing]
    jobs.sort(key=lambda job: job.tool == "ours")  # what takes longest comes last
    with ThreadPoolExecutor(chosen.at_once) as pool, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        running = {
            pool.submit(bad_input, python, tool, place): ("bad_input", tool)
            for tool in AUDITORS
            if tool not in missing and tool not in table["bad_input"]
        }
        running |= {
            pool.submit(audit, python, job, place): ("audits", job.name) for job in jobs if job.name not in table["audits"]
        }
        if not running:  # the lines may have changed, the figures have not
            table |= {key: kept[key] for key in ("date", "machine", "busy", "versions")}
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
        for done in as_completed(running):
            part, name = running[done]
            try:
                table[part][name] = done.result()
            except RuntimeError as error:
                # The others are measured all the same; what failed is not in the file, so the next call tries it again.
                failed.append(f"{name}: {error}")
                continue
            print(name, table[part][name], flush=True)
            TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    if failed:
        raise SystemExit("\n".join(failed))


def environment() -> tuple[Path, dict[str, str]]:
    """Return the interpreter of the peers' environment, made if need be, and why a peer is not in it."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        (site,) = ENVIRONMENT.glob("lib/*/site-packages")
        (site / "measured.pth").write_text(sysconfig.get_path("purelib") + "\n")
    missing = {}
    for name, wanted in PEERS.items():
        package, _, number = wanted.partition("==")
        ask = [python, "-c", f"import sys, importlib.metadata as m; sys.exit(m.version({package!r}) != {number!r})"]
        if subprocess.run(ask, stderr=subprocess.DEVNULL).returncode:
            install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wanted]
            done = subprocess.run(install, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                missing[name] = (done.stderr.strip() or "pip failed").splitlines()[-1]
    return python, missing


def described(missing: dict[str, str]) -> Found:
    """Return when and where this is measured, by what, and the lines that a user writes."""
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "busy": round(os.getloadavg()[0], 1),
        "versions": {**PEERS, **{name: version(name) for name in ("torch", "scikit-learn", "numpy")}},
        "not_installed": missing,
        "named": NAMED,
        "lines": {work: {tool: statements(written(tool, work)) for tool in AUDITORS} for work in WORKS},
        "files": {work: {tool: len(files(written(tool, work))) for tool in AUDITORS} for work in WORKS},
    }


def written(tool: str, work: str) -> str:
    """Return what a user writes for an audit: that of the script that stands between its marks."""
    text = (SCRIPTS / f"with_{tool}.py").read_text().split(f"# user: {work}\n")[1].split("# end\n")[0]
    return textwrap.dedent(text)


def statements(text: str) -> int:
    """Return how many lines a program has where each statement is on one, however its lines are broken."""
    return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(text)))


def files(text: str) -> set[str]:
    """Return the files of Python that a program names: what is handed over in them has to be written into them."""
    strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return {value for value in strings if isinstance(value, str) and value.endswith(".py")}


def audit(python: Path, job: Job, place: Path) -> Found:
    """Carry an audit out; return its CPU seconds, how many attacks ran, and AUC and TPR at 1 % FPR of those that are compared."""
    out, name = place / (job.name.replace("/", "-") + ".json"), job.name.replace("/", "-")
    script = f"with_{job.tool.split('-')[0]}.py"
    command = [interpreter(python, job.tool), script, job.work, str(job.seed), out, *NAMED.get(job.tool, [])]
    if job.tool != "sacroml":
        cpu = timed(command, place / f"store-{name}")
        return {"cpu": cpu, **json.loads(out.read_text())}
    scores, spent = {}, []
    for mode in MODES:
        spent.append(timed([*command, mode, place / f"shadows-{name}"], place))
        scores |= json.loads(out.read_text())["scores"]
    return {"cpu": spent[0], "attacks": 1, "scores": scores}


def bad_input(python: Path, tool: str, place: Path) -> Found:
    """Return what a tool says of each kind of wrong input."""
    out = place / f"bad-{tool}.json"
    timed([interpreter(python, tool), "bad_input.py", tool, out], place / f"store-bad-{tool}")
    found: Found = json.loads(out.read_text())
    return found


def interpreter(peers: Path, tool: str) -> Path | str:
    """Return which Python runs a tool."""
    return peers if tool in PEERS else sys.executable


def timed(command: Sequence[str | Path], store: Path) -> float:
    """Run a command; return the CPU seconds of its process and of those that it waited for."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "MIA_STORE": str(store)}
    settings["PYTHONPATH"] = str(HERE.parents[1])
    # What is kept of the catalog from run to run, where no other program drops it.
    settings["MIA_CATALOG_CACHE"] = str(ENVIRONMENT / "catalogs")
    process = subprocess.Popen(command, cwd=SCRIPTS, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None, "it is a pipe"
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{said[-2000:]}")
    return round(used.ru_utime + used.ru_stime, 2)


if __name__ == "__main__":
    main()
