"""Targets that publish allele frequencies of real people."""

from __future__ import annotations

from attacks.targets import aggregate
from attacks.targets import data as datasets
from attacks.targets.target import Target
from taxonomy.findings import unknown

# The codes of the 1000 Genomes Project in alphabetical order, as `datasets.genotypes` numbers them.
SUPERPOPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")


def build(*, superpopulation: str, group_size: int, members_published: bool = True, seed: int = 0) -> Target:
    """Publish the allele frequencies of a pool of people from one superpopulation of the 1000 Genomes Project.

    Candidates and reference are of the same superpopulation, so that ancestry does not stand in for membership. A record is
    the share of the counted allele at each of 127 positions: 0, 0.5 or 1. Its label is the population.
    """
    shares = people(superpopulation)
    return aggregate.publish(
        "genotypes", shares.x, shares.y, group_size=group_size, members_published=members_published, seed=seed
    )


def people(superpopulation: str) -> datasets.Data:
    """Return the people of one superpopulation: shares of the counted allele, and their populations; raise InputError."""
    if superpopulation not in SUPERPOPULATIONS:
        raise unknown("superpopulation", superpopulation, SUPERPOPULATIONS)
    counts, population, of = datasets.genotypes()
    rows = of == SUPERPOPULATIONS.index(superpopulation)
    return datasets.deduplicated("genotypes", counts[rows] / 2, population[rows])
