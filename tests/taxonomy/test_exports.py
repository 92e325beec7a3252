"""What is exported for other knowledge bases: each format's own library or form takes it, and it is the same each time."""

from __future__ import annotations

import json
import uuid
import warnings
from pathlib import Path
from typing import Any, Literal

import measured_defenses
import pytest
from pydantic import BaseModel, ConfigDict, Field

from taxonomy import clauses, edition, evidence, exports, references
from taxonomy.exports import atlas, avid, csl, navigator, stix
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[1] / "data" / "tiny"

# An attack on a target whose evidence is old, so that the exports say so.
OLD = {"yeom-2018-loss": frozenset({"digits-mlp"})}


@pytest.fixture(scope="module")
def works(catalog):
    return references.works(catalog)


@pytest.fixture(scope="module")
def today(catalog):
    return edition.of(catalog)


def test_the_edition_is_that_of_the_data_and_not_of_the_clock(catalog, today, monkeypatch):
    assert edition.stated().begun <= edition.stated().date <= today.date
    confirmed = [
        one.confirmed.date
        for name in catalog.attacks
        if (found := evidence.find(catalog, name))
        for one in found.targets
        if one.confirmed
    ]
    assert all(day <= today.date for day in confirmed)
    assert today.created.startswith(today.begun) and today.modified.startswith(today.date)


def test_identities_are_of_version_5_and_differ_by_kind_and_name():
    assert uuid.UUID(exports.identity("attack", "a")).version == 5
    found = {
        exports.identity(*names) for names in (("attack", "a"), ("attack", "b"), ("target", "a"), ("a", "b", "c"), ("a", "bc"))
    }
    assert len(found) == 5 and exports.identity("attack", "a") == exports.identity("attack", "a")


def test_a_library_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"STIX is written by no_such_library: pip install 'mia-atlas\[export\]'"):
        exports.library("no_such_library", "STIX")


# -- clauses that entries are mapped to


def test_entries_are_mapped_only_to_what_was_read(catalog):
    mapped = [entry for entry in (*catalog.attacks.values(), *catalog.defenses.values()) if entry.maps.codes]
    assert len(mapped) > 100
    for entry in mapped:
        assert {clause.source for clause in clauses.of(catalog, entry)} == {"read"}, entry.id


def test_codes_of_clauses_are_unique(catalog):
    assert len(clauses.by_code(catalog)) == len(catalog.kinds["clauses"])


def test_techniques_of_the_inference_interface_are_those_of_who_asks_a_model(catalog):
    """ATLAS has the technique under exfiltration by an inference interface: neither a federation nor who holds the model."""
    for attack in catalog.attacks.values():
        if "AML.T0024.000" in attack.maps.atlas:
            assert attack.goal == "membership" and "AML.T0040" in attack.maps.atlas, attack.id
            assert not {"federated", "aggregate", "M1.parameters", "M1.generator"} & set(attack.needs), attack.id


# -- STIX


def test_stix_takes_the_bundle(catalog, works, today):
    stix2 = pytest.importorskip("stix2")
    made = stix.bundle(catalog, works, today, OLD)
    parsed = stix2.parse(json.dumps(made), allow_custom=False, version="2.1")
    objects = {one["id"]: one for one in parsed["objects"]}
    assert len(objects) == len(parsed["objects"])
    kinds: dict[str, list[Any]] = {}
    for one in objects.values():
        kinds.setdefault(one["type"], []).append(one)
    assert len(kinds["attack-pattern"]) == len(catalog.attacks) and len(kinds["course-of-action"]) == len(catalog.defenses)
    assert all(uuid.UUID(name.partition("--")[2]).version == 5 for name in objects)
    for one in made["objects"]:
        assert one["created"].startswith(today.begun) and one["modified"].startswith(today.date)
        assert one["labels"] == [f"mia-atlas-{today.version}"]
    for one in kinds["relationship"]:
        assert one["relationship_type"] == "mitigates"
        assert objects[one["source_ref"]]["type"] == "course-of-action" and objects[one["target_ref"]]["type"] == "attack-pattern"
    assert all(ref in objects for one in kinds["note"] for ref in one["object_refs"])
    shokri = objects[f"attack-pattern--{exports.identity('attack', 'shokri-2017')}"]
    techniques = {r["external_id"]: r["url"] for r in shokri["external_references"] if r["source_name"] == "mitre-atlas"}
    assert techniques["AML.T0024.000"] == "https://atlas.mitre.org/techniques/AML.T0024.000"
    assert {"kill_chain_name": "mitre-atlas", "phase_name": "exfiltration"} in [dict(p) for p in shokri["kill_chain_phases"]]


