"""LiRA here beside the LiRA of sacroml, and beside the shadow models of ART, against one target: fashion-mlp at seed 0.

`make bench-peers` runs it, as both need an environment of their own (build/peers, made if it is not there; torch is taken from
the one that runs this). They are handed the trained target; ours trains it besides, and works out every figure with its interval.
All processes are counted by their CPU time from start to end, imports included.

Beside the same number of models stands the least for which our TPR at 0.1 % FPR reaches theirs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import records
from numpy.typing import NDArray
from peers import PEERS, environment
from records import Figure, Row

from attacks import metrics
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from taxonomy.loading import load

HERE = Path(__file__).parent
TARGET, LIRA, SEED, MODELS = "fashion-mlp", "carlini-2022-lira", 0, 16
# What ours is asked for: whole blocks.
OURS = (4, 8, 16)
MODES = ("offline", "online-carlini", "online-fixed")
FPR = 0.001


class Run(NamedTuple):
    """What a way to attack took and found."""

    cpu: float
    wall: float
    tpr: float
    auc: float


def main() -> None:
    """Measure all, and keep the rows."""
    python, missing = environment()
    if missing:
        raise SystemExit("\n".join(missing.values()))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        member = hand_over(place / "target.npz")
        ours = {models: run_ours(place / f"ours-{models}", models) for models in OURS}
        sacroml = run_sacroml(python, place, member)
        art = run_art(python, place, member)
    rows = [*compared("sacroml-lira", f"the LiRA of {PEERS['sacroml']}, {MODELS} models", ours, sacroml)]
    rows += compared("art-shadows", f"the shadow models and the black-box attack of {PEERS['art']}, {MODELS} models", ours, art)
    for row in rows:
        print(row)
    records.keep(rows)


def hand_over(file: Path) -> NDArray[np.bool_]:
    """Write the target, its candidates and the pool of its adversary into a file; return which candidates are members."""
    with tempfile.TemporaryDirectory() as folder:
        target = Engine(load(), Store(Path(folder))).target(TARGET, SEED)
        weights, pool = (target.makers[term](Ledger()) for term in ("M1.parameters", "D1.samples"))
        member: NDArray[np.bool_] = target.member.numpy()
        candidates = {"x": target.x.numpy(), "y": target.label.numpy(), "member": member}
        some = slice(len(member))  # as many as there are candidates
        held = {"pool_x": pool.x[some].numpy(), "pool_y": pool.label[some].numpy()}
        np.savez(file, **candidates, **held, **{name: value.numpy() for name, value in weights.weights.items()})
    return member


def timed(command: list[str | Path], **settings: str) -> tuple[float, float]:
    """Run a command; return the CPU seconds of all its processes, and the seconds on the wall."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=HERE / "peers", env={**os.environ, **settings}, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def found(score: NDArray[np.float64], member: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the TPR at 0.1 % FPR and the AUC of scores."""
    rate = metrics.tpr_at_fpr(score, member, FPR)
    return rate, metrics.auc(score, member)


def run_ours(folder: Path, models: int) -> Run:
    """Run LiRA from an empty store."""
    asked = ["run", LIRA, "--target", TARGET, "--seed", str(SEED), "--set", f"shadow-models.count={models}", "--workers", "2"]
    took = timed([sys.executable, "-m", "attacks.cli", *asked, "--out", folder / "out"], MIA_STORE=str(folder / "store"))
    with np.load(folder / "out" / "scores.npz") as scores:
        return Run(*took, *found(scores[LIRA], scores["member"]))


def run_sacroml(python: Path, place: Path, member: NDArray[np.bool_]) -> Run:
    """Run the modes of sacroml: the first, its default, trains, the others use its models again. The best TPR of all counts."""
    runs = []
    for mode in MODES:
        out = place / f"{mode}.npy"
        command: list[str | Path] = [python, "with_sacroml.py", place / "target.npz", str(MODELS), mode, place / "sacroml", out]
        runs.append(Run(*timed(command), *found(np.load(out), member)))
        print(f"sacroml, {mode}: {runs[-1]}", flush=True)
    best = max(runs, key=lambda run: run.tpr)
    return runs[0]._replace(tpr=best.tpr, auc=best.auc)


def run_art(python: Path, place: Path, member: NDArray[np.bool_]) -> Run:
    """Run the shadow models of ART and its attack model, a random forest."""
    took = timed([python, "with_art.py", place / "target.npz", str(MODELS), place / "art.npy"])
    return Run(*took, *found(np.load(place / "art.npy"), member))


def compared(name: str, beside: str, ours: dict[int, Run], theirs: Run) -> list[Row]:
    """Return a row for as many models of ours as theirs, and one for the fewest that reach their TPR, if any do."""
    enough = [models for models, run in ours.items() if run.tpr >= theirs.tpr]
    shown = {f"{name}-same": MODELS, **({name: enough[0]} if enough else {})}
    return [
        Row(
            f"peers/{row}",
            f"mia run of LiRA on {TARGET}, {models} models, target and report included",
            beside,
            ours[models].cpu / theirs.cpu,
            0.2,
            {
                "ours": Figure(ours[models].cpu),
                "theirs": Figure(theirs.cpu),
                "ours, on the wall": Figure(ours[models].wall, "s"),
                "theirs, on the wall": Figure(theirs.wall, "s"),
                "TPR at 0.1 % FPR, ours": Figure(ours[models].tpr, ""),
                "TPR at 0.1 % FPR, theirs": Figure(theirs.tpr, ""),
                "AUC, ours": Figure(ours[models].auc, ""),
                "AUC, theirs": Figure(theirs.auc, ""),
            },
        )
        for row, models in shown.items()
    ]


if __name__ == "__main__":
    main()
