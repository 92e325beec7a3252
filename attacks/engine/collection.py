"""What is dropped from the store: damaged and abandoned work, what rests on it, and by choice what is old, or everything."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from attacks.engine.store import META, Store


@dataclass(frozen=True)
class Collected:
    """What was dropped, nodes and bytes, and how many runs were at work, for which all that is whole was kept."""

    dropped: int
    bytes: int
    runs: int


def collect(store: Store, older_than_days: float | None = None, everything: bool = False) -> Collected:
    """Drop damaged and abandoned work and, unless runs are at work, what is older than some days, or everything.

    What names a dropped node goes with it: without that, it is nothing. Raises StoreError if the store cannot be written.
    """
    if not store.folder.is_dir():
        return Collected(0, 0, 0)
    with store.alone() as runs:
        freed, dropped = store.sweep(), 0
        chosen = runs == 0 and (everything or older_than_days is not None)
        oldest = 0.0 if older_than_days is None or everything else time.time() - older_than_days * 86400
        places, kept = store.places(), dict[str, list[str]]()
        for place in places:
            if chosen and (everything or _written(place) < oldest):
                continue
            if (inputs := store.examined(place)) is not None:
                kept[place.name] = inputs
        while orphans := {name for name, inputs in kept.items() if not kept.keys() >= set(inputs)}:
            kept = {name: inputs for name, inputs in kept.items() if name not in orphans}
        for place in places:
            if place.name not in kept:
                dropped, freed = dropped + 1, freed + store.drop(place)
    return Collected(dropped, freed, runs)


def _written(place: Path) -> float:
    try:
        return (place / META).stat().st_mtime
    except OSError:
        return 0.0
