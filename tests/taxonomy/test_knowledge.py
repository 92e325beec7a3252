"""The rest of the catalog: references, schemas for editors, the cache, and that the issue's lists are covered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from taxonomy import cache, references
from taxonomy.catalog import installed_sources
from taxonomy.loading import load
from taxonomy.schema import schemas

CATALOG = installed_sources()[0].folder


def test_references_are_complete(catalog):
    for key, work in references.works(catalog).items():
        assert work.fields.get("title") and work.fields.get("year"), key
        assert work.persons.get("author") or work.persons.get("editor"), key
        assert not set("\\{}") & set(references.citation(work)), "accents are letters in what people read"


def test_the_whole_reference_list_of_the_survey_is_there(catalog):
    numbers = sorted(int(w.fields["survey"].strip("[]{}")) for w in references.works(catalog).values() if "survey" in w.fields)
    assert numbers == list(range(1, 69))


def test_bibtex_is_parsed_again(catalog):
    from pybtex.database import parse_string

    assert set(parse_string(references.bibtex(references.works(catalog)), "bibtex").entries) == references.keys(catalog)
    assert set(parse_string(references.bibtex(references.works(catalog), {"shokri2017"}), "bibtex").entries) == {"shokri2017"}


def test_schemas_are_those_that_are_exported(catalog):
    for kind, schema in schemas(catalog).items():
        kept = json.loads((CATALOG / "schemas" / f"{kind}.json").read_text())
        assert kept == json.loads(json.dumps(schema)), "run: mia export json-schema --out catalog/schemas"


def test_editors_are_shown_terms_and_targets(catalog):
    attacks = schemas(catalog)["attacks"]
    assert "Q.scores" in attacks["properties"]["needs"]["items"]["enum"]
    assert "digits-mlp" in attacks["$defs"]["AttackTargets"]["properties"]["power"]["items"]["enum"]


def test_every_file_points_to_its_schema():
    for path in CATALOG.rglob("*.yaml"):
        first = path.read_text().splitlines()[0]
        where = first.removeprefix("# yaml-language-server: $schema=")
        assert where != first and (path.parent / where).resolve().is_file(), f"{path}: {first}"


def test_yaml_1_1_reads_the_files_alike(catalog):
    """PyYAML reads YAML 1.1; our reader takes only what 1.2 reads alike."""
    for name in ("shokri-2017", "ml-leaks-1", "digits-mlp"):
        (path,) = CATALOG.rglob(f"{name}.yaml")
        data = yaml.safe_load(path.read_text())
        entry = catalog.entry(name).model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert (
            data["id"] == entry["id"]
            and data["needs" if "needs" in data else "offers"] == entry["needs" if "needs" in data else "offers"]
        )


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_CATALOG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_cached_catalog_is_the_same(own_cache):
    first, second = load(), load()
    assert len(list(own_cache.iterdir())) == 1
    assert first.documents and not second.documents, "the second came from the cache"
    assert first.entries == second.entries and first.terms == second.terms and first.implications == second.implications


def test_the_cache_follows_content_not_time(own_cache, tmp_path):
    folder = tmp_path / "more" / "threat-models"
    folder.mkdir(parents=True)
    text = "schema: 1\nid: mine\ntitle: {}\nsummary: x\nobservation: black-box\nknows: []\nmodel: discriminative\n"
    path = folder / "mine.yaml"
    path.write_text(text.format("One"))
    before = path.stat()
    assert load([tmp_path / "more"]).threat_models["mine"].title == "One"
    path.write_text(text.format("Two"))
    import os

    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load([tmp_path / "more"]).threat_models["mine"].title == "Two"


def test_a_damaged_or_unwritable_cache_does_no_harm(own_cache, monkeypatch, tmp_path):
    load()
    for part in own_cache.rglob("attacks.json"):
        part.write_text("{")
    assert "shokri-2017" in load().attacks
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIA_CATALOG_CACHE", str(tmp_path / "file" / "cache"))
    assert "shokri-2017" in load().attacks


def test_old_catalogs_are_dropped(own_cache):
    for i in range(cache.KEPT + 4):
        cache.keep(f"{i:064d}", {"taxonomy": {}})
    assert len(list(own_cache.iterdir())) <= cache.KEPT + 1


NAMED = [
    "yeom-2018-loss",
    "yeom-2018-gap",
    "sablayrolles-2019-malt",
    "sablayrolles-2019-mast",
    "sablayrolles-2019-matt",
    "li-2021-transfer",
    "li-2021-boundary",
    "he-2020-segmentation",
    "shi-2020-over-the-air",
    "rahimian-2020-sampling",
    "zhang-2020-locmia",
    "pyrgelis-2018",
    "homer-2008",
    "sankararaman-2009",
    "backes-2016",
    "hilprecht-2019-monte-carlo",
    "hilprecht-2019-reconstruction",
    "gan-leaks-4-discriminator",
    "nasr-2019-stand-alone",
    "nasr-2019-unsupervised",
    "melis-2019-property",
    "carlini-2019-exposure",
    "yeom-2018-attribute",
    "long-2017-dtp",
    "salem-2020-updates-leak",
    "fredrikson-2015",
    "tramer-2016",
    "papernot-2017",
    "hitaj-2017",
    "aono-2017",
    "he-2019-collaborative",
]
LATER = [
    "carlini-2022-lira",
    "carlini-2022-lira-offline",
    "zarifzadeh-2024-rmia",
    "zarifzadeh-2024-rmia-offline",
    "ye-2022-attack-p",
    "ye-2022-attack-r",
    "watson-2022",
    "song-2021-modified-entropy",
    "choquettechoo-2021-boundary",
    "choquettechoo-2021-noise",
    "choquettechoo-2021-augmentation",
    "bertran-2023-quantile",
    "lassila-2025-base",
    "brannvall-2026-bavaria",
    "steinke-2023-one-run-audit",
]


@pytest.mark.parametrize(("standing", "names"), [("named", NAMED), ("later", LATER)])
def test_what_the_survey_names_and_what_came_later(catalog, standing, names):
    for name in names:
        assert catalog.attacks[name].standing == standing, name


def test_goals_beside_membership(catalog):
    goals = {a.id: a.goal for a in catalog.attacks.values()}
    assert goals["salem-2020-updates-leak"] == "reconstruction" and goals["fredrikson-2015"] == "inversion"
    assert goals["tramer-2016"] == "extraction" and goals["melis-2019-property"] == "property"


def test_defenses_of_the_survey_and_later(catalog):
    wanted = [
        "dropout",
        "model-stacking",
        "l2-regularisation",
        "homomorphic-encryption",
        "dp-sgd",
        "dp-gan",
        "posterior-noise",
        "data-obfuscation",
        "memguard",
        "adversarial-regularisation",
        "adversarial-examples",
        "early-stopping",
        "label-smoothing",
        "mixup",
        "selena",
        "hamp",
        "relaxloss",
        "dmp",
    ]
    assert set(wanted) <= set(catalog.defenses)
    for defense in catalog.defenses.values():
        numbers = {name for name, value in defense.params.items() if type(value) in (int, float)}
        assert numbers <= defense.ranges.keys(), f"{defense.id}: every number says what it may be"
        assert defense.run is not None or not defense.params


def test_ready_threat_models_are_sound(atlas):
    from taxonomy.threat import ThreatModel, contradictions

    assert len(atlas.catalog.threat_models) >= 10
    for ready in atlas.catalog.threat_models.values():
        threat = ThreatModel.of(ready)
        assert not contradictions(atlas.catalog, threat), ready.id
        assert any(atlas.answer(a, threat).__class__.__name__ == "Feasible" for a in atlas.catalog.attacks.values()), ready.id


def claims(catalog):
    """Yield what is claimed of papers with its place, by the name of its entry; the settings as published are not among them."""
    for attack in catalog.attacks.values():
        yield from ((attack.id, claim) for claim in attack.reported)
    for defense in catalog.defenses.values():
        yield from ((defense.id, effect) for effect in (*defense.mitigates, *defense.fails_against))
    yield from catalog.kinds["orderings"].items()


def test_no_remembered_number_is_a_fact(catalog):
    for attack in catalog.attacks.values():
        for claim in attack.reported:
            assert claim.source != "memory", f"{attack.id}: a figure that is only remembered must not enter"


def test_what_was_read_has_its_place(catalog):
    assert [name for name, claim in claims(catalog) if claim.source == "read" and not claim.where] == []


def test_an_abstract_alone_was_not_read(catalog):
    """As CONTRIBUTING.md decides: an abstract states a result without what it rests on."""
    stated = [(name, c.source) for name, c in claims(catalog) if re.match("(the )?abstract", c.where or "", re.IGNORECASE)]
    assert len(stated) > 10 and {source for _, source in stated} == {"secondary"}, stated


def test_orderings_that_rest_on_one_table_know_it_alike(catalog):
    """The same tables of the same works are not read in one ordering and hearsay in the next."""
    known: dict[tuple[str, ...], set[str]] = {}
    for ordering in catalog.kinds["orderings"].values():
        tables = re.findall(r"(?:Table|Figure)s? [IVXLC\d]+[a-z]?", ordering.where)
        if tables:
            known.setdefault((*sorted(ordering.cites), *tables), set()).add(ordering.source)
    assert {place: sources for place, sources in known.items() if len(sources) > 1} == {}


def test_places_are_those_of_the_papers(catalog):
    """What a fact check found at another place than the paper has it, or wider than the paper says it."""
    for name, table in (("augmentation", "1"), ("boundary", "1"), ("noise", "2")):
        wheres = {claim.where for claim in catalog.attacks[f"choquettechoo-2021-{name}"].reported}
        assert wheres == {f"Table {table}"}, name
    combined = {claim.setting: claim.where for claim in catalog.attacks["choquettechoo-2021-combined"].reported}
    assert combined == {"version of ICML 2021": "Table 1", "arXiv version of January 2021": "Table 2"}
    by_noise = next(e for e in catalog.defenses["dp-sgd"].mitigates if e.attack == "carlini-2022-lira").effect
    assert "Clipping alone" in by_noise and "larger of the clipping norms" in by_noise
    errata = catalog.kinds["errata"]
    assert "Section V-B" in errata["erratum-shokri-platform-and-type"].original
    assert errata["erratum-query-of-a-generator"].where == "Section 3.5, black-box"
    assert "Cryptography and Security" in errata["erratum-arxiv-categories"].says
    assert "jain2015" in errata["erratum-dropout-references"].cites


# Reported on text and signals that are no data set of their own here.
NO_DATA_SET = {"medical notes", "radio signals"}


def test_a_data_set_has_one_name(catalog):
    """Every figure is reported on a data set by a name that its entry has, and no two entries share a name."""
    named: dict[str, set[str]] = {}
    for entry in catalog.kinds["datasets"].values():
        for name in {entry.title, *entry.names}:
            named.setdefault(name, set()).add(entry.id)
    assert {name: ids for name, ids in named.items() if len(ids) > 1} == {}
    reported = {claim.dataset: attack.id for attack in catalog.attacks.values() for claim in attack.reported}
    assert {name: by for name, by in reported.items() if name not in named and name not in NO_DATA_SET} == {}
    spellings: dict[str, set[str]] = {}
    for name in reported:
        spellings.setdefault(next(iter(named.get(name, {name}))), set()).add(name)
    spellings.pop("dataset-purchase")  # one entry for five tasks
    assert {entry: names for entry, names in spellings.items() if len(names) > 1} == {}, "one set, reported under two names"


def test_works_that_report_on_a_data_set_use_it(catalog):
    """A paper's own figures were read there, or another work reports them: either has attacked models trained on the set."""
    named = {name: e for e in catalog.kinds["datasets"].values() for name in {e.title, *e.names}}
    missing = {
        (key, named[claim.dataset].id)
        for attack in catalog.attacks.values()
        for claim in attack.reported
        if claim.dataset in named and (claim.by or claim.source == "read")
        for key in ([claim.by] if claim.by else attack.cites[:1])
        if key not in named[claim.dataset].used_by
    }
    assert missing == set()


