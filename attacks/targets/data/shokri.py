"""The data sets of Shokri et al. 2017 that their authors publish: purchases, hospital stays, visited places.

None could be tried here, since this project's machines reach no such server. Addresses, names inside the archives and their
layout (comma-separated, classes counted from 1, before the features) are as public code of others reads them.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.targets.data import files
from attacks.targets.data.files import Source
from attacks.targets.data.records import Data, deduplicated
from taxonomy.findings import InputError

ADDRESS = "https://github.com/privacytrustlab/datasets/raw/master/"
PURCHASE = Source("Purchase-100", f"{ADDRESS}dataset_purchase.tgz")
TEXAS = Source("Texas-100", f"{ADDRESS}dataset_texas.tgz")
LOCATION = Source("Location-30", f"{ADDRESS}dataset_location.tgz")


def purchase_100() -> Data:
    """Return Purchase-100: customers with 600 binary features (197,324 before deduplication), 100 clusters as classes.

    Downloaded once with a note on stderr and pinned on first use. Raises InputError if it cannot be had, or has changed.
    """
    path = files.fetched(PURCHASE)
    table = _table(path, "dataset_purchase")
    return _data("purchase-100", path, table[:, 1:], table[:, 0], features=600, classes=100)


def texas_100() -> Data:
    """Return Texas-100: hospital stays with 6,169 binary features (67,330 before deduplication), 100 procedures as classes.

    Takes some gigabytes of memory. Downloaded once with a note on stderr and pinned on first use. Raises InputError if it
    cannot be had, or has changed.
    """
    path = files.fetched(TEXAS)
    labels = _table(path, "texas/100/labels").ravel()
    return _data("texas-100", path, _table(path, "texas/100/feats"), labels, features=6169, classes=100)


def location_30() -> Data:
    """Return Location-30: people with 446 binary features (5,010 before deduplication), 30 clusters as classes.

    The label may stand in quotation marks (from memory). Downloaded once with a note on stderr and pinned on first use. Raises
    InputError if it cannot be had, or has changed.
    """
    path = files.fetched(LOCATION)
    table = _table(path, "bangkok")
    return _data("location-30", path, table[:, 1:], table[:, 0], features=446, classes=30)


def _table(path: Path, inside: str) -> NDArray[np.uint8]:
    """Return the small whole numbers of a comma-separated file in an archive, uint8 (rows, columns)."""
    with files.member(path, inside) as file:
        try:
            return np.loadtxt(io.TextIOWrapper(file, "ascii"), delimiter=",", dtype=np.uint8, quotechar='"', ndmin=2)
        except ValueError as error:
            raise InputError(f"{inside} in {path} is not a table of small whole numbers: {error}") from error


def _data(name: str, path: Path, x: NDArray[np.uint8], label: NDArray[np.uint8], *, features: int, classes: int) -> Data:
    if x.shape != (len(label), features) or not len(label) or label.min() < 1 or label.max() > classes:
        raise InputError(
            f"{path} is not {name} as we know it: records {x.shape} with {len(label):,} labels, where each has {features:,} "
            f"features and a class from 1 to {classes}"
        )
    return deduplicated(name, x, label - 1)
