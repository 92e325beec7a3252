"""What entries of defenses say of their code is checked, and what they leave of a target is worked out without any code."""

from __future__ import annotations

import pytest

from taxonomy import defended
from taxonomy.answers import Atlas
from taxonomy.check import check
from taxonomy.findings import InputError
from taxonomy.fingerprints import Fingerprints
from taxonomy.threat import ThreatModel, owner

ENTRY = """schema: 1
id: bad-defense
title: A defense
summary: A defense.
category: generalization
standing: later
mechanism: It does something.
changes: training
run: attacks.defenses.regularised:l2
params: {factor: 0.001}
ranges: {factor: {least: 0}}
utility_cost: Unknown.
"""
MASK = (("changes: training", "changes: answers"), ("regularised:l2", "masks:top_k"), ("factor: 0.001", "k: 3"))
BAD = {
    "no such function": ([("regularised:l2", "regularised:dropot")], "MIA015", 9, "did you mean dropout?"),
    "no such file": ([("regularised:l2", "regularized:l2")], "MIA015", 9, "no module attacks.defenses.regularized"),
    "a function of another kind": ([("regularised:l2", "masks:top_k"), ("factor: 0.001", "k: 3")], "MIA016", 9, "(recipe, data)"),
    "a mask that trains": ([("changes: training", "changes: answers")], "MIA016", 9, "(log_probs)"),
    "another parameter": ([("{factor: 0.001}", "{lambda: 0.001}")], "MIA017", 9, "are (factor)"),
    "a range of nothing": ([("ranges: {factor", "ranges: {facter")], "MIA026", 11, "did you mean factor?"),
    "a default outside its range": ([("factor: 0.001", "factor: -1.0")], "MIA008", 10, "-1.0 is not at least 0"),
    "an unknown end": ([("least: 0", "lest: 0")], "MIA006", 11, "unknown key 'lest'"),
    "an unknown kind": ([("changes: training", "changes: data")], "MIA008", 8, "'answers', 'training', 'model' or 'channel'"),
    "fits an unknown term": ([("run:", "fits: [discriminativ]\nrun:")], "MIA012", 9, "did you mean discriminative?"),
    "fits a grant": ([("run:", "fits: [Q.scores]\nrun:")], "MIA023", 9, "Q.scores says nothing of what a target is"),
    "takes away what a target is": ([("ranges:", "withdraws: [picture]\nranges:")], "MIA023", 11, "picture is what a target is"),
    "leaves nothing of what it masks": (
        [*MASK, ("ranges: {factor", "withdraws: [Q.scores]\nranges: {k")],
        "MIA023",
        11,
        "leaves something poorer: say what, e.g. replaces: {Q.scores: Q.labels}",
    ),
    "leaves what code cannot": (
        [*MASK, ("ranges: {factor", "replaces: {Q.scores: Q.label-confidence}\nranges: {k")],
        "MIA023",
        11,
        "Q.label-confidence is none of them",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_a_bad_entry_is_told_at_its_place(tmp_path, case):
    changes, code, line, hint = BAD[case]
    text = ENTRY
    for change in changes:
        assert change[0] in text
        text = text.replace(*change, 1)
    (tmp_path / "defenses").mkdir()
    (tmp_path / "defenses" / "bad-defense.yaml").write_text(text)
    found = [f for f in check([tmp_path])[1] if f.code == code]
    assert found and found[0].line == line and hint in f"{found[0].message} {found[0].hint}", found


def test_a_good_entry_is_clean(tmp_path):
    (tmp_path / "defenses").mkdir()
    (tmp_path / "defenses" / "bad-defense.yaml").write_text(ENTRY)
    assert not [f for f in check([tmp_path])[1] if "bad-defense" in f.file]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("top-k-scores", {"Q.top-k", "Q.labels"}),
        ("rounded-scores", {"Q.rounded-scores", "Q.labels"}),
        ("posterior-noise", {"Q.noisy-scores", "Q.labels"}),
        ("softmax-temperature", {"Q.scores", "Q.labels"}),
        ("label-only", {"Q.labels"}),
    ],
)
def test_a_mask_leaves_one_kind_of_scores_and_the_label(catalog, name, left):
    entry = catalog.target("digits-mlp")
    after, threat = defended.faced(catalog, entry, defended.apply(catalog, name, {}))
    answers = {term for term in after.offers if term.startswith("Q.")} - {"Q.embeddings"}
    assert answers == left and after.id == entry.id
    assert threat.observation == "black-box" and threat.knows == set(after.offers)
    stated = ThreatModel("black-box", "discriminative", "stand-alone", frozenset({"Q.scores", "M2"}))
    grants = {"label-only": "Q.labels", "softmax-temperature": "Q.scores"}.get(name) or next(iter(left - {"Q.labels"}))
    assert defended.faced(catalog, entry, defended.apply(catalog, name, {}), stated)[1].knows == {grants, "M2"}


