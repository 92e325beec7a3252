"""Data sets of the targets: real ones, deduplicated, and never downloaded silently."""

from __future__ import annotations

from collections.abc import Callable

from attacks.models import own_code
from attacks.targets.data.genetics import genomes, genomes_panel, genotypes
from attacks.targets.data.pictures import cifar_10, cifar_100, digits, fashion, mnist, plain_digits
from attacks.targets.data.records import Data, deduplicated
from attacks.targets.data.shokri import location_30, purchase_100, texas_100
from attacks.targets.data.tables import breast_cancer, rand
from attacks.targets.data.text import glosses
from taxonomy.findings import InputError, unknown
from taxonomy.named_code import is_path

__all__ = ["LOADERS", "Data", "deduplicated", "genotypes", "load", "plain_digits"]

LOADERS: dict[str, Callable[[], Data]] = {
    "breast-cancer": breast_cancer,
    "cifar-10": cifar_10,
    "cifar-100": cifar_100,
    "digits": digits,
    "fashion": fashion,
    "genomes": genomes,
    "genomes-panel": genomes_panel,
    "glosses": glosses,
    "location-30": location_30,
    "mnist": mnist,
    "purchase-100": purchase_100,
    "rand": rand,
    "texas-100": texas_100,
}


def load(name: str) -> Data:
    """Return a data set by name; raise InputError with the nearest valid name, or saying how to get what is not here.

    A name that is a path is that of a function of a catalog's own code, which returns a `Data`; it is deduplicated here.
    """
    if is_path(name):
        found = own_code.call(name, "() -> Data")
        if not isinstance(found, Data):
            raise InputError(f"{name} returned a {type(found).__name__}; a data set is an attacks.targets.data.Data(name, x, y)")
        return deduplicated(found.name, found.x, found.y)
    if name not in LOADERS:
        raise unknown("data set", name, LOADERS)
    return LOADERS[name]()
