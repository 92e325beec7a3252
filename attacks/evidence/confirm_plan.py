"""What `mia bench --confirm` has to run: one seed of everything whose evidence is stale. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attacks.evidence.bench_plan import Group, Job
from taxonomy.catalog import Catalog
from taxonomy.evidence import ORDERINGS, read, unmeasured
from taxonomy.figures import Evidence, OnTarget, Ordered, Orderings
from taxonomy.findings import InputError, relative
from taxonomy.fingerprints import Fingerprints


@dataclass(frozen=True)
class Stale:
    """A piece of stale evidence: an attack on a target, or one comparison of an ordering, with the runs that confirm it.

    `fingerprint` is today's, and None where the catalog no longer has what was measured.
    """

    file: str
    name: str
    recorded: OnTarget | Ordered
    fingerprint: str | None
    jobs: tuple[Job, ...]

    @property
    def seed(self) -> int:
        """The first seed that was recorded; 0 where an ordering could not be resolved, so that none was."""
        return self.recorded.seeds[0].seed if self.recorded.seeds else 0

    @property
    def against(self) -> str | None:
        """The target of an ordering's worse side, where that is another one."""
        return self.recorded.against if isinstance(self.recorded, Ordered) else None

    @property
    def again(self) -> str:
        """The command that measures it again."""
        what = "--only orderings" if self.file == ORDERINGS else self.name
        return f"mia bench {what} --seeds {max(1, len(self.recorded.seeds))}"


@dataclass
class ConfirmPlan:
    """What is stale, in the order in which it is run; how much is not; and what has no evidence that could be confirmed."""

    files: dict[str, Evidence | Orderings] = field(default_factory=dict)
    stale: list[Stale] = field(default_factory=list)
    fresh: int = 0
    unmeasured: list[str] = field(default_factory=list)


def make(catalog: Catalog, fingerprints: Fingerprints, chosen: Sequence[Group], folder: Path) -> ConfirmPlan:
    """Return what is to be run to confirm the evidence of these groups that lies in a folder."""
    plan = ConfirmPlan()
    for group in chosen:
        if group.defense is not None:
            continue  # the matrix is measured anew
        for name in group.files:
            path = folder / f"{name}.json"
            if name in plan.files:
                continue
            if not path.exists():
                plan.unmeasured.append(name)
                continue
            try:
                found = plan.files[name] = read(path)
            except InputError as error:
                raise InputError(f"{relative(path)}: {error}") from error
            if isinstance(found, Evidence):
                pieces = _on_targets(catalog, fingerprints, found)
                plan.unmeasured += [f"{name} on {target}" for target in unmeasured(catalog, found)]
            else:
                pieces = _comparisons(catalog, fingerprints, found)
                plan.unmeasured += _lacking(group, found)
            for piece in pieces:
                if piece.fingerprint == piece.recorded.fingerprint:
                    plan.fresh += 1
                else:
                    plan.stale.append(piece)
    # Each target is built once; what was confirmed is written at once, so the order does not matter otherwise.
    plan.stale.sort(key=lambda piece: (piece.recorded.target, piece.seed, piece.file == ORDERINGS, piece.name))
    return plan


def _on_targets(catalog: Catalog, fingerprints: Fingerprints, found: Evidence) -> Iterator[Stale]:
    attack = catalog.attack(found.attack)
    for one in found.targets:
        job = Job(attack, one.target, one.role, one.seeds[0].seed)
        yield Stale(found.attack, found.attack, one, fingerprints.of(attack, catalog.target(one.target)), (job,))


def _lacking(group: Group, found: Orderings) -> list[str]:
    """Return the orderings that were measured, but not on all of their targets."""
    measured = {(one.ordering, one.target, one.against or one.target) for one in found.orderings}
    entries = [entry for entry in group.orderings if entry.id in {one.ordering for one in found.orderings}]
    return [e.id for e in entries if any((e.id, *(side.target for side in sides)) not in measured for sides in e.sides())]


def _comparisons(catalog: Catalog, fingerprints: Fingerprints, found: Orderings) -> Iterator[Stale]:
    for one in found.orderings:
        entry = catalog.kinds[ORDERINGS].get(one.ordering)
        places = one.target, one.against or one.target
        sides = next((s for s in entry.sides() if (s[0].target, s[1].target) == places), None) if entry else None
        if entry is None or sides is None:
            yield Stale(ORDERINGS, one.ordering, one, None, ())
            continue
        seed = one.seeds[0].seed if one.seeds else 0
        jobs = tuple(Job(catalog.attack(side.attack), side.target, "power", seed, side.settings) for side in sides)
        yield Stale(ORDERINGS, one.ordering, one, fingerprints.ordering(entry, sides), jobs)
