"""Tables of people's records: visits to a doctor, and measurements of cells."""

from __future__ import annotations

import csv
import io

import numpy as np

from attacks.targets.data import files
from attacks.targets.data.records import Data, deduplicated, standardised

VISITS = "resources/rdata/csv/Ecdat/DoctorContacts.csv"
# The least number of visits of each band but the first: every count up to 5, and ever wider bands above.
BANDS = [1, 2, 3, 4, 5, 6, 8, 10, 14]
NUMBERS = ["lc", "lpi", "fmde", "ndisease", "linc", "lfam", "educdec", "age"]
BINARY = {"idp": "TRUE", "physlim": "TRUE", "sex": "female", "child": "TRUE", "black": "TRUE"}
HEALTH = ["excellent", "good", "fair", "poor"]


def breast_cancer() -> Data:
    """Return the 569 records of Breast Cancer Wisconsin (diagnostic) in scikit-learn: 30 features, standardised; 2 classes."""
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    return standardised(deduplicated("breast-cancer", loaded.data, loaded.target))


def rand() -> Data:
    """Return people of the RAND Health Insurance Experiment: 17 features, standardised; visits to a doctor in 10 bands.

    The table is a panel of 20,186 person-years, so that one person could be on both sides of a split: each person's first year
    is kept. Persons carry no number; a row belongs to the person of the row before if sex and race agree and the exact age is
    whole years above. That finds 5,908 people, as many as Deb and Trivedi 2002 count (from memory); 5,892 are left when those
    with the features of another are dropped. Raises InputError without pydataset.
    """
    # Importing pydataset would unpack its archive into the user's home, so it is read where it lies.
    path = files.packaged("pydataset", "resources.tar.gz", "The RAND Health Insurance Experiment")
    with files.member(path, VISITS) as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, "ascii")))
    people = [row for before, row in zip([None, *rows], rows, strict=False) if before is None or not _same_person(before, row)]
    x = [
        [float(row[name]) for name in NUMBERS]
        + [float(row[name] == yes) for name, yes in BINARY.items()]
        + [float(row["health"] == level) for level in HEALTH]
        for row in people
    ]
    bands = np.digitize([int(row["mdu"]) for row in people], BANDS)
    return standardised(deduplicated("rand", np.array(x), bands))


def _same_person(before: dict[str, str], row: dict[str, str]) -> bool:
    years = float(row["age"]) - float(before["age"])
    return (
        before["sex"] == row["sex"]
        and before["black"] == row["black"]
        and 0 < years < 5.5
        and abs(years - round(years)) < 2e-4  # ages are printed with seven digits
    )
