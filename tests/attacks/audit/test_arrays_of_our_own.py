"""Recorded answers of `digits-mlp` give what `mia run` finds on it: the same figures, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.engine import plan as plans
from attacks.engine.execution import Run
from attacks.engine.proof import Proof
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from attacks.seeds import hash_records

MODELS = "4"
# The score of a record is worked out from its own answers, so that not one bit hangs on where it stands.
ALONE = [
    "lassila-2025-base",
    "lassila-2025-base-offline",
    "sablayrolles-2019-mast",
    "song-2021-modified-entropy",
    "watson-2022",
    "yeom-2018-gap",
    "yeom-2018-loss",
    "zarifzadeh-2024-rmia",
    "zarifzadeh-2024-rmia-offline",
]
# Few models share one variance, a mean over all records: in another order it is rounded otherwise.
OF_A_MEAN = ["carlini-2022-lira", "carlini-2022-lira-offline"]
AUDIT = f"""\
schema: 1
name: digits
members: {{file: members.npz}}
non_members: {{file: non_members.npz}}
model: {{kind: arrays, scale: log-probabilities, columns: scores}}
references: {{file: references.npz}}
attacks: [{", ".join([*ALONE, *OF_A_MEAN])}]
"""


@pytest.fixture(scope="module")
def measured(catalog, kept_store, tmp_path_factory):
    """Run the attacks on `digits-mlp`, and hand over what they saw as arrays: results, scores in the files' order, a folder."""
    engine = Engine(catalog, Store(kept_store))
    few = {"shadow-models": {"count": MODELS}, "reference-models": {"count": MODELS}}
    plan = plans.make(catalog, catalog.target("digits-mlp"), None, [*ALONE, *OF_A_MEAN], few)
    outcome = engine.run(plan, 0)
    target = engine.target("digits-mlp", 0)
    proofs = [Proof(Run(engine, plan, target, 0), planned) for planned in plan.attacks]
    steps = {rule.yields: proof.artifact(rule) for proof in proofs for rule in proof.planned.rules if rule.kind == "step"}
    shadow = steps["shadow-models.matched"]
    # Members first, and each side in an order of its own, as files have one.
    shuffled = np.argsort(hash_records(0, 0, target.ids))
    order = shuffled[np.argsort(~target.member.numpy()[shuffled], kind="stable")]
    folder = tmp_path_factory.mktemp("digits")
    answers = target.makers["Q.scores"](Ledger())(target.x).numpy()
    for name, rows in (("members", order[:400]), ("non_members", order[400:])):
        np.savez(folder / f"{name}.npz", scores=answers[rows], y=target.label.numpy()[rows])
    np.savez(
        folder / "references.npz",
        scores=np.stack([shadow.log_probs(k).numpy()[order] for k in range(len(shadow))]),
        trained_on=shadow.trained_on.numpy()[:, order],
        outside=steps["reference-models"].answers(target.x).numpy()[:, order],
    )
    (folder / "audit.yaml").write_text(AUDIT)
    assert not outcome.failures and not outcome.unsuited
    return {one["attack"]: one for one in outcome.results}, {name: s[order] for name, s in outcome.scores.items()}, folder


def test_arrays_of_our_own_target_give_what_a_run_finds(measured, mia_json, tmp_path):
    results, scores, folder = measured
    (threat,) = mia_json("audit", folder / "audit.yaml", "--out", "out")["threat_models"]
    found = {one["attack"]: one for one in threat["results"]}
    assert found.keys() == results.keys() == {*ALONE, *OF_A_MEAN}
    for name, result in results.items():
        assert found[name]["auc"] == result["auc"] and found[name]["auc_ci"] == result["auc_ci"], name
        for rate, value in result["tpr_at_fpr"].items():
            assert found[name]["tpr_at_fpr"][rate] == value
            assert found[name]["tpr_at_fpr_ci"][rate] == result["tpr_at_fpr_ci"][rate]
    with np.load(tmp_path / "out" / "scores.npz") as written:
        assert written["member"].tolist() == [True] * 400 + [False] * 400
        for name in ALONE:
            assert written[name].tobytes() == scores[name].tobytes(), name
        for name in OF_A_MEAN:
            np.testing.assert_allclose(written[name], scores[name], rtol=1e-9)
