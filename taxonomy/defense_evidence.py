"""What was measured of defenses: a file each in `evidence/defenses` of a catalog's folder. No torch.

What an attack found out about a defended target is stale when its fingerprint is no longer the one that the catalog and the code
give today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from taxonomy import evidence_files, source
from taxonomy.catalog import Catalog
from taxonomy.defended import Applied, faced
from taxonomy.entries import Attack, Defense, EntryId, Params, Target
from taxonomy.figures import Average, Confirmed
from taxonomy.findings import Finding, InputError, nearest
from taxonomy.fingerprints import Fingerprints, hashed
from taxonomy.terms import Strict

KIND = "defenses"
FOLDER = f"{evidence_files.FOLDER}/{KIND}"


class Leak(Strict):
    """What an attack finds out, over seeds: its AUC, and its TPR at each FPR, None where that cannot be resolved."""

    auc: Average
    tpr_at_fpr: dict[str, Average | None]


class DefendedLeak(Leak):
    """The same with the defense, and the changes: with it less without it, on the same records, which is paired."""

    auc_change: Average
    tpr_change: dict[str, Average | None]


class CellSeed(Strict):
    """The AUC of one seed without the defense, and with it; None where it stops the attack.

    `scores` tells whether another run of the adaptive attack gave the same scores (`attacks.evidence.score_records.record`).
    """

    seed: int
    undefended: float
    naive: float | None = None
    adaptive: float | None = None
    scores: list[float] | None = None


class Cell(Strict):
    """One attack on one target without the defense, and with it: by who does not know of it, and by who does.

    There is nothing with it where it leaves the attack infeasible. `inside` says that only who holds the model itself, or a seat
    in the federation, can carry it out; `knowing` is the AUC of who knows of the defense less that of who does not, paired.
    """

    attack: EntryId
    inside: bool
    fingerprint: str
    undefended: Leak
    naive: DefendedLeak | None = None
    adaptive: DefendedLeak | None = None
    knowing: Average | None = None
    seeds: list[CellSeed] = Field(min_length=1)

    @property
    def knowing_hurts(self) -> bool:
        """Whether who knows of the defense finds less than who does not, beyond the interval."""
        return self.knowing is not None and self.knowing.ci[1] < 0


class Accuracy(Strict):
    """Accuracy on records that are no members, without the defense and with it, and the change."""

    undefended: Average
    defended: Average
    change: Average


class Seconds(Strict):
    """Processor seconds of a training, mean over seeds: of the machine that measured them."""

    undefended: float
    defended: float


class OnDefended(Strict):
    """What was measured of a defense on one target. `facts` are what its code tells of the training, one number a seed."""

    target: EntryId
    test_accuracy: Accuracy | None = None
    training_seconds: Seconds | None = None
    facts: dict[str, list[float]] = Field(default_factory=dict)
    attacks: list[Cell] = Field(min_length=1)
    confirmed: Confirmed | None = None

    @property
    def fingerprint(self) -> str:
        """What names all that the figures rest on."""
        return hashed([cell.fingerprint for cell in self.attacks])


class DefenseEvidence(Strict):
    """What was measured of a defense with these parameters, with which versions and at which commit (None outside a checkout)."""

    schema_: Literal[1] = Field(alias="schema")
    defense: EntryId
    params: Params
    versions: dict[str, str]
    commit: str | None = None
    targets: list[OnDefended] = Field(min_length=1)


# -- files -----------------------------------------------------------------------------------------------------------------


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the files of what was measured of defenses, in every folder of the catalog."""
    return evidence_files.files(catalog, KIND)


def read(path: Path) -> DefenseEvidence:
    """Return what a file says was measured of a defense; raise InputError with one sentence if it says nothing."""
    return evidence_files.read(DefenseEvidence, path)


def find_all(catalog: Catalog) -> dict[str, DefenseEvidence]:
    """Return what was measured of each defense, by its id; an earlier folder goes first. Raises InputError on a damaged file."""
    found: dict[str, DefenseEvidence] = {}
    for path in files(catalog):
        if path.stem not in found and path.stem in catalog.defenses:
            found[path.stem] = evidence_files.read_named(DefenseEvidence, path)
    return found


