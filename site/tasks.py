"""The code by what people want to do with it: an example each, and the modules to read."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

EXAMPLES = Path(__file__).parent / "examples" / "api"


@dataclass(frozen=True)
class Task:
    """One thing to do: what it is, the example in `examples/api` of its name, what that prints, and the modules to read."""

    name: str
    title: str
    says: str
    modules: tuple[str, ...]
    # Whether it answers from the catalog alone, so that it can be run while the site is built.
    asks: bool = False

    @property
    def code(self) -> Markup:
        """The example, as it stands in its file."""
        return Markup((EXAMPLES / f"{self.name}.py").read_text(encoding="utf-8").rstrip())

    @property
    def output(self) -> str:
        """What the example prints; nothing of one that trains."""
        if not self.asks:
            return ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(self.code, self.name, "exec"), {})  # noqa: S102  (it is ours)
        return printed.getvalue().rstrip()


TASKS = (
    Task(
        "ask",
        "Ask what an adversary can do",
        "Load the catalog, state a threat model, and get a proof of each attack that it makes feasible, or all that is missing.",
        (
            "taxonomy.loading",
            "taxonomy.catalog",
            "taxonomy.threat",
            "taxonomy.answers",
            "taxonomy.withdrawals",
            "taxonomy.comparison",
            "taxonomy.coverage",
            "taxonomy.evidence",
        ),
        asks=True,
    ),
    Task(
        "run",
        "Run attacks on a target",
        "Plan a run, see its price, carry it out. Finished work is kept, so the second time nothing is trained.",
        (
            "attacks.engine.plan",
            "attacks.engine.runner",
            "attacks.engine.outcome",
            "attacks.targets.target",
            "attacks.metrics",
            "attacks.evidence.bench",
        ),
    ),
    Task(
        "audit",
        "Audit a model of your own",
        "A fitted model, its training records and others of the same kind: every attack that this allows, and a report.",
        ("attacks.audit", "attacks.audit.running", "attacks.audit.report.page", "attacks.flower"),
    ),
    Task(
        "extend",
        "Extend it by an attack, a step or a defense",
        "A function gets what its entry needs and nothing else, and returns a score a record. mia new attack begins both.",
        (
            "attacks.handles",
            "attacks.models.signals",
            "attacks.models.training",
            "attacks.seeds",
            "attacks.targets.data.records",
            "attacks.steps",
            "attacks.defenses",
        ),
    ),
)
