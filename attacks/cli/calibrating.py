"""What `mia bench --calibrate` does: measure how fast this machine trains, keep it, and say so."""

from __future__ import annotations

from attacks.cli import interrupts
from attacks.cli.options import output, print_json


def run(*, as_json: bool) -> None:
    """Measure the speed of this machine and keep it beside the finished work."""
    from attacks.cli import tables
    from attacks.engine import speed
    from attacks.engine.store import Store

    with interrupts.working():
        found = speed.measure()
    path = speed.keep(Store(), found)
    if as_json:
        print_json({"written": str(path), "costs": found.costs, "start": found.start})
        return
    rows = [(way, *(f"{cost * 1e9:,.3g}" for cost in costs)) for way, costs in sorted(found.costs.items())]
    out = output()
    out.print(tables.table(["nanoseconds for", "a step", "a weight moved", "a multiplication"], rows))
    out.print(
        f"A worker is ready after {found.start:.1f} s. Kept in {path}: `mia run` now tells the time of what it has never trained."
    )