def test_a_stack_with_trees_has_no_gradients(catalog):
    """OSLO and YOQO move records down the gradients of models like the target, which are stacks too where that is one."""
    plain = catalog.targets["digits-mlp"]
    stack, threat = defended.faced(catalog, plain, defended.apply(catalog, "model-stacking", {}))
    assert plain.differentiable and not stack.differentiable and not threat.differentiable
    prints = Fingerprints(catalog, str)
    for attack in (catalog.attacks["peng-2024-oslo"], catalog.attacks["wu-2024-yoqo"]):
        found = [Atlas(catalog).inapplicable(attack, owner(target)) for target in (plain, stack)]
        assert found[0] is None and found[1] is not None and found[1].because == ("differentiable",)
        assert prints.of(attack, plain) and prints.of(attack, stack) is None, "what cannot run rests on nothing"


def test_a_defense_of_the_training_takes_nothing_away(catalog):
    entry = catalog.target("digits-mlp")
    after, threat = defended.faced(catalog, entry, defended.apply(catalog, "dropout", {}))
    assert set(after.offers) == set(entry.offers) and threat.observation == "white-box"


REFUSED = {
    "unknown": ("rounded-score", {}, "digits-mlp", "did you mean rounded-scores?"),
    "unknown parameter": ("rounded-scores", {"digit": "1"}, "digits-mlp", "did you mean digits?"),
    "negative digits": ("rounded-scores", {"digits": "-1"}, "digits-mlp", "must be at least 0 and at most 15 (found -1)"),
    "no score": ("top-k-scores", {"k": "0"}, "digits-mlp", "must be at least 1 (found 0)"),
    "half a score": ("top-k-scores", {"k": "1.5"}, "digits-mlp", "must be a whole number"),
    "negative noise": ("posterior-noise", {"spread": "-0.5"}, "digits-mlp", "must be at least 0"),
    "noise of nothing": ("posterior-noise", {"spread": "nan"}, "digits-mlp", "must be a finite number"),
    "no temperature": ("softmax-temperature", {"temperature": "0"}, "digits-mlp", "must be at least 0.01"),
    "all units": ("dropout", {"hidden": "1"}, "digits-mlp", "at most 0.95"),
    "a tree": ("l2-regularisation", {}, "genomes-decision-tree", "is not differentiable"),
    "a federation": ("dropout", {}, "digits-federated", "is not stand-alone"),
    "a generator": ("rounded-scores", {}, "digits-gan", "which digits-gan does not offer"),
    "a number": ("label-only", {}, "diabetes-mlp", "which diabetes-mlp does not offer"),
    "asked past": ("rounded-scores", {}, "digits-updated", "also offers Q.updates, from which Q.scores follow"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_sentence(catalog, case):
    name, settings, target, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        defended.faced(catalog, catalog.target(target), defended.apply(catalog, name, settings))
    assert message in str(caught.value) and "\n" not in str(caught.value)