def test_figures_of_stix_are_those_of_the_evidence(catalog, works, today):
    pytest.importorskip("stix2")
    notes = {o["id"]: o for o in stix.bundle(catalog, works, today, OLD)["objects"] if o["type"] == "note"}
    found = evidence.find(catalog, "yeom-2018-loss")
    for one in found.targets:
        content = notes[f"note--{exports.identity('measured', 'yeom-2018-loss', one.target)}"]["content"]
        assert f"{one.auc.mean:.3f} [{one.auc.ci[0]:.3f}, {one.auc.ci[1]:.3f}]" in content
        assert (exports.OLD in content) is (one.target == "digits-mlp")
        assert ("control" in content) is (one.role == "null")


@pytest.mark.slow
def test_stix_is_the_same_twice(catalog, works, today):
    pytest.importorskip("stix2")
    first, second = (json.dumps(stix.bundle(catalog, works, today, {})) for _ in range(2))
    assert first == second


# -- ATLAS Navigator: mitreattack-python takes layers of ATT&CK's domains only, so this is the form as layers/LAYERFORMATv4_3.md
# -- of mitre-attack/attack-navigator tells it.


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Named(Form):
    name: str
    value: str


class Link(Form):
    label: str
    url: str = Field(pattern="^https://")


class Technique(Form):
    techniqueID: str = Field(pattern=r"^AML\.T\d{4}(\.\d{3})?$")  # noqa: N815
    tactic: str | None = None
    comment: str = ""
    enabled: bool = True
    score: float | None = None
    color: str = ""
    metadata: list[Named] = []
    links: list[Link] = []
    showSubtechniques: bool = False  # noqa: N815


class Versions(Form):
    attack: str | None = None
    navigator: str
    layer: Literal["4.3"]


class Gradient(Form):
    colors: list[str] = Field(min_length=2)
    minValue: float  # noqa: N815
    maxValue: float  # noqa: N815


class Layer(Form):
    name: str
    versions: Versions
    domain: Literal["atlas-atlas"]
    description: str = ""
    sorting: Literal[0, 1, 2, 3] = 0
    techniques: list[Technique]
    gradient: Gradient
    metadata: list[Named]


def test_the_layer_has_the_form_of_the_navigator(catalog, today):
    layer = Layer.model_validate(json.loads(json.dumps(navigator.layer(catalog, today, OLD))))
    assert layer.gradient.maxValue > layer.gradient.minValue
    by_id = {technique.techniqueID: technique for technique in layer.techniques}
    assert len(by_id) == len(layer.techniques)
    membership = by_id["AML.T0024.000"]
    mapped = [attack.id for attack in catalog.attacks.values() if "AML.T0024.000" in attack.maps.atlas]
    assert membership.score == len(mapped) and membership.tactic == "exfiltration"
    assert membership.metadata[0].value.split(", ") == sorted(mapped)
    assert by_id["AML.T0024"].showSubtechniques and by_id["AML.T0024"].score is None
    assert {one.name: one.value for one in layer.metadata}["mia_atlas_date"] == today.date


# -- AVID


def test_avid_takes_the_reports(catalog, works, today):
    pytest.importorskip("avidtools")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # avidtools is configured as pydantic 1 was
        from avidtools.datamodels.report import Report
    found = avid.reports(catalog, works, today, OLD)
    assert len(found) == len(avid.measured(catalog)) > 50
    for report in found:
        parsed = Report.model_validate(report)
        assert parsed.metrics and parsed.affects and parsed.problemtype and parsed.impact
        kept = json.loads(parsed.model_dump_json(exclude_none=True))
        assert json.dumps(kept["metrics"]) == json.dumps(report["metrics"])
        assert {**kept["impact"]["avid"], "vuln_id": None} == report["impact"]["avid"]
        assert report["reported_date"] == today.date and str(today) in report["description"]["value"]


def test_a_report_says_what_was_measured(catalog, works, today):
    (report,) = avid.reports(catalog, works, today, OLD, ["digits-mlp"])
    metrics = {metric["name"]: metric["results"] for metric in report["metrics"]}
    one = next(one for one in evidence.find(catalog, "yeom-2018-loss").targets if one.target == "digits-mlp")
    loss = metrics["membership (yeom-2018-loss)"]
    assert loss["auc"] == {"mean": one.auc.mean, "ci95": list(one.auc.ci)} and loss["note"] == exports.OLD
    assert "note" not in metrics["membership (shokri-2017)"]
    assert {"tactic": "AML.TA0010", "technique": "AML.T0024.000"} in report["impact"]["atlas"]


def test_controls_have_no_report(catalog, works, today):
    assert not any(catalog.targets[name].control for name in avid.measured(catalog))
    with pytest.raises(InputError, match="unknown measured target 'digits-null'"):
        avid.reports(catalog, works, today, {}, ["digits-null"])


# -- a contribution to ATLAS: no package brings its schema for contributions, so this is what it asks for of what is drafted


class Contact(Form):
    name: str | None
    emails: str | None


class Referred(Form):
    title: str | None
    url: str | None


class Procedure(Form):
    tactic: str = Field(pattern=r"^(?:[A-Z]+\d*\.)+TA\d{4}$")
    technique: str = Field(pattern=r"^(?:[A-Z]+\d*\.)+T\d{4}(\.\d{3})?$")
    description: str


