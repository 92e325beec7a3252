"""`kind: samples`: a generator of which there is nothing but what it made once, a table or pictures that were published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import checks, tables
from attacks.audit.checks import Check
from attacks.audit.file import Audit, Part
from attacks.audit.kinds.specs import SamplesSpec
from attacks.audit.parts import Ids, Parts, Settings
from attacks.audit.rows import Rows, rows_of
from attacks.audit.tables import Side, Wanted
from attacks.handles import Number, Population, SampleOracle, UnsuitableError
from attacks.seeds import digest, digest_arrays
from attacks.targets.target import HandleMaker
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.findings import InputError

SAMPLES = "Q.samples"
# Pictures whose range is so many times that of others have another scale: 0 to 255 beside 0 to 1.
SCALE = 10


def read(audit: Audit, spec: SamplesSpec) -> SampleParts:
    """Return the parts of an audit of published samples; raise InputError for anything wrong."""
    stated, folder = audit.stated, audit.folder
    wanted = Wanted(stated.features, stated.groups, missing_values=stated.missing_values)
    members = tables.read(folder, "members", stated.members, wanted)
    wanted = replace(wanted, order=members.columns)
    others = tables.read(folder, "non_members", stated.non_members, wanted)
    wanted = replace(wanted, groups=())
    population = tables.read(folder, "population", stated.population, wanted) if stated.population else None
    samples = tables.read(folder, "model", Part(file=spec.file, id=spec.id), wanted)
    sides = _on_one_scale([members, others, *([population] if population else []), samples])
    rows = rows_of(sides)
    if rows is None:
        raise audit.wrong("the records have no features, so there is nothing to compare samples with", "members")
    checks.refuse_overlap(members, others, rows)
    return SampleParts(
        name=stated.name,
        members=members,
        others=others,
        population=population,
        rows=rows,
        described=rows,
        training_size=stated.training_size,
        records=stated.records or ("table" if rows.x.ndim == 2 else "picture"),
        samples=samples,
    )


def _on_one_scale(sides: Sequence[Side]) -> list[Side]:
    """Return pictures brought to [0, 1] by the range of them all, as generators take them, and tables as they are.

    Raises InputError for samples on another scale than the records.
    """
    pictures = [side.features for side in sides if isinstance(side.features, np.ndarray) and side.features.ndim > 2]
    if len(pictures) < len(sides):
        return list(sides)
    ranges = [(float(x.min()), float(x.max())) for x in pictures]
    widths = [high - low for low, high in ranges]
    for side, (low, high), width in zip(sides[1:], ranges[1:], widths[1:], strict=True):
        if max(width, widths[0]) > SCALE * min(width, widths[0]):
            raise InputError(
                f"{side.where}: these pictures go from {low:g} to {high:g}, and those of {sides[0].where} from {ranges[0][0]:g} "
                f"to {ranges[0][1]:g}; bring them to one scale"
            )
    least, most = min(low for low, _ in ranges), max(high for _, high in ranges)
    return [
        replace(side, features=((x.astype(np.float32) - least) / ((most - least) or 1.0)).astype(np.float32))
        for side, x in zip(sides, pictures, strict=True)
    ]


@dataclass(kw_only=True)
class SampleParts(Parts):
    """What the audit file of a generator grants of which only samples are known; `rows` end with them."""

    model_type = "generative"

    rows: Rows
    samples: Side

    @property
    def published(self) -> int:
        """How many samples were published."""
        return len(self.samples)

    @property
    def beyond(self) -> frozenset[str]:
        """Terms for which the audit file of such a model has no part: nobody says how it was trained."""
        return super().beyond | {"M2", "M3"}

    @property
    def _held(self) -> int:
        """How many of `rows` stand before the samples."""
        return len(self.rows) - len(self.samples)

    def settings(self, catalog: Catalog, given: Settings) -> Settings:
        """Return the parameters of attacks by which those that draw samples themselves make do with the published ones."""
        found = {name: dict(values) for name, values in given.items()}
        for attack, parameter, _ in self._too_many(catalog):
            found.setdefault(attack.id, {}).setdefault(parameter, str(self.published))
        return found

    def _too_many(self, catalog: Catalog) -> list[tuple[Attack, str, int]]:
        """Return attacks that themselves draw more samples than there are, with the parameter that says how many they draw."""
        found = []
        for attack in catalog.attacks.values():
            parameter = attack.cost.queries if attack.cost else None
            if SAMPLES not in attack.needs or not isinstance(parameter, str):
                continue
            if isinstance(many := attack.params[parameter], int) and many > self.published:
                found.append((attack, parameter, many))
        return found

    def tried(self, seed: int) -> tuple[list[Check], float | None]:
        """Nothing can be asked of samples, so that nothing is tried."""
        return [], None

    def asked(self) -> list[Check]:
        """Return what is to be said of the samples themselves: candidates that stand among them, and how many there are."""
        ids, samples = self.rows.ids[: self.count], self.rows.ids[self._held :]
        found = [_copied(ids, len(self.members), samples)]
        if copies := len(samples) - len(np.unique(samples)):
            found.append(Check("copies", "info", f"{copies:,} of {len(samples):,} samples are exact copies of others of them"))
        if len(samples) < checks.FEW_SAMPLES:
            text = f"{len(samples):,} samples were published, and attacks by samples are made for {checks.FEW_SAMPLES:,} or more"
            found.append(Check("few-samples", "info", f"{text}: each gets all there are, and finds less than with more"))
        return found

    def candidates(self) -> tuple[Tensor, Tensor, Ids]:
        """Return the candidates as they stand in the files: x float32 (n, ...), label int64 (n,) of zeros, ids uint64 (n,)."""
        return self.rows.x[: self.count], torch.zeros(self.count, dtype=torch.int64), self.keys()

    def keys(self) -> Ids:
        """Return a hash of each candidate's features, uint64 (n,)."""
        return self.rows.ids[: self.count]

    def identity(self) -> str:
        """Return a hash of the samples, which are all that there is of the model."""
        return digest(["samples", digest_arrays(self.rows.x[self._held :].numpy())])

    def identities(self) -> dict[str, str]:
        """Return hashes of what the terms show."""
        return {SAMPLES: self.identity()}

    def makers(self) -> dict[str, HandleMaker]:
        """Return what makes a fresh handle for each term on offer."""
        samples = shuffled(self.rows.x[self._held :])
        makers: dict[str, HandleMaker] = {
            SAMPLES: lambda ledger: SampleOracle(SAMPLES.removeprefix("Q."), Drawn(samples), ledger),
            "D1.size": lambda ledger: Number("training_size", self.size, ledger),
        }
        if self.population is not None:
            # By what they are, so that nothing hangs on the order of a file.
            order = self.count + np.argsort(self.rows.ids[self.count : self._held], kind="stable")
            x, ids = self.rows.x[order], self.rows.ids[order]
            label = torch.zeros(len(x), dtype=torch.int64)
            makers["D1.samples"] = lambda ledger: Population("population", x, label, ids, ledger)
        return makers


