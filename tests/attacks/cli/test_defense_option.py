"""`mia run --defense`: what is printed and written, and what is refused before anything is trained."""

from __future__ import annotations

import json

import pytest
from test_cli import TINY_RUN

BAD = {
    "unknown defense": (["--defense", "rounded-score"], "did you mean rounded-scores?"),
    "unknown parameter": (["--defense", "rounded-scores", "--set", "rounded-scores.digit=1"], "did you mean digits?"),
    "bad parameter": (
        ["--defense", "rounded-scores", "--set", "rounded-scores.digits=-1"],
        "rounded-scores.digits must be at least 0 and at most 15 (found -1)",
    ),
    "setting of a defense that is not there": (["--set", "dropout.hidden=0.1"], "add --defense dropout"),
    "knowledge of no defense": (["--naive"], "add --defense ID"),
    "defense that does not fit": (["--defense", "dropout", "--target", "digits-gan"], "digits-gan is not discriminative"),
    "mask of a generator": (
        ["--defense", "posterior-noise", "--target", "digits-gan"],
        "posterior-noise masks Q.scores, which digits-gan does not offer",
    ),
    "training of a federation": (["--defense", "dp-sgd", "--target", "digits-federated"], "digits-federated is not stand-alone"),
    "no epsilon": (["--defense", "dp-sgd", "--set", "dp-sgd.epsilon=0"], "dp-sgd.epsilon must be at least 0.01 and at most 100"),
    "negative epsilon": (["--defense", "dp-sgd", "--set", "dp-sgd.epsilon=-1"], "dp-sgd.epsilon must be at least 0.01"),
    "negative noise": (
        ["--defense", "posterior-noise", "--set", "posterior-noise.spread=-0.5"],
        "posterior-noise.spread must be at least 0 and at most 1e+06 (found -0.5)",
    ),
    "endless noise": (
        ["--defense", "posterior-noise", "--set", "posterior-noise.spread=inf"],
        "posterior-noise.spread must be a finite number (found 'inf')",
    ),
    "attack that a defense stops": (
        ["yeom-2018-loss", "--defense", "label-only"],
        "it would need Q.scores or Q.top-k, and label-only takes Q.scores and Q.top-k away",
    ),
    "attack that a defense leaves, by an adversary who has not even that": (
        ["yeom-2018-loss", "--defense", "rounded-scores", "--observation", "black-box", "--knows", "record.label"],
        "it would need Q.scores or Q.top-k, of which rounded-scores leaves Q.rounded-scores",
    ),
    "attack that a defense stops within limits": (
        ["shokri-2017", "--defense", "label-only", "--models", "20"],
        "and label-only takes Q.scores and Q.top-k away",
    ),
    "attack that needs gradients, of a stack with trees": (
        ["peng-2024-oslo", "--defense", "model-stacking"],
        "it does not apply to digits-mlp with model-stacking: it is for a differentiable model, and this is none",
    ),
    "attack that holds the model": (
        ["carlini-2022-gradient-norm", "--defense", "rounded-scores"],
        "or M1.runnable (needs white-box observation)\n",
    ),
    "defense without code": (
        ["--defense", "text-only-answers"],
        "has no code: a function must be written that puts it on a target",
    ),
    "more scores than classes": (
        [*TINY_RUN[1:], "yeom-2018-loss", "--defense", "top-k-scores", "--set", "top-k-scores.k=11"],
        "top-k-scores: 11 scores cannot be shown: the target tells 10 classes apart",
    ),
    "more scores than classes of a federation": (
        ["yeom-2018-loss", "--target", "digits-federated", "--defense", "top-k-scores", "--set", "top-k-scores.k=11"],
        "top-k-scores: 11 scores cannot be shown: the target tells 10 classes apart",
    ),
    "training that takes records, of a target that learns otherwise": (
        ["yeom-2018-loss", "--target", "genomes-dp-1", "--defense", "dmp"],
        "dmp: this defense changes how a network learns; the target learns by noisy descent",
    ),
    "training of a network, of a target that is none": (
        ["yeom-2018-loss", "--target", "genomes-naive-bayes", "--defense", "dropout"],
        "dropout: this defense trains a network, and the target is made by naive-bayes",
    ),
    "training of a classifier, of a target that predicts a number": (
        ["yeom-2018-regression", "--target", "diabetes-mlp", "--defense", "hamp"],
        "hamp: this defense changes how a classifier learns, and the target predicts a number",
    ),
    "privacy that is there already": (
        ["yeom-2018-loss", "--target", "genomes-dp-1", "--defense", "dp-sgd"],
        "dp-sgd: the target learns with the noise of differential privacy already",
    ),
    "noise in a discriminator that is not there": (
        ["--target", "digits-vae", "--defense", "dp-gan"],
        "dp-gan: this defense puts noise in a discriminator, and a generative model of family vae has none",
    ),
    "models that learn nothing": (
        [*TINY_RUN[1:], "yeom-2018-loss", "--defense", "selena", "--set", "selena.without=10"],
        "selena: a record that 10 models leave out is learned by none of 10",
    ),
    "channel of a network that it cannot compute": (
        [*TINY_RUN[1:], "yeom-2018-loss", "--defense", "homomorphic-encryption"],
        "homomorphic-encryption: encrypted values can be added and multiplied, and ReLU is no such thing",
    ),
    "mask that asks an owner whom a federation has not": (
        ["yeom-2018-loss", "--target", "digits-federated", "--defense", "memguard"],
        "memguard: it asks for the model and its training set, which the code of this target does not tell",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_is_refused_before_anything_is_trained(mia, case):
    arguments, message = BAD[case]
    done = mia("run", *arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout, "no plan is shown of what is refused"
    assert json.loads(mia("store", "ls", "--json").stdout)["nodes"] == []


@pytest.mark.slow
def test_a_run_says_what_a_defense_costs_and_leaves(mia, mia_json, tmp_path):
    data = mia_json(*TINY_RUN, "yeom-2018-loss", "--defense", "top-k-scores", "--set", "top-k-scores.k=1", "--naive")
    defense = data["defense"]
    assert defense["id"] == "top-k-scores" and defense["params"] == {"k": 1} and defense["adaptive"] is False
    accuracy = defense["utility"]["test_accuracy"]
    assert accuracy["defended"] == accuracy["undefended"] == data["target_facts"]["test_accuracy"]
    assert "Q.top-k" in data["granted"] and "Q.scores" not in data["granted"]
    assert data["out"] == "mia-runs/tiny-top-k-scores-naive-seed-0", "who knows of it has a report beside that one"
    page = (tmp_path / data["out"] / "report.html").read_text()
    assert "tiny with top-k-scores" in page and "(top-k-scores, k 1). The adversary does not know of it" in page
    done = mia(*TINY_RUN, "yeom-2018-loss", "--defense", "top-k-scores")
    assert "mia-runs/tiny-top-k-scores-seed-0" in done.stdout and "is replaced" not in done.stdout
    assert "Defense top-k-scores (k 3), against an adversary who knows of it" in done.stdout
    assert "Without and with top-k-scores: test accuracy" in done.stdout and "training seconds" in done.stdout
    assert mia_json(*TINY_RUN, "yeom-2018-loss")["defense"] is None


OWN = """\
schema: 1
id: my-mask
title: A mask of one's own
cites: [shokri2017]
summary: Shows what it likes.
category: output-masking
standing: later
mechanism: It masks.
changes: answers
replaces: {{Q.scores: Q.labels}}
run: {module}:show
{more}utility_cost: Not measured.
"""


@pytest.mark.parametrize(
    ("function", "module", "more", "said"),
    [
        ("def show(log_probs, foo):\n    return log_probs\n", "my_mask", "", "my-mask.yaml:11:6: error MIA016: show takes"),
        (
            "def show(log_probs, *, k):\n    return log_probs\n",
            "my_mask",
            "",
            "my-mask.yaml:11:6: error MIA017: the keyword-only",
        ),
        ("", "other", "", "other:show: there is no other.py, and no package other, in"),
        (
            "def show(log_probs, *, k):\n    return log_probs\n",
            "my_mask",
            "params: {k: 0}\nranges: {k: {least: 1}}\n",
            "my-mask.k must be at least 1",
        ),
    ],
    ids=["takes more", "takes a parameter that is none", "is not there", "default out of its range"],
)
def test_a_defense_of_ones_own_that_does_not_fit_its_entry(mia, tmp_path, function, module, more, said):
    (tmp_path / "own" / "defenses").mkdir(parents=True)
    (tmp_path / "own" / "defenses" / "my-mask.yaml").write_text(OWN.format(module=module, more=more))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "my_mask.py").write_text(function)
    own = ("--catalog", "own", "--trust-code", "code")
    done = mia("run", *TINY_RUN[1:], "yeom-2018-gap", "--defense", "my-mask", *own)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
