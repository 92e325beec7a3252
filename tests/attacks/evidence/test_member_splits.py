"""Which records are members, as a data set in Croissant: what is said is what the target knows, and mlcroissant reads it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch

from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.evidence import member_splits
from taxonomy import edition, references
from taxonomy.exports import croissant
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture(scope="module")
def made(kept_store):
    catalog = load([TINY])
    engine = Engine(catalog, Store(kept_store))
    return catalog, [(seed, engine.target("tiny", seed)) for seed in (10, 11)]


def test_the_table_says_what_targets_know(made):
    _, targets = made
    rows = list(csv.DictReader(io.StringIO(member_splits.table(targets).decode())))
    assert len(rows) == sum(len(target.ids) for _, target in targets)
    for seed, target in targets:
        mine = [row for row in rows if row["seed"] == str(seed)]
        assert [int(row["record"], 16) for row in mine] == [int(one) for one in target.ids]
        assert [row["split"] == "member" for row in mine] == target.member.tolist()
        assert [int(row["label"]) for row in mine] == target.label.tolist()


def test_the_table_is_the_same_twice_and_seeds_split_otherwise(made):
    _, targets = made
    assert member_splits.table(targets) == member_splits.table(targets)
    first, second = (member_splits.table([one]).partition(b"\n")[2].replace(b"11,", b"10,") for one in targets)
    assert first != second


def test_labels_that_are_no_classes(made):
    _, ((seed, target), _) = made
    target = type(target)(**{**vars(target), "label": target.label.double() / 3})
    assert f",{float(target.label[0]):.9g}," in member_splits.table([(seed, target)]).decode()
    target = type(target)(**{**vars(target), "label": torch.zeros(len(target.ids), 2, 2, dtype=torch.int64)})
    assert ",," in member_splits.table([(seed, target)]).decode()


def test_mlcroissant_reads_the_data_set(made, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    catalog, targets = made
    members = member_splits.table(targets)
    described = croissant.metadata(
        catalog, references.works(catalog), edition.of(catalog), catalog.target("tiny"), members, [10, 11]
    )
    (tmp_path / "members.csv").write_bytes(members)
    (tmp_path / "croissant.json").write_text(json.dumps(described))
    dataset = mlcroissant.Dataset(tmp_path / "croissant.json")
    assert not dataset.metadata.issues.errors and not dataset.metadata.issues.warnings, dataset.metadata.issues
    rows = list(dataset.records("candidates"))
    assert len(rows) == sum(len(target.ids) for _, target in targets)
    found = [row["candidates/split"] in (b"member", "member") for row in rows]
    assert found == [member for _, target in targets for member in target.member.tolist()]
    assert described["dateModified"] == edition.of(catalog).date and described["version"] == edition.of(catalog).version
    assert "rai:dataCollection" in described and "rai:dataLimitations" in described


def test_data_sets_are_those_of_the_target(catalog):
    def of(name):
        return [one.id for one in croissant.datasets(catalog, catalog.target(name))]

    assert of("digits-mlp") == ["dataset-digits"] and of("genomes-federated") == ["dataset-1000-genomes"]
    assert of("cifar10-cnn") == ["dataset-cifar-10"] and of("cifar100-cnn") == ["dataset-cifar-100"]
    assert of("fashion-federated-shoes") == ["dataset-fashion-mnist"]


def test_simulated_data_say_so(catalog):
    simulated = {name for name, target in catalog.targets.items() if croissant.simulated(catalog, target)}
    assert simulated == {"modulation-mlp", "modulation-null"}