def test_sizes_and_terms_of_data_sets(catalog):
    entries = catalog.kinds["datasets"]
    for name, sizes in {
        "yelp-health": ("17,938", "10 kinds"),
        "csi": ("1,412",),
        "foursquare": ("15,548", "528,878"),
        "texas": ("67,330", "6,170"),
        "location": ("5,010", "446"),
        "breast-cancer": ("699", "569"),
        "face": ("19 people",),
        "cinic-10": ("270,000",),
        "adult": ("48,842",),
    }.items():
        for size in sizes:
            assert size in entries[f"dataset-{name}"].holds, name
    assert {"wolberg1992", "wolberg1995"} <= set(entries["dataset-breast-cancer"].cites)
    for name, works in {
        "purchase": ["carlini2022"],
        "texas": ["carlini2022", "tang2022"],
        "cifar-100": ["tang2022"],
        "cifar-10": ["choquettechoo2021"],
        "lfw": ["salem2019"],
    }.items():
        assert set(works) <= set(entries[f"dataset-{name}"].used_by), name


def test_nobody_is_an_author_twice(catalog):
    """A surname that stands beside a first name and again beside initials alone is one person, cut in two."""
    for key, work in references.works(catalog).items():
        people = [(" ".join(p.last_names), [*p.first_names, *p.middle_names]) for p in work.persons.get("author", [])]
        initials = {last for last, first in people if all(len(name.strip(".")) == 1 for name in first)}
        assert not initials & {last for last, first in people if any(len(name.strip(".")) > 1 for name in first)}, key


def test_an_erratum_is_an_error(catalog):
    for name, entry in catalog.kinds["errata"].items():
        text = f"{entry.summary} {entry.original}"
        assert not re.search(r"cells? (are|is) right|symbol is right|reading of ours", text), name


def test_the_wheel_would_carry_the_catalog():
    assert (Path(__file__).parents[2] / "catalog" / "__init__.py").is_file()
