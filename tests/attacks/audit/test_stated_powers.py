"""What an audit reads of an adversary's powers: a recipe stated whole, recorded answers, and masks in a notebook."""

from __future__ import annotations

import forest
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from attacks import audit
from attacks.audit import file as files
from attacks.audit import running
from attacks.audit.reading import Trust, parts
from taxonomy.findings import InputError

MINE = "threat_models: [{id: mine, observation: black-box, knows: [Q.scores, record.label, D1.samples, M2]}]\n"
ADAPTIVE = ("choquettechoo-2021-boundary", "li-2021-boundary")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    forest.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_bare_recipe_beside_a_training_function_is_that_function(folder, catalog, monkeypatch):
    """M2 is read as two things, and a function of the user's own can't be told apart into these: LiRA could not run."""
    monkeypatch.setenv("MIA_STORE", str(folder / "store"))
    (folder / "mine.yaml").write_text(forest.AUDIT + forest.POPULATION + forest.TRAIN + MINE)
    stated = files.read(folder / "mine.yaml")
    with running.prepared(catalog, parts(stated, Trust((folder,))), audit=stated) as ready:
        (case,) = ready.plans
        rules = {one.attack.id: {rule.id for rule in one.rules} for one in case.attacks}
    for attack in ("carlini-2022-lira", "zarifzadeh-2024-rmia", "long-2017"):
        assert not {rule for rule in rules[attack] if rule.startswith(("M2.", "M2->"))}, attack
    assert "M2" in case.adversary.threat.knows


def test_recorded_answers_are_asked_by_nothing_that_asks_on(folder, mia_json):
    (case,) = mia_json("audit", "arrays.yaml", "--dry-run")["threat_models"]
    assert "recorded-answers" in case["grants"] and not set(ADAPTIVE) & {one["id"] for one in case["attacks"]}
    skipped = {one["id"]: one["because"] for one in case["skipped"]}
    for name in ADAPTIVE:
        assert skipped[name].startswith("it is infeasible under this threat model; it would need M1.runnable"), skipped[name]


def sides():
    table = forest.people(240, 0)
    x, y = table[forest.COLUMNS].to_numpy(), table["outcome"].to_numpy()
    return (x[:60], y[:60]), (x[60:120], y[60:120])


def scores(x):
    sure = 1 / (1 + np.exp(-x.sum(axis=1)))
    return np.stack([sure, 1 - sure], axis=1)


def run(**more):
    members, others = sides()
    given = {"members": members, "non_members": others, "class_names": ["sick", "well"]}
    return audit.run(model=scores, **given, attacks=["yeom-2018-loss"], **more)


def test_a_notebook_puts_a_mask_on_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
    by_id, stated = (
        run(defense="rounded-scores"),
        run(defense={"id": "rounded-scores", "params": {"digits": np.int64(1)}, "adaptive": False}),
    )
    assert by_id.data["defense"]["id"] == stated.data["defense"]["id"] == "rounded-scores"
    assert stated.data["defense"]["params"] == {"digits": 1} and stated.data["defense"]["adaptive"] is False
    assert run().data.get("defense") is None
    behind = "Audit of model behind the simulated mask “Rounded scores” (rounded-scores, digits 1), of which the adversary "
    for result, title in ((by_id, f"{behind}knows"), (stated, f"{behind}does not know"), (run(), "Audit of model")):
        assert repr(result).splitlines()[0] == title
        assert f"<h4>{title}</h4>" in result._repr_html_()


