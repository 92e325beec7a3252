"""Genotypes of the 1000 Genomes Project, which ship with this package."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.targets.data.records import Data, deduplicated, standardised

GENOMES = Path(__file__).parent.parent / "files" / "1000-genomes.csv.gz"


def genomes() -> Data:
    """Return 2,504 people of the 1000 Genomes Project: 127 SNPs as counts of the rarer allele, standardised; 26 populations."""
    counts, population, _ = genotypes()
    return standardised(deduplicated("genomes", counts, population))


def genomes_panel() -> Data:
    """Return the same people with the first 24 of the SNPs alone, as a small test would show them."""
    counts, population, _ = genotypes()
    return standardised(deduplicated("genomes-panel", counts[:, :24], population))


def genotypes() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the people of the 1000 Genomes Project: allele counts (n, 127) of 0, 1 or 2, population and superpopulation (n,).

    Populations are numbered in alphabetical order of their codes. See files/README.md for where the data is from.
    """
    text = gzip.decompress(GENOMES.read_bytes()).decode().splitlines()
    rows = [line.split(",") for line in text[1:]]
    counts = np.array([[int(value) for value in row[:-2]] for row in rows])
    population, superpopulation = (np.unique([row[k] for row in rows], return_inverse=True)[1] for k in (-2, -1))
    return counts, population, superpopulation