class Drawn:
    """Draws from a file: one row after the other, none of them twice."""

    def __init__(self, samples: Tensor):
        self._samples, self._next = samples, 0

    def __call__(self, count: int) -> Tensor:
        """Return the next rows, float32 (count, ...); raise UnsuitableError where so many are not left."""
        if self._next + count > len(self._samples):
            raise UnsuitableError(f"it draws more samples than the {len(self._samples):,} that were published")
        self._next += count
        return self._samples[self._next - count : self._next].clone()


def shuffled(samples: Tensor) -> Tensor:
    """Return samples (n, ...) in an order that follows from them alone: a file may be sorted, and its first rows be no sample."""
    seed = int(digest_arrays(samples.numpy())[:16], 16)
    return samples[torch.from_numpy(np.random.default_rng(seed).permutation(len(samples)))]


def _copied(ids: NDArray[np.uint64], members: int, samples: NDArray[np.uint64]) -> Check:
    """Say how many members, and how many non-members, stand among the samples as they are."""
    copied = np.isin(ids, samples)
    inside, outside = int(copied[:members].sum()), int(copied[members:].sum())
    text = f"{inside:,} of {members:,} members and {outside:,} of {len(ids) - members:,} non-members stand among the samples"
    if not inside:
        return Check("published-copies", "info", f"{text} word for word")
    return Check("published-copies", "warning", f"{text} word for word: a copied member is given away, whatever attacks find")
