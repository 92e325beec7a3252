"""What `mia bench --confirm` has to run: one seed of everything whose evidence is stale. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attacks.evidence.bench_plan import Group, Job
from attacks.evidence.defense_places import adversaries
from taxonomy import defense_evidence
from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import DefenseEvidence, DefenseFingerprints, OnDefended, today
from taxonomy.evidence import ORDERINGS, read, unmeasured
from taxonomy.figures import Evidence, OnTarget, Ordered, Orderings
from taxonomy.findings import InputError, relative
from taxonomy.fingerprints import Fingerprints, hashed


@dataclass(frozen=True)
class Stale:
    """A piece of stale evidence, with the runs that confirm it.

    It is an attack on a target, one comparison of an ordering, or a target with a defense. `fingerprint` is today's, and None
    where the catalog no longer has what was measured; `attacks` are today's of each attack on a target with a defense.
    """

    file: str
    name: str
    recorded: OnTarget | Ordered | OnDefended
    fingerprint: str | None
    jobs: tuple[Job, ...]
    attacks: tuple[str, ...] = ()

    @property
    def seeds(self) -> list[int]:
        """The seeds that were recorded; none where an ordering could not be resolved."""
        found = self.recorded.attacks[0] if isinstance(self.recorded, OnDefended) else self.recorded
        return [one.seed for one in found.seeds]

    @property
    def seed(self) -> int:
        """The first seed that was recorded; 0 where an ordering could not be resolved, so that none was."""
        return next(iter(self.seeds), 0)

    @property
    def against(self) -> str | None:
        """The target of an ordering's worse side, where that is another one."""
        return self.recorded.against if isinstance(self.recorded, Ordered) else None

    @property
    def again(self) -> str:
        """The command that measures it again."""
        what = self.name if isinstance(self.recorded, OnTarget) else f"--only {self.file.rpartition('/')[2]}"
        return f"mia bench {what} --seeds {max(1, len(self.seeds))}"


@dataclass
class ConfirmPlan:
    """What is stale, in the order in which it is run; how much is not; and what has no evidence that could be confirmed."""

    files: dict[str, Evidence | Orderings | DefenseEvidence] = field(default_factory=dict)
    stale: list[Stale] = field(default_factory=list)
    fresh: int = 0
    unmeasured: list[str] = field(default_factory=list)


def make(catalog: Catalog, fingerprints: Fingerprints, chosen: Sequence[Group], folder: Path) -> ConfirmPlan:
    """Return what is to be run to confirm the evidence of these groups that lies in a folder."""
    plan = ConfirmPlan()
    for group in chosen:
        for name in group.files:
            path = folder / f"{name}.json"
            if name in plan.files:
                continue
            if not path.exists():
                plan.unmeasured.append(name)
                continue
            try:
                found = plan.files[name] = defense_evidence.read(path) if group.defense else read(path)
            except InputError as error:
                raise InputError(f"{relative(path)}: {error}") from error
            if isinstance(found, Evidence):
                pieces = _on_targets(catalog, fingerprints, found)
                plan.unmeasured += [f"{name} on {target}" for target in unmeasured(catalog, found)]
            elif isinstance(found, DefenseEvidence):
                pieces = _with_defense(DefenseFingerprints(fingerprints), group, found)
                measured = {one.target for one in found.targets}
                plan.unmeasured += [
                    f"{found.defense} on {place.target}" for place in group.places if place.target not in measured
                ]
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


def _with_defense(prints: DefenseFingerprints, group: Group, found: DefenseEvidence) -> Iterator[Stale]:
    assert group.defense is not None
    naive, adaptive = adversaries(group.defense)
    for one in found.targets:
        names = today(prints, adaptive, one)
        known = tuple(name for name in names if name is not None)
        jobs = tuple(
            Job(prints.prints.catalog.attack(cell.attack), one.target, "power", cell.seeds[0].seed, (), applied)
            for applied in (None, naive, adaptive)
            for cell in one.attacks
            if applied is None or cell.adaptive is not None
        )
        fingerprint = hashed(list(known)) if len(known) == len(names) else None
        yield Stale(group.files[0], found.defense, one, fingerprint, jobs, known)


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
