"""What a bench will measure, in which groups, and how long that takes. Loads no torch."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks.engine.code import Code
from attacks.engine.store import Store
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.evidence import ORDERINGS, read
from taxonomy.figures import Evidence, Role
from taxonomy.findings import InputError, unknown
from taxonomy.fingerprints import Fingerprints
from taxonomy.orderings import Ordering, Setting

Settings = tuple[tuple[str, Setting], ...]
Key = tuple[str, str, int, Settings]


@dataclass(frozen=True)
class Job:
    """One attack on one target with one seed; `settings` are parameters NAME.PARAM that differ from the catalog's."""

    attack: Attack
    target: str
    role: Role
    seed: int
    settings: Settings = ()

    @property
    def key(self) -> Key:
        """What tells it from other jobs."""
        return self.attack.id, self.target, self.seed, self.settings


@dataclass(frozen=True)
class Group:
    """Attacks whose functions stand in one file, which is one mechanism; or the catalog's orderings."""

    name: str
    attacks: tuple[Attack, ...]
    orderings: tuple[Ordering, ...] = ()

    def jobs(self, seeds: Sequence[int]) -> list[Job]:
        """Return what is to be run, a target and seed after the other, so that each target is built once."""
        if self.orderings:
            every = {side for o in self.orderings for sides in o.sides() for side in sides}
            by_id = {attack.id: attack for attack in self.attacks}
            found = [Job(by_id[side.attack], side.target, "power", seed, side.settings) for side in every for seed in seeds]
        else:
            found = [
                Job(attack, target, role, seed)
                for attack in self.attacks
                for target, role in targets_of(attack).items()
                for seed in seeds
            ]
        return sorted(found, key=lambda job: (job.target, job.seed, job.attack.id, str(job.settings)))


def targets_of(attack: Attack) -> dict[str, Role]:
    """Return the targets that an entry names: those where the attack must work, others, and the control."""
    found: dict[str, Role] = dict.fromkeys(attack.targets.power, "power")
    found |= dict.fromkeys(attack.targets.others, "other")
    if attack.targets.null:
        found[attack.targets.null] = "null"
    return found


def groups(catalog: Catalog, only: Sequence[str] = (), attacks: Sequence[str] = ()) -> list[Group]:
    """Return the groups of these names (all, if none is given), or one of the attacks named; raise InputError on a wrong name."""
    running = [a for a in sorted(catalog.attacks.values(), key=lambda a: a.id) if a.run and targets_of(a)]
    by_file: dict[str, list[Attack]] = {}
    for attack in running:
        assert attack.run is not None
        by_file.setdefault(attack.run.partition(":")[0].rpartition(".")[2], []).append(attack)
    found = [Group(name, tuple(members)) for name, members in sorted(by_file.items())]
    orderings = sorted(catalog.kinds[ORDERINGS].values(), key=lambda o: o.id)
    if orderings:
        compared = {name for o in orderings for name in (o.better, o.worse)}
        found.append(Group(ORDERINGS, tuple(catalog.attacks[name] for name in sorted(compared)), tuple(orderings)))
    names = [group.name for group in found]
    for name in only:
        if name not in names:
            raise unknown("group", name, names)
    for name in attacks:
        if catalog.attack(name).run is None:
            raise InputError(f"{name}: it has no code yet")
        if not targets_of(catalog.attack(name)):
            raise InputError(f"{name}: its entry names no target (`targets`)")
    chosen = [group for group in found if group.name in only or not (only or attacks)]
    return chosen + [Group("named", tuple(catalog.attack(name) for name in dict.fromkeys(attacks)))] * bool(attacks)


@dataclass(frozen=True)
class Estimate:
    """What a group will take: runs, those that were finished before, and seconds so far as the store has timed its parts."""

    group: str
    attacks: int
    targets: tuple[str, ...]
    runs: int
    finished: int
    models: int
    seconds: float
    untimed: int


def estimates(catalog: Catalog, code: Code, store: Store, work: Mapping[str, Sequence[Job]], workers: int) -> list[Estimate]:
    """Return what each group's jobs will take. Work counts as finished if the store has it by today's code and parameters."""
    timed: dict[str, list[float]] = {}
    done = set[Key]()
    for node in store.nodes():
        if node.kind == "attack":
            timed.setdefault(node.name, []).append(float(node.meta["seconds"]))
            attack, target = catalog.attacks.get(node.name), catalog.targets.get(node.meta.get("target", ""))
            if attack and target and attack.run and node.meta["code"] == code.behind(attack, target):
                done.add((node.name, target.id, node.meta["seed"], ()))
    fingerprints = Fingerprints(catalog, code.digest)
    models_of = functools.cache(lambda attack, target: fingerprints.models(catalog.attack(attack), catalog.target(target)))
    training = functools.cache(lambda target: store.typical_seconds(catalog.target(target).params))
    trained: dict[tuple[str, int], int] = {}
    result = []
    for group, jobs in work.items():
        seconds, models, untimed, finished = 0.0, 0, 0, 0
        for job in jobs:
            place, key = (job.target, job.seed), job.key
            needed = models_of(job.attack.id, job.target) + 1
            if key in done:
                finished += 1
                trained[place] = max(trained.get(place, 0), needed)
                continue
            done.add(key)
            more = max(0, needed - trained.get(place, 0))
            trained[place] = trained.get(place, 0) + more
            models += more
            each, own = training(job.target), timed.get(job.attack.id)
            seconds += more * (each or 0.0) / workers + (statistics.median(own) if own else 0.0)
            untimed += own is None or (more > 0 and each is None)
        attacks = len({job.attack.id for job in jobs})
        targets = tuple(dict.fromkeys(job.target for job in jobs))
        result.append(Estimate(group, attacks, targets, len(jobs), finished, models, seconds, untimed))
    return result


def check_code(code: Code, chosen: Sequence[Group]) -> None:
    """Raise InputError if code of a chosen attack lies in no package that is trusted, or is not there."""
    for run in {attack.run for group in chosen for attack in group.attacks if attack.run}:
        code.digest(run)


def keep_fuller(folder: Path, chosen: Sequence[Group], seeds: int) -> None:
    """Raise InputError if a file of evidence over more seeds would be replaced by one over fewer."""
    names = [ORDERINGS if group.orderings else attack.id for group in chosen for attack in group.attacks]
    for name in dict.fromkeys(names):
        try:
            found = read(folder / f"{name}.json")
        except InputError:
            continue  # it is missing or damaged, so there is nothing to keep
        measured = found.targets if isinstance(found, Evidence) else found.orderings
        most = max((len(one.seeds) for one in measured), default=0)
        if most > seeds:
            raise InputError(
                f"the evidence of {name} holds {most} seeds, and {seeds} would replace them: "
                f"measure with --seeds {most} or more, or write to another folder with --out"
            )
