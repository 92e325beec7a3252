"""What a bench will measure, in which groups, and how long that takes. Loads no torch."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attacks.engine.code import Code
from attacks.engine.store import Store
from attacks.evidence.defense_places import Place, Places, adversaries
from taxonomy import defense_evidence
from taxonomy.catalog import Catalog
from taxonomy.defended import Applied, imitated
from taxonomy.defense_evidence import DefenseFingerprints
from taxonomy.entries import Attack, Defense
from taxonomy.evidence import ORDERINGS, read
from taxonomy.figures import Evidence, Role
from taxonomy.findings import InputError, unknown
from taxonomy.fingerprints import Fingerprints
from taxonomy.orderings import Ordering, Setting

# The name under which all defenses are measured; each is a group of its own.
DEFENSES = "defenses"
NO_TARGET = "its entry names no target (`targets`)"
Settings = tuple[tuple[str, Setting], ...]
Key = tuple[str, str, int, Settings]


@dataclass(frozen=True)
class Job:
    """One attack on one target with one seed; `settings` are parameters NAME.PARAM that differ from the catalog's.

    A `defense` may stand on the target.
    """

    attack: Attack
    target: str
    role: Role
    seed: int
    settings: Settings = ()
    defense: Applied | None = None

    @property
    def faced(self) -> Settings:
        """The defense, its parameters and whether the adversary knows of it, in the form of settings."""
        if self.defense is None:
            return ()
        params = ((name, str(value)) for name, value in self.defense.params.items())
        return ("--defense", self.defense.defense.id), ("--adaptive", self.defense.adaptive), *params

    @property
    def key(self) -> Key:
        """What tells it from other jobs."""
        return self.attack.id, self.target, self.seed, (*self.settings, *self.faced)


@dataclass(frozen=True)
class Group:
    """Attacks whose functions stand in one file, which is one mechanism; or the catalog's orderings; or a defense."""

    name: str
    attacks: tuple[Attack, ...]
    orderings: tuple[Ordering, ...] = ()
    defense: Defense | None = None
    places: tuple[Place, ...] = ()

    @property
    def files(self) -> list[str]:
        """The files in a folder of evidence that hold what is measured, without their ending."""
        if self.defense is not None:
            return [f"{DEFENSES}/{self.defense.id}"]
        return [ORDERINGS] if self.orderings else [attack.id for attack in self.attacks]

    def jobs(self, seeds: Sequence[int]) -> list[Job]:
        """Return what is to be run, a target and seed after the other, so that each target is built once."""
        if self.defense is not None:
            found = [
                Job(attack, place.target, "power", seed, (), applied)
                for place in self.places
                for seed in seeds
                for attack in place.attacks
                for applied in (None, *(adversaries(self.defense) if attack.id in place.left else ()))
            ]
        elif self.orderings:
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
        return sorted(found, key=lambda job: (job.target, job.seed, str(job.faced), job.attack.id, str(job.settings)))


def targets_of(attack: Attack) -> dict[str, Role]:
    """Return the targets that an entry names: those where the attack must work, others, and the control."""
    found: dict[str, Role] = dict.fromkeys(attack.targets.power, "power")
    found |= dict.fromkeys(attack.targets.others, "other")
    if attack.targets.null:
        found[attack.targets.null] = "null"
    return found


def groups(catalog: Catalog, only: Sequence[str] = (), attacks: Sequence[str] = ()) -> list[Group]:
    """Return the groups of these names (all, if none is given), or one of the attacks named; raise InputError on a wrong name.

    A defense that runs and names targets is a group under its own id, and `defenses` are all of them.
    """
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
    defenses = {name: one for name, one in sorted(catalog.defenses.items()) if one.run and one.targets}
    names = [*(group.name for group in found), *([DEFENSES] if defenses else []), *defenses]
    for name in only:
        if name in catalog.defenses and name not in names:
            raise InputError(f"{name}: it has no code yet" if catalog.defense(name).run is None else f"{name}: {NO_TARGET}")
        if name in catalog.attacks and name not in names:
            raise InputError(f"{name} is one of the attacks: mia bench {name} measures it")
        if name not in names:
            raise unknown("group", name, names)
    for name in attacks:
        if catalog.attack(name).run is None:
            raise InputError(f"{name}: it has no code yet")
        if not targets_of(catalog.attack(name)):
            raise InputError(f"{name}: {NO_TARGET}")
    every = not (only or attacks)
    chosen = [group for group in found if group.name in only or every]
    places = Places(catalog)
    chosen += [_of_defense(places, one) for name, one in defenses.items() if every or name in only or DEFENSES in only]
    return chosen + [Group("named", tuple(catalog.attack(name) for name in dict.fromkeys(attacks)))] * bool(attacks)


