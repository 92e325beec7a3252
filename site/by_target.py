"""What was measured, target by target: figures, pictures, what was noted of the target, and an overview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import picture
from markupsafe import Markup

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.figures import BlindFigures, Evidence, OnTarget

# So many columns the overview has.
COLUMNS = 7


class ByTarget:
    """The evidence of a catalog by target."""

    def __init__(self, catalog: Catalog, measured: Mapping[str, Evidence]):
        self.catalog, self.measured = catalog, measured

    def targets(self) -> list[str]:
        """Return all on which something was measured: those with most attacks first, controls last."""
        counts: dict[str, int] = {}
        for evidence in self.measured.values():
            for one in evidence.targets:
                counts[one.target] = counts.get(one.target, 0) + 1
        return sorted(counts, key=lambda name: (self.catalog.targets[name].control, -counts[name], name))

    def overview(self) -> tuple[list[str], list[tuple[Attack, dict[str, OnTarget]]]]:
        """Return the targets with most attacks on membership, and each attack measured on one of them, with its figures."""
        columns = [name for name in self.targets() if any(m.auc for _, m in self.results(name))][:COLUMNS]
        rows = []
        for name, evidence in sorted(self.measured.items()):
            found = {m.target: m for m in evidence.targets if m.auc and m.target in columns}
            if found:
                rows.append((self.catalog.attacks[name], found))
        return columns, rows

    def results(self, target: str) -> list[tuple[Attack, Any]]:
        """Return what was measured on a target, best attack first."""
        found = [(self.catalog.attacks[name], m) for name, e in self.measured.items() for m in e.targets if m.target == target]
        return sorted(found, key=lambda pair: -(pair[1].auc or pair[1].metric).mean)

    def drawn(self, target: str) -> str:
        """Return a picture of the areas under the curve that were measured on a target; none if there are none."""
        rows = [(attack.id, found.auc.mean, found.auc.ci) for attack, found in self.results(target) if found.auc]
        title = f"Area under the ROC curve on {self.catalog.targets[target].title}"
        return Markup(picture.intervals(rows, title)) if rows else ""

    def facts(self, target: str) -> list[tuple[str, list[Any]]]:
        """Return what was noted of a target while it was measured: one value a seed, or one alone if it is always the same."""
        found = next((m for _, m in self.results(target)), None)
        if found is None:
            return []
        names = found.seeds[0].target
        values = {name: [seed.target.get(name) for seed in found.seeds] for name in names}
        return [(name.replace("_", " "), all_[:1] if all_.count(all_[0]) == len(all_) else all_) for name, all_ in values.items()]

    def blind(self, target: str) -> list[BlindFigures]:
        """Return what a classifier that never sees the model tells about a target's members, one a seed."""
        found = next((m for _, m in self.results(target)), None)
        return [seed.blind_baseline for seed in found.seeds if seed.blind_baseline] if found else []
