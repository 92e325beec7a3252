"""Rows of benchmarks: what was measured beside what, on which machine, on which day. Pages come from the file that they lie in.

A row that is measured again takes the place of the one of its name; another stays as it is, with its machine, its date and how
busy that machine was (the load average of a minute: the processes that ran or waited for a core).
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results.json"


class Figure(NamedTuple):
    """A measured value with its unit, and the most that it should be, where that was decided before."""

    value: float
    unit: str = "CPU-seconds"
    goal: float | None = None


@dataclass(frozen=True)
class Row:
    """One comparison. `name` is GROUP/NAME; `ratio` is of `what` to `beside`, `goal` the most that it should be.

    A row without a ratio gives figures alone. `load` is how busy the machine was when the row was measured. `note` says what
    follows from the figures, such as why a goal cannot be reached.
    """

    name: str
    what: str
    beside: str = ""
    ratio: float | None = None
    goal: float | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    note: str = ""

    def __str__(self) -> str:
        compared = f" / {self.beside} = {self.ratio:.3g}" if self.ratio is not None else ""
        figures = "; ".join(f"{name}: {f.value:.4g} {f.unit}" for name, f in self.figures.items())
        return f"{self.what}{compared} ({figures}){f'. {self.note}' if self.note else ''}"


def keep(rows: Sequence[Row], path: Path = RESULTS) -> None:
    """Put rows into a file of results, beside those of other names that it holds."""
    old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"machines": {}, "rows": []}
    here, today = machine(), datetime.datetime.now(datetime.UTC).date().isoformat()
    known = [name for name, described in old["machines"].items() if described == here]
    free = (name for number in itertools.count(1) if (name := f"machine {number}") not in old["machines"])
    name = known[0] if known else next(free)
    machines = {**old["machines"], name: here}
    kept = {row["name"]: row for row in old["rows"]} | {row.name: {**_plain(row), "machine": name, "date": today} for row in rows}
    used = {row["machine"] for row in kept.values()}
    found = {
        "machines": {name: machine for name, machine in machines.items() if name in used},
        "rows": [kept[name] for name in sorted(kept)],
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(row: Row) -> dict[str, Any]:
    """Return a row as plain data, its measured numbers in three digits: no more of them come twice."""
    return {
        "name": row.name,
        "what": row.what,
        "beside": row.beside,
        "ratio": _digits(row.ratio),
        "goal": row.goal,
        "load": round(row.load, 1),
        "note": row.note,
        "figures": {name: {**f._asdict(), "value": _digits(f.value)} for name, f in row.figures.items()},
    }


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def machine() -> dict[str, str | int]:
    """Describe this machine: its processor, the cores that this process may use, its memory in GB, and what computes on it."""
    import torch

    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "processor": named or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
    }