def _of_defense(places: Places, defense: Defense) -> Group:
    found = places.of(defense)
    attacks = {attack.id: attack for place in found for attack in place.attacks}
    return Group(defense.id, tuple(attacks[name] for name in sorted(attacks)), defense=defense, places=found)


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
    stored, done = set[tuple[Any, ...]](), set[Key]()
    for node in store.nodes():
        if node.kind == "attack":
            timed.setdefault(node.name, []).append(float(node.meta["seconds"]))
            stored.add((node.name, node.meta.get("target"), node.meta.get("seed"), node.meta.get("code")))
    needs = _Needs(catalog, code)
    training = functools.cache(lambda target: store.typical_seconds(catalog.target(target).params))
    trained: dict[tuple[Any, ...], int] = {}
    result = []
    for group, jobs in work.items():
        seconds, models, untimed, finished = 0.0, 0, 0, 0
        for job in jobs:
            # Who knows of a defense of the training trains models of its own by it.
            by = job.faced if job.defense and job.defense.left is None and job.defense.adaptive else ()
            place, key = (job.target, job.seed, by), job.key
            needed = needs.models(job) + 1
            known = not job.settings and (job.attack.id, job.target, job.seed, needs.code(job)) in stored
            if key in done or known:
                done.add(key)
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


class _Needs:
    """What a job rests on: how many models it trains beside the target, and the hash of its code. Each is worked out once."""

    def __init__(self, catalog: Catalog, code: Code):
        self.catalog = catalog
        self.prints = Fingerprints(catalog, code.digest)
        self.defended = DefenseFingerprints(self.prints)
        self._behind = code.behind
        self._code: dict[tuple[str, str, Settings], str] = {}
        self._models: dict[tuple[str, str], int] = {}

    def code(self, job: Job) -> str:
        """Return the hash of the code behind a job, as its result in the store has it."""
        key = job.attack.id, job.target, job.faced
        if key not in self._code:
            applied = job.defense
            if applied is not None:
                rules = self.prints.proof(job.attack, self.defended.entries(job.target, applied).defended)
                applied = replace(applied, adaptive=imitated(self.catalog, applied, rules))
            self._code[key] = self._behind(job.attack, self.catalog.target(job.target), applied)
        return self._code[key]

    def models(self, job: Job) -> int:
        """Return the number of models that the job's proof trains, the target not counted."""
        entry = self.catalog.target(job.target)
        if job.defense is not None:
            entry = self.defended.entries(job.target, job.defense).defended
        key = job.attack.id, entry.id
        if key not in self._models:
            self._models[key] = self.prints.models(job.attack, entry)
        return self._models[key]


def check_code(code: Code, chosen: Sequence[Group]) -> None:
    """Raise InputError if code of a chosen attack or defense lies in no package that is trusted, or is not there."""
    of_attacks = {attack.run for group in chosen for attack in group.attacks if attack.run}
    for run in of_attacks | {group.defense.run for group in chosen if group.defense and group.defense.run}:
        code.digest(run)


def keep_fuller(folder: Path, chosen: Sequence[Group], seeds: int) -> None:
    """Raise InputError if a file of evidence over more seeds would be replaced by one over fewer."""
    for name in dict.fromkeys(name for group in chosen for name in group.files):
        try:
            most = _seeds(folder / f"{name}.json")
        except InputError:
            continue  # it is missing or damaged, so there is nothing to keep
        refuse_fewer(name, most, seeds)


def refuse_fewer(name: str, there: int, seeds: int) -> None:
    """Raise InputError if evidence over so many seeds that are there would be replaced by evidence over fewer."""
    if there > seeds:
        raise InputError(
            f"the evidence of {name} holds {there} seeds, and {seeds} would replace them: "
            f"measure with --seeds {there} or more, or write to another folder with --out"
        )


def _seeds(path: Path) -> int:
    """Return over how many seeds a file of evidence is; raise InputError if it is none."""
    if path.parent.name == DEFENSES:
        cells = [cell for one in defense_evidence.read(path).targets for cell in one.attacks]
        return max(len(cell.seeds) for cell in cells)
    found = read(path)
    measured = found.targets if isinstance(found, Evidence) else found.orderings
    return max((len(one.seeds) for one in measured), default=0)