@pytest.mark.parametrize(
    ("defense", "message"),
    [
        ("rounded-score", "did you mean rounded-scores"),
        ({"id": "rounded-scores", "params": {"digit": 1}}, "no parameter 'digit': did you mean digits"),
        ({"id": "rounded-scores", "param": {}}, "unknown key 'param' (did you mean params"),
        ({"params": {}}, "the key 'id' is missing; `mia defenses` lists them"),
        ({"id": "rounded-scores", "adaptive": "no"}, "defense.adaptive"),
        ("dp-sgd", "changes how a model is trained"),
        (3, "give its id, or a mapping"),
    ],
)
def test_a_mask_that_cannot_be_is_refused_in_a_sentence(defense, message):
    with pytest.raises(InputError) as error:
        run(defense=defense)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "My model"}, "name: text is expected that looks like 'my-model' (found 'My model')"),
        ({"models": 0}, "models is a whole number from 1 (found 0)"),
        ({"models": "3"}, "models is a whole number from 1 (found '3')"),
        ({"seed": 1.5}, "seed is a whole number from 0 (found 1.5)"),
        ({"seed": None}, "seed is a whole number from 0 (found None)"),
    ],
)
def test_what_an_audit_in_a_notebook_cannot_be_is_refused_in_a_sentence(wrong, message):
    with pytest.raises(InputError) as error:
        run(**wrong)
    assert str(error.value) == message


def test_a_fitted_classifier_names_its_own_classes():
    members, others = sides()
    fitted = DecisionTreeClassifier(max_depth=2).fit(*members)
    with pytest.raises(InputError, match="a fitted classifier names its own"):
        audit.run(model=fitted, members=members, non_members=others, class_names=["a", "b"])


def test_candidates_are_dealt_into_sets(tmp_path, monkeypatch):
    """A model that knows its members by heart: every set of them is found, and how much of a set was seen is told."""
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
    table = forest.people(240, 0)
    x, y = table[forest.COLUMNS].to_numpy(), table["outcome"].to_numpy()
    known = {row.tobytes(): right for row, right in zip(x[:60], y[:60], strict=True)}

    def answer(rows):
        found = scores(rows)
        for row, one in zip(rows, found, strict=True):
            if (right := known.get(row.tobytes())) is not None:
                one[:] = [0.01, 0.99] if right == "well" else [0.99, 0.01]
        return found

    def train(rows, right, seed):
        held = {row.tobytes(): one for row, one in zip(rows, right, strict=True)}

        def model(asked):
            found = scores(asked)
            for row, one in zip(asked, found, strict=True):
                if (label := held.get(row.tobytes())) is not None:
                    one[:] = [0.01, 0.99] if label == "well" else [0.99, 0.01]
            return found

        return model

    given = {"members": (x[:60], y[:60]), "non_members": (x[60:120], y[60:120]), "population": (x[120:], y[120:])}
    more = {"class_names": ["sick", "well"], "train": train, "models": 8, "sets": {"size": 10, "shares": [0.5, 1]}}
    found = audit.run(model=answer, **given, **more, attacks=["tong-2025-duci"])
    (result,) = found.data["threat_models"][0]["results"]
    assert result["metric"]["name"] == "closeness of shares" and result["metric"]["value"] > 0.9
    assert result["metric"]["value"] > result["metric"]["chance"]


@pytest.mark.parametrize(
    ("sets", "population", "message"),
    [
        (20, False, "sets: with every set go as many records that its owner kept back; hand over a `population`"),
        (
            100,
            True,
            "sets of 100 take at least 100 members, 100 non-members and 200 records of the population",
        ),
        (1, True, "sets: give its size, or a mapping with size, shares, level (found 1)"),
        ({"size": 10, "share": [1]}, True, "sets: unknown key 'share' (did you mean shares?)"),
        ({"size": 10, "shares": [0]}, True, "sets.shares.0: input should be greater than 0 (found 0)"),
    ],
)
def test_sets_that_cannot_be_dealt_are_refused_in_a_sentence(sets, population, message):
    table = forest.people(240, 0)
    more = {"population": (table[forest.COLUMNS].to_numpy()[120:], table["outcome"].to_numpy()[120:])} if population else {}
    with pytest.raises(InputError) as error:
        run(sets=sets, **more)
    assert message in str(error.value) and "\n" not in str(error.value)