class Study(Form):
    object_type: Literal["case-study"] = Field(alias="object-type")
    name: str
    summary: str
    incident_date: str = Field(alias="incident-date", pattern=r"^\d{4}-\d{2}-\d{2}$")
    granularity: Literal["YEAR", "MONTH", "DATE"] = Field(alias="incident-date-granularity")
    procedure: list[Procedure] = Field(min_length=1)
    reporter: str
    target: str
    actor: str
    case_study_type: Literal["exercise"] = Field(alias="case-study-type")
    references: list[Referred]


class CaseStudy(Form):
    study: Study
    meta: dict[str, str]


class Mitigation(Form):
    object_type: Literal["mitigation"] = Field(alias="object-type")
    id: str = Field(pattern=r"^(?:[A-Z]+\d*\.)+M\d{4}$")
    name: str
    description: str
    techniques: list[str]


class Other(Form):
    object_type: Literal["other"] = Field(alias="object-type")
    description: str


class Contribution(Form):
    contact: Contact
    additional_info: str = Field(alias="additional-info")
    submissions: list[CaseStudy | Mitigation | Other]


def test_the_contribution_has_the_form_of_atlas(catalog, works, today):
    draft = Contribution.model_validate(json.loads(json.dumps(atlas.contribution(catalog, works, today, OLD))))
    assert draft.contact == Contact(name=None, emails=None), "a person says who sends it"
    study = next(one.study for one in draft.submissions if isinstance(one, CaseStudy))
    assert study.incident_date == today.date and [step.technique for step in study.procedure][-1] == atlas.TECHNIQUE
    for name in atlas.ATTACKS:
        (one,) = (one for one in evidence.find(catalog, name).targets if one.target == atlas.TARGET)
        assert f"area under the ROC curve {exports.told(one.auc)}" in study.procedure[-1].description
    assert exports.OLD not in study.procedure[-1].description, "what is old is told only where it is"
    old = {name: frozenset({atlas.TARGET}) for name in atlas.ATTACKS}
    again = atlas.contribution(catalog, works, today, old)["submissions"][0]["study"]["procedure"][-1]["description"]
    assert again.count(exports.OLD) == len(atlas.ATTACKS)


def test_mitigations_say_what_was_measured(works, today, tmp_path):
    """A defense that is mapped to a mitigation of ATLAS, with evidence that was never measured."""
    folder = tmp_path / "catalog"
    measured_defenses.put(folder, "some-mask", 0.85, [measured_defenses.cell("yeom-2018-loss", 0.9, 0.7)])
    entry = folder / "defenses" / "some-mask.yaml"
    entry.write_text(entry.read_text() + "maps: {atlas: [AML.M0002]}\n")
    own = load([TINY, folder])
    found = Contribution.model_validate(atlas.contribution(own, works, today, {})).submissions
    (mitigation,) = (one for one in found if isinstance(one, Mitigation) and "some-mask" in one.description)
    assert mitigation.id == "AML.M0002" and mitigation.techniques == [atlas.TECHNIQUE]
    assert "0.900 [0.850, 0.950] without it, and of 0.700 [0.650, 0.750] with it" in mitigation.description


# -- CSL


def test_a_citation_processor_takes_the_works(works, today):
    """citeproc-py reads every item and sets it in Harvard style: authors, year and title come out."""
    pytest.importorskip("citeproc")
    from citeproc import Citation, CitationItem, CitationStylesBibliography, CitationStylesStyle, formatter
    from citeproc.source.json import CiteProcJSON

    items = csl.items(works, today)
    assert [item["id"] for item in items] == sorted(works)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not supported.*")
        source = CiteProcJSON(json.loads(json.dumps(items)))
    made = CitationStylesBibliography(CitationStylesStyle("harvard-cite-them-right", validate=False), source, formatter.plain)
    for item in items:
        made.register(Citation([CitationItem(item["id"])]))
    lines = [str(line) for line in made.bibliography()]
    assert len(lines) == len(items)
    assert any("Shokri" in line and "2017" in line and "Membership Inference Attacks" in line for line in lines)


def test_names_and_titles_are_text(works, today):
    items = csl.items(works, today)
    assert "Tramèr" in json.dumps(items, ensure_ascii=False)
    for item in items:
        names = [name for person in item["author"] for name in person.values()]
        assert not set("{}\\") & set("".join([item["title"], *names])), item["id"]
        assert item["source"] == str(today) and item["issued"]["date-parts"][0][0] > 1900


def test_a_doi_that_was_not_looked_up_says_so(works, today):
    for item in csl.items(works, today):
        assert ("from memory" in item.get("note", "")) is ("checked" in works[item["id"]].fields), item["id"]


def test_works_of_some_entries(works, today):
    assert [item["id"] for item in csl.items(works, today, {"shokri2017"})] == ["shokri2017"]
