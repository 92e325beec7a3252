"""Names on the command line: what people call an attack, what is near to what they typed, and what the shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack
from taxonomy.findings import InputError
from taxonomy.names import called, plain, unknown_name

NAMES = {
    "LiRA": "carlini-2022-lira",
    "offline LiRA": "carlini-2022-lira-offline",
    "rmia": "zarifzadeh-2024-rmia",
    "RMIA offline": "zarifzadeh-2024-rmia-offline",
    "BASE": "lassila-2025-base",
    "Attack-P": "ye-2022-attack-p",
    "attack r": "ye-2022-attack-r",
    "MALT": "sablayrolles-2019-malt",
    "MAST": "sablayrolles-2019-mast",
    "MATT": "sablayrolles-2019-matt",
    "Mentr": "song-2021-modified-entropy",
    "GMIA": "long-2018-gmia",
    "QMIA": "bertran-2023-quantile",
    "SecMI": "duan-2023-secmi",
    "PIA": "kong-2024-pia",
    "Min-K%": "shi-2024-min-k",
    "min-k %": "shi-2024-min-k",
    "Min-K%++": "zhang-2025-min-k-plus-plus",
    "DOMIAS": "vanbreugel-2023-domias",
    "Updates-Leak": "salem-2020-updates-leak",
    "gap attack": "yeom-2018-gap",
    "Loss attack": "yeom-2018-loss",
    "LocMIA": "zhang-2020-locmia",
    "SHOKRI-2017": "shokri-2017",
}
SEVERAL = {
    "LOGAN": {"logan-1", "logan-2", "logan-3", "logan-3-generative"},
    "GAN-Leaks": {"gan-leaks-1", "gan-leaks-2", "gan-leaks-3"},
    "HopSkipJump": {"choquettechoo-2021-boundary", "li-2021-boundary"},
    "HopSkipJump boundary": {"choquettechoo-2021-boundary", "li-2021-boundary"},
    "ML-Leaks": {"ml-leaks-1", "ml-leaks-2", "ml-leaks-3"},
    "Segmentations-Leak": {"he-2020-segmentation", "he-2020-segmentation-concatenation", "he-2020-segmentation-mean-loss"},
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_attacks_answer_to_the_names_that_people_use(catalog: Catalog, name):
    assert catalog.attack(name).id == NAMES[name]
    assert catalog.entry(name).id == NAMES[name]


@pytest.mark.parametrize("name", sorted(SEVERAL))
def test_a_name_of_several_lists_them(catalog: Catalog, name):
    with pytest.raises(InputError) as caught:
        catalog.attack(name)
    assert all(one in str(caught.value) for one in SEVERAL[name])


def test_every_alias_leads_to_its_attack_or_to_a_list_with_it(catalog: Catalog):
    for attack in catalog.attacks.values():
        for name in (attack.id, attack.title, *attack.aliases):
            try:
                assert catalog.attack(name.upper()).id == attack.id
            except InputError as error:
                assert attack.id in str(error), (name, str(error))


def test_an_id_goes_before_a_name_of_another():
    entry = {"schema": 1, "title": "A", "summary": "A.", "needs": ["Q.scores"]}
    first = Attack.model_validate({**entry, "id": "one", "aliases": ["two", "both"]})
    second = Attack.model_validate({**entry, "id": "two", "title": "B", "aliases": ["both"]})
    found = called([first, second], "Two")
    assert found is not None and found.id == "two"
    assert called([first, second], "three") is None and called([first, second], "%") is None
    assert plain("Min-K%++") == plain("min-k ++") != plain("Min-K%")


def test_near_names_are_offered(catalog: Catalog):
    attacks = catalog.attacks.values()
    assert "did you mean shokri-2017?" in str(unknown_name("attack", "shokri-2071", attacks))
    assert "carlini-2022-lira (LiRA)" in str(unknown_name("attack", "lirra", attacks))
    near = str(unknown_name("attack", "label-lea", attacks))
    assert "li-2021-boundary (Label-Leaks)" in near and "li-2021-transfer (Label-Leaks)" in near
    assert "more?" in str(unknown_name("attack", "attack", attacks)), "a long list is cut, and says so"
    assert "known: " in str(unknown_name("attack", "\x1b[31m§", attacks))
    assert "\x1b" not in str(unknown_name("attack", "\x1b[31m§", attacks))


@pytest.mark.slow
def test_commands_take_names(mia, mia_json):
    assert mia_json("show", "gap attack")["id"] == "yeom-2018-gap"
    assert mia_json("explain", "LiRA", "--threat-model", "prediction-api-labels")["id"] == "carlini-2022-lira"
    compared = mia_json("compare", "LiRA", "rmia")
    assert [compared["first"], compared["second"]] == ["carlini-2022-lira", "zarifzadeh-2024-rmia"]
    plan = mia_json("run", "rmia", "gap attack", "yeom-2018-gap", "--dry-run", "--set", "RMIA.temperature=1.5")
    assert [a["id"] for a in plan["attacks"]] == ["zarifzadeh-2024-rmia", "yeom-2018-gap"]
    assert mia("bench", "LiRA", "--dry-run").returncode == 0
    assert mia("export", "bibtex", "LiRA").stdout.startswith("@inproceedings{carlini2022")
    done = mia("run", "logan")
    assert done.returncode == 2 and "may be any of logan-1" in done.stderr
    assert "LiRA" in next(a["aliases"] for a in mia_json("attacks")["attacks"] if a["id"] == "carlini-2022-lira")


def test_help_and_version(mia):
    for command in ((), ("explain",), ("store", "gc"), ("export", "graph")):
        done = mia(*command, "--help")
        assert done.returncode == 0 and "Usage:" in done.stdout
    text = mia("run", "--help").stdout
    assert "Example: mia run" in text and "[default: digits-mlp]" in text and "\\[" not in text
    assert "--show-completion" in mia("--help").stdout
    assert mia("--version").stdout == f"mia-atlas {version('mia-atlas')}\n"


def complete(*words: str) -> list[str]:
    """Return what bash offers for the last word; the program fails if it has loaded slow modules."""
    program = (
        "import sys\nfrom attacks.cli.commands import app\n"
        "try: app(prog_name='mia')\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'networkx', 'numpy', 'rich'} & set(sys.modules), 'slow modules were loaded'"
    )
    settings = {
        **os.environ,
        "_MIA_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["mia", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([sys.executable, "-c", program], env=settings, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "shok"), {"shokri-2017"}),
        (("compare", "shokri-2017", "carlini-2022-l"), {"carlini-2022-lira", "carlini-2022-lira-offline"}),
        (("run", "shokri-2017", "yeom-2018-g"), {"yeom-2018-gap"}),
        (("bench", "kong"), {"kong-2024-pia"}),
        (("run", "--target", "digits-nul"), {"digits-null"}),
        (("feasible", "--threat-model", "prediction-api-s"), {"prediction-api-scores"}),
        (("feasible", "--knows", "Q.sc"), {"Q.scores"}),
        (("feasible", "--what-if", "+Q.sc"), {"+Q.scores"}),
        (("harden", "--observation", "w"), {"white-box"}),
        (("attacks", "--goal", "extr"), {"extraction"}),
        (("show", "shadow-models.m"), {"shadow-models.matched"}),
        (("entries", "err"), {"errata"}),
    ],
)
def test_the_shell_completes_ids_without_loading_torch(words, expected):
    found = complete(*words)
    assert set(found) == expected


def test_completion_is_quiet_where_the_catalog_cannot_be_read():
    assert complete("explain", "--catalog", "/no/such/folder", "shok") == []
