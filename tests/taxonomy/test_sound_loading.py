"""One broken file in a folder of one's own does not stop what does not need it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_catalogs import ATTACK

from taxonomy.findings import CatalogError
from taxonomy.loading import load, load_sound

GOOD = ATTACK.replace("bad-attack", "good-attack")


def folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad",
    [
        "needs: [oops\n",
        ATTACK + "sumary: A typo.\n",
        ATTACK.replace("Q.scores", "Q.scroes"),
        ATTACK.replace("bad-attack", "other-id"),
        ATTACK.replace("bad-attack", "yeom-2018-gap"),
    ],
)
def test_a_bad_entry_is_left_out_and_told(tmp_path, bad):
    own = folder(tmp_path, {"attacks/bad-attack.yaml": bad, "attacks/good-attack.yaml": GOOD})
    with pytest.raises(CatalogError):
        load([own])
    catalog, errors = load_sound([own])
    assert "good-attack" in catalog.attacks and "bad-attack" not in catalog.attacks and "yeom-2018-gap" in catalog.attacks
    assert errors and all(error.file.endswith("bad-attack.yaml") for error in errors)


def test_what_names_a_bad_entry_is_left_out_too(tmp_path):
    target = "schema: 1\nid: bad-target\ntitle: Bad\n"
    naming = GOOD + "run: attacks.discriminative.threshold:gap\ntargets: {power: [bad-target], null: digits-null}\n"
    own = folder(tmp_path, {"targets/bad-target.yaml": target, "attacks/good-attack.yaml": naming})
    catalog, _ = load_sound([own])
    assert "good-attack" not in catalog.attacks and "bad-target" not in catalog.targets


@pytest.mark.parametrize("files", [{"taxonomy.yaml": "schema: 1\nterms: [{id: half"}, {"atacks/good-attack.yaml": GOOD}])
def test_what_is_not_one_entrys_stops_everything(tmp_path, files):
    with pytest.raises(CatalogError):
        load_sound([folder(tmp_path, files)])


def test_a_missing_folder_stops_everything(tmp_path):
    with pytest.raises(CatalogError, match="no such folder"):
        load_sound([tmp_path / "nowhere"])


def test_a_sound_catalog_is_loaded_as_ever(tmp_path):
    catalog, errors = load_sound([folder(tmp_path, {"attacks/good-attack.yaml": GOOD})])
    assert errors == [] and "good-attack" in catalog.attacks
