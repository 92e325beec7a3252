"""What an audit beyond this machine would cost: derived, by the laws that tests/benchmarks/test_growth.py measures.

An audit is LiRA with many models of a ResNet-18, each trained on half of the candidates. Nothing here was measured at that size:
the laws are in proportion to records, models and epochs, as the measured exponents say, and what a card sustains is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from performance import Row

MODELS, RECORDS, EPOCHS, CLASSES = 256, 1_000_000, 100, 10
PICTURE = 4 * 3 * 32 * 32  # bytes of a record in float32
# What a card sustains in training, in FLOP a second: an assumption, from a weak card or small batches to a strong one kept busy.
RATES = (10e12, 30e12, 100e12)
DAY, TERABYTE = 86_400.0, 1e12
# The rows that the laws are read from.
NEEDED = ("growth/records", "growth/resnet", "growth/store", "growth/memory-records", "growth/memory-models")


def missing(rows: dict[str, Row]) -> list[str]:
    """Return which of the needed rows no benchmark has handed in yet."""
    return [name for name in NEEDED if name not in rows]


@dataclass(frozen=True)
class Laws:
    """What was measured: time, work, store and memory a record, a parameter and an answer; and on what."""

    cpu_seconds: float
    work: float
    parameters: float
    store: float
    memory: float
    memory_at_rest: float
    cores: int
    memory_here: float

    @classmethod
    def of(cls, rows: dict[str, Row], machines: dict[str, Row]) -> Laws:
        """Read the laws from the rows of the benchmarks."""
        network, held = rows["growth/resnet"], rows["growth/memory-records"]
        machine = machines[held["machine"]]
        value = {name: figure["value"] for name, figure in network["figures"].items()}
        return cls(
            cpu_seconds=value["a record in an epoch"],
            work=value["work of a record in an epoch"] * 1e9,
            parameters=value["parameters"],
            store=rows["growth/store"]["ratio"],
            memory=held["ratio"],
            memory_at_rest=held["figures"]["whatever the number"]["value"] * 1e9,
            cores=machine["cores"],
            memory_here=machine["memory"] * 1e9,
        )

    def passes(self, records: float) -> float:
        """How many times a record goes through a network while all models are trained, each on half of the records."""
        return MODELS * records / 2 * EPOCHS

    def core_hours(self, records: float) -> float:
        """Hours of one core of the measured machine."""
        return self.passes(records) * self.cpu_seconds / 3600

    def card_hours(self, records: float, rate: float) -> float:
        """Hours of a card that sustains `rate` FLOP a second. Answers, a third of an epoch for each model, are left out."""
        return self.passes(records) * self.work / rate / 3600

    def store_of_weights(self) -> float:
        """Bytes of all models."""
        return MODELS * 4 * self.parameters * self.store

    def store_of_answers(self, records: float) -> float:
        """Bytes of the answers of all models."""
        return MODELS * 8 * CLASSES * records * self.store

    def memory_of(self, records: float) -> float:
        """Bytes that a run holds at most."""
        return self.memory_at_rest + self.memory * PICTURE * records

    def limits(self) -> list[tuple[float, str]]:
        """How many candidates each resource allows with as many models, the scarcest first."""
        a_record = self.core_hours(1) * 3600
        found = [(DAY * self.cores / a_record, f"a day of the {self.cores} cores of the measured machine")]
        for rate in RATES:
            found.append((DAY / (self.card_hours(1, rate) * 3600), f"a day of one card at {rate / 1e12:,.0f} TFLOP/s"))
        left = self.memory_here - self.memory_at_rest
        found.append((left / (self.memory * PICTURE), f"the {self.memory_here / 1e9:,.0f} GB of memory of the measured machine"))
        found.append(((TERABYTE - self.store_of_weights()) / self.store_of_answers(1), "a terabyte of store"))
        return sorted(found)
