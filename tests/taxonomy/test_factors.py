"""Factors as entries: what is varied, what is derived from it, what `mia check` says of bad ones, and when evidence is stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taxonomy import factor_evidence, factors
from taxonomy.check import check, package
from taxonomy.findings import CatalogError, InputError
from taxonomy.fingerprints import Fingerprints
from taxonomy.kept_digests import kept_digests
from taxonomy.loading import load, load_sound

FACTOR = """\
schema: 1
id: factor-own
title: A factor
summary: For tests.
where: Nowhere
measure: Somehow.
"""
VARIES = """\
varies:
  axis: epochs
  parameter: {parameter}
  values: {values}
  targets: [{targets}]
  attacks: [{attacks}]
"""


def varies(parameter="target.epochs", values="[1, 2]", targets="digits-mlp", attacks="yeom-2018-loss", more=""):
    return FACTOR + VARIES.format(parameter=parameter, values=values, targets=targets, attacks=attacks) + more


def write(folder: Path, text: str) -> Path:
    (folder / "factors").mkdir(parents=True, exist_ok=True)
    (folder / "factors" / "factor-own.yaml").write_text(text)
    return folder


def found(folder: Path) -> list[str]:
    return [f"{f.code} {f.line}: {f.message} {f.hint}" for f in check([folder])[1] if "factor-own" in f.file]


# What the reader finds stands in the way of what is checked afterwards.
UNREADABLE = [
    (varies("yeom-2018-loss.bound"), "MIA013 9: yeom-2018-loss has no parameter 'bound'"),
    (varies("dp-sgd.epsilom"), "MIA013 9: dp-sgd has no parameter 'epsilom' did you mean epsilon?"),
    (varies("dp-sdg.epsilon"), "MIA013 9: unknown attack, step or defense 'dp-sdg'; expected NAME.PARAM did you mean dp-sgd?"),
    (varies("shadow-models-guessed.count"), "did you mean shadow-models-guessed-architecture?"),
    (varies(targets="digits-mpl"), "MIA013 11: unknown target 'digits-mpl' did you mean digits-mlp?"),
    (varies(attacks="yeom-2018-los"), "MIA013 12: unknown attack"),
    (varies("target", "[digits-mlp, digits-nul]", targets=""), "unknown target 'digits-nul' did you mean digits-null?"),
    (varies("knows", "[[Q.scores], [Q.score]]"), "MIA012 10: unknown term 'Q.score' did you mean Q.scores?"),
    (varies(values="[1]"), "MIA008 10:"),
    (varies("epochs"), "MIA008 9:"),
    (varies(more="  label: [few]\n"), "MIA006 13: unknown key 'label' did you mean labels?"),
]
UNSOUND = [
    (FACTOR, "MIA034 1: a factor says in `varies` what is varied"),
    (varies(more="missing: Much.\n"), "MIA034 13: a factor says in `varies`"),
    (varies("target.epoch"), "MIA017 9: the keyword-only arguments of build"),
    (varies("shadow-models-guessed-architecture.count"), "MIA034 9: yeom-2018-loss does not use"),
    (varies("target", "[digits-mlp, digits-null]"), "MIA034 11: the target varies itself"),
    (varies("knows", "[[Q.scores, record.label], [D1.noisy]]"), "MIA034 10: digits-mlp does not offer D1.noisy"),
    (varies("knows", "[[Q.labels], [Q.scores, record.label]]"), "MIA034 10: yeom-2018-loss cannot run on digits-mlp"),
    (varies("knows", "[Q.labels, Q.scores]"), "MIA034 10: expected a list of terms"),
    (varies("dp-sgd.epsilon", "[0, 1]"), "MIA034 10: dp-sgd.epsilon must be"),
    (varies("dp-sgd.epsilon", "[1, far]"), "MIA034 10: dp-sgd.epsilon must be a finite number (found 'far')"),
    (varies("dp-sgd.epsilon", "[1, true]"), "MIA034 10: dp-sgd.epsilon must be a finite number (found 'True')"),
    (varies("dp-sgd.epsilon", targets="genomes-decision-tree"), "MIA034 10: dp-sgd is for targets that are"),
    (varies(targets=""), "MIA034 8: `targets` names none"),
    (varies(values="[1, 1]"), "MIA034 10: two values are shown alike"),
    (varies(attacks="fredrikson-2015"), "MIA034 10: fredrikson-2015 is not about membership"),
    (varies(more="  labels: [few]\n"), "MIA034 13: 1 labels for 2 values"),
    (varies("target.data", '["attacks.targets.data.merged:rand_in_tow", rand]'), "did you mean rand_in_two?"),
    (varies("attack", "[yeom-2018-loss, yeom-2018-gap]", attacks=""), ""),
    (varies("target.hidden", "[[8], [16]]"), ""),
    (varies("dp-sgd.epsilon", "[1, 4]"), ""),
]


@pytest.mark.parametrize("cases", [UNREADABLE, UNSOUND], ids=["unreadable", "unsound"])
def test_what_check_says_of_a_factor(tmp_path, cases):
    (tmp_path / "factors").mkdir()
    for i, (text, _) in enumerate(cases):
        (tmp_path / "factors" / f"factor-own-{i}.yaml").write_text(text.replace("factor-own", f"factor-own-{i}"))
    findings = check([tmp_path])[1]
    for i, (text, said) in enumerate(cases):
        told = [f"{f.code} {f.line}: {f.message} {f.hint}" for f in findings if f.file.endswith(f"factor-own-{i}.yaml")]
        assert any(said in one for one in told) if said else told == [], (text, told)


def test_a_derived_target_is_another_with_its_own_fingerprint(tmp_path):
    catalog = load([write(tmp_path, varies(values="[1, 60]"))])
    (curve,) = factors.curves(catalog, catalog.kinds["factors"]["factor-own"])
    one, same = curve.points
    assert (curve.attack, curve.target) == ("yeom-2018-loss", "digits-mlp")
    base = catalog.target("digits-mlp")
    assert same.target is base, "what equals the entry is the entry, so that its work is shared"
    assert one.target.id == "digits-mlp~1" and one.target.params == {**base.params, "epochs": 1}
    prints = Fingerprints(catalog, lambda run: run)
    names = [factor_evidence.fingerprint(prints, point) for point in curve.points]
    assert None not in names and len(set(names)) == 2
    more = factors.with_points(catalog, [curve])
    assert more.target("digits-mlp~1") is one.target and "digits-mlp~1" not in catalog.targets


def test_who_knows_less_faces_a_target_that_offers_less(tmp_path):
    values = "[[Q.scores, D1.samples, record.label], [M2, Q.scores, D1.samples, record.label]]"
    catalog = load([write(tmp_path, varies("knows", values, attacks="carlini-2022-lira"))])
    (curve,) = factors.curves(catalog, catalog.kinds["factors"]["factor-own"])
    prints = Fingerprints(catalog, lambda run: "")
    steps = [{rule.id for rule in prints.proof(point.attack, point.target)} for point in curve.points]
    assert "shadow-models-comparable-guessed-architecture" in steps[0]
    assert "shadow-models-known-recipe" in steps[1]


def test_a_factor_that_nothing_varies_says_why(tmp_path):
    catalog = load([write(tmp_path, FACTOR + "missing: No target can.\n")])
    with pytest.raises(InputError, match="factor-own cannot be measured here: No target can"):
        factors.curves(catalog, catalog.kinds["factors"]["factor-own"])


def test_a_factor_with_a_mistake_is_left_out(tmp_path):
    folder = write(tmp_path, varies(targets="digits-mpl"))
    assert "factor-own" not in load_sound([folder])[0].kinds["factors"]
    with pytest.raises(CatalogError, match="digits-mpl"):
        load([folder])


def measured(catalog, change=0.1, digest=lambda run: ""):
    """Return evidence on the factor as a file holds it, with fingerprints of code that `digest` says."""
    prints, mean = Fingerprints(catalog, digest), {"mean": 0.6, "ci": [0.55, 0.65]}
    curves = []
    for curve in factors.curves(catalog, catalog.kinds["factors"]["factor-own"]):
        points = [
            {
                "value": point.value,
                "fingerprint": factor_evidence.fingerprint(prints, point),
                "auc": mean,
                "auc_change": {"mean": change, "ci": [change - 0.05, change + 0.05]} if i else None,
                "seeds": [{"seed": 0, "target": {}, "auc": 0.6, "auc_ci": [0.5, 0.7]}],
            }
            for i, point in enumerate(curve.points)
        ]
        curves.append({"attack": curve.attack, "target": curve.target, "points": points})
    return {"schema": 1, "factor": "factor-own", "axis": "epochs", "versions": {}, "curves": curves}


def put(folder: Path, evidence: dict) -> None:
    (folder / "evidence" / "factors").mkdir(parents=True, exist_ok=True)
    (folder / "evidence" / "factors" / "factor-own.json").write_text(json.dumps(evidence))


@pytest.mark.slow
def test_evidence_is_stale_when_the_entry_changes(tmp_path):
    catalog = load([write(tmp_path, varies())])
    with kept_digests([package("attacks"), package("taxonomy")]) as digest:
        put(tmp_path, measured(catalog, digest=digest))
        assert list(factor_evidence.check(catalog, [])) != [], "without the code, all of it has changed"
        prints = Fingerprints(catalog, digest)
        evidence = factor_evidence.find(catalog, "factor-own")
        assert factor_evidence.stale(prints, evidence) == []
        for changed, said in (
            (varies(values="[1, 3]"), ["yeom-2018-loss on digits-mlp"]),
            (varies(attacks="yeom-2018-loss, yeom-2018-gap"), ["yeom-2018-gap on digits-mlp"]),
            (varies(targets="digits-null"), ["yeom-2018-loss on digits-null", "yeom-2018-loss on digits-mlp"]),
            (FACTOR + "missing: No target can.\n", ["yeom-2018-loss on digits-mlp"]),
        ):
            catalog = load([write(tmp_path, changed)])
            assert factor_evidence.stale(Fingerprints(catalog, digest), evidence) == said
    (told,) = found(tmp_path)
    assert told.startswith("MIA028") and "mia factors factor-own --save" in told


def test_malformed_evidence_says_where(tmp_path):
    catalog = load([write(tmp_path, varies())])
    for change, said in (
        ({"factor": "factor-other"}, "named after factor-own, but is about factor-other"),
        ({"schema": 2}, "schema: "),
        ({"curves": []}, "curves: "),
        ({"mood": "good"}, "mood: "),
    ):
        put(tmp_path, measured(catalog) | change)
        (told,) = (one for one in factor_evidence.check(catalog, []) if one.code == "MIA029")
        assert said in told.message


def test_every_factor_of_the_issue_is_there(catalog):
    names = set(catalog.kinds["factors"])
    for name in (
        "training-set-size",
        "model-structure",
        "overfitting",
        "number-of-classes",
        "model-type",
        "richness-of-the-answer",
        "prior-knowledge",
        "rounds-and-position",
        "number-of-queries",
        "quality-of-the-adversarys-data",
        "adversarial-training",
    ):
        assert f"factor-{name}" in names
    assert all((f.varies is None) != (f.missing is None) for f in catalog.kinds["factors"].values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        varies("dp-sgd.epsilon", "[[1], [4]]"),
        varies("dp-sgd.epsilon", targets="genomes-decision-tree"),
        varies("knows", "[Q.labels, Q.scores]"),
        varies(more="  labels: [few]\n"),
    ],
)
def test_check_tells_of_a_factor_that_became_wrong_after_it_was_measured(tmp_path, text):
    seed = {"seed": 0, "target": {}, "auc": 0.5, "auc_ci": [0.4, 0.6], "tpr": None, "tpr_ci": None, "warnings": []}
    auc = {"mean": 0.5, "ci": [0.4, 0.6]}
    point = {"fingerprint": "x", "auc": auc, "tpr": None, "paired": True, "auc_change": None, "tpr_change": None, "seeds": [seed]}
    curve = {"attack": "yeom-2018-loss", "target": "digits-mlp", "points": [{"value": one, **point} for one in "12"]}
    whole = {"schema": 1, "factor": "factor-own", "axis": "epochs", "versions": {}, "commit": None, "curves": [curve]}
    folder = write(tmp_path, text)
    path = tmp_path / "evidence" / "factors" / "factor-own.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(whole))
    codes = {one.code for one in check([folder])[1] if "factor-own" in one.file}
    assert codes == {"MIA028", "MIA034"}