# -- what is stale ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entries:
    """The entry of a target as it stands, and as a defense leaves it."""

    plain: Target
    defended: Target


class DefenseFingerprints:
    """Names what the figures of attacks on defended targets rest on: both proofs, the targets, and the defense."""

    def __init__(self, prints: Fingerprints):
        self.prints = prints
        self._entries: dict[tuple[str, str], Entries] = {}
        # Defenses that leave the same leave the same proofs, which are found once.
        self._left: dict[tuple[str, tuple[str, ...], bool], Target] = {}

    def entries(self, target: str, applied: Applied) -> Entries:
        """Return the entry of a target, and of what a defense leaves of it. Raises InputError if the defense does not fit."""
        key = target, applied.defense.id
        if key not in self._entries:
            self._entries[key] = self._faced(target, applied)
        return self._entries[key]

    def _faced(self, target: str, applied: Applied) -> Entries:
        plain = self.prints.catalog.target(target)
        after = faced(self.prints.catalog, plain, applied)[0]
        if after == plain:
            return Entries(plain, plain)
        key = target, tuple(after.offers), after.differentiable
        if key not in self._left:
            self._left[key] = after.model_copy(update={"id": f"{target}~{len(self._left)}"})
        return Entries(plain, self._left[key])

    def of(self, attack: Attack, entries: Entries, applied: Applied) -> str | None:
        """Return the fingerprint of an attack on a target without and with a defense; None where it runs on neither."""
        plain, defended = self.prints.of(attack, entries.plain), self.prints.of(attack, entries.defended)
        if plain is None:
            return None
        code = [self.prints.digest(path) for path in applied.code]
        return hashed([plain, defended, applied.defense.id, applied.params, code])


def today(own: DefenseFingerprints, applied: Applied, found: OnDefended) -> list[str | None]:
    """Return the fingerprints of the attacks on a target as the catalog and the code give them today.

    None stands where an attack cannot run any more, or where the defense now stops what it left, or leaves what it stopped.
    """
    catalog = own.prints.catalog
    try:
        entries = own.entries(found.target, applied)
    except InputError:
        return [None] * len(found.attacks)
    prints = []
    for cell in found.attacks:
        attack = catalog.attack(cell.attack)
        stopped = own.prints.of(attack, entries.defended) is None
        prints.append(own.of(attack, entries, applied) if stopped == (cell.adaptive is None) else None)
    return prints


def stale(prints: Fingerprints, found: DefenseEvidence) -> list[str]:
    """Return the targets on which what was measured of a defense has changed since; all of them where its parameters have."""
    catalog = prints.catalog
    defense: Defense = catalog.defenses[found.defense]
    if defense.run is None:
        return [one.target for one in found.targets]
    own, applied = DefenseFingerprints(prints), Applied(defense, defense.params)
    return [one.target for one in found.targets if today(own, applied, one) != [cell.fingerprint for cell in one.attacks]]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with the evidence on defenses: MIA029 where it is of nothing that exists, MIA028 where it is stale."""
    yield from evidence_files.check(catalog, packages, files(catalog), read, _unknown, _old)


def _old(prints: Fingerprints, found: DefenseEvidence, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what of a file is stale, and what was not measured, each with a hint."""
    command = f"mia bench --only {found.defense}"
    again = f"measure again with `{command}`"
    if old := stale(prints, found):
        message = f"the defense, an attack or {', '.join(old)} has changed since it was measured"
        yield message, f"{again}, or see with `{command} --confirm` whether the figures changed"
    measured = {one.target for one in found.targets}
    if lacking := [name for name in prints.catalog.defenses[found.defense].targets if name not in measured]:
        yield f"not measured yet: {', '.join(lacking)}", again


def _unknown(catalog: Catalog, found: DefenseEvidence, stem: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for every name that nothing bears."""
    if found.defense != stem:
        yield f"the file is named after {stem}, but is about {found.defense}", ""
    names = [("defense", found.defense)]
    names += [("target", one.target) for one in found.targets]
    names += [("attack", cell.attack) for one in found.targets for cell in one.attacks]
    for kind, name in dict.fromkeys(names):
        if name not in catalog.kinds[f"{kind}s"]:
            yield f"unknown {kind} {name!r}", nearest(name, catalog.kinds[f"{kind}s"])
