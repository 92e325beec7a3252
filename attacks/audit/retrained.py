"""How figures move when the model is trained anew: every shadow model once in the target's place, at no further training.

Shadow models by the user's training function are the target trained again, each with other members: a half of the candidates that
chance chose. What they answer on all candidates is in the store, and who their members are is known. So an attack that is a
formula of answers can be run on each of them, with the others as its shadow models.

Shadow models come in rounds that deal the candidates out, so those of one round tell each other's members. The whole round of the
model in the target's place is left out; the rest know nothing of who is a member.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit.parts import Parts
from attacks.audit.target import ClassifierParts, oracles
from attacks.engine.execution import Run
from attacks.engine.outcome import Outcome
from attacks.engine.plan import Planned
from attacks.engine.proof import Proof
from attacks.engine.runner import Engine
from attacks.errors import AttackError
from attacks.handles import Ledger, LossThreshold, ReferenceModels, Scored, ShadowModels, UnsuitableError
from attacks.metrics.figures import FALSE_POSITIVE_RATES, unresolved
from attacks.metrics.ranking import area, roc
from attacks.models import training
from attacks.targets.target import Target
from taxonomy.check import CANDIDATES
from taxonomy.code_checks import SEED
from taxonomy.graph import goal

# So many of the shadow models stand in the target's place: more would cost time and hardly change how far figures spread.
MOST = 16
Figures = dict[str, Any]


def spread(engine: Engine, outcome: Outcome, target: Target, parts: Parts) -> dict[str, Figures]:
    """Return how the figures of attacks spread over models trained anew, by attack, for those of which that can be told exactly.

    These are attacks that are formulas of answers: they draw nothing at random, ask about no changed record, and take nothing
    else but labels and models by the user's training function. They were run, so that what they take is in the store.
    """
    if not isinstance(parts, ClassifierParts) or parts.training is None:
        return {}
    run = Run(engine, outcome.plan, target, outcome.seed)
    proofs = {one.attack.id: Proof(run, one) for one in outcome.plan.attacks if one.attack.id in outcome.scores}
    proofs = {name: proof for name, proof in proofs.items() if _is_formula(run, proof.planned)}
    made = [artifact for proof in proofs.values() for artifact in _artifacts(proof) if isinstance(artifact, ShadowModels)]
    whole = max((one for one in made if _is_own(one, parts, target)), key=len, default=None)
    if whole is None or len(whole) < 2:
        return {}
    found = {}
    with training.one_thread():
        for name, proof in proofs.items():
            try:
                found[name] = _of_attack(proof, whole, target, parts)
            except AttackError:
                # Too few models are left, or it asks about records that nobody asked these models about.
                continue
    return found


def _is_formula(run: Run, planned: Planned) -> bool:
    entry = run.plan.entries[planned.attack.id]
    return SEED not in inspect.signature(run.engine.code.function(str(entry.run))).parameters


def _artifacts(proof: Proof) -> list[Any]:
    return [proof.artifact(rule) for rule in proof.planned.rules if rule.kind == "step"]


def _is_own(models: ShadowModels, parts: ClassifierParts, target: Target) -> bool:
    """Whether the training function made the models, on the candidates."""
    assert parts.training is not None, "it is asked of audits with a training function"
    made = all(model.fingerprint in parts.training.models for model in models.models)
    return len(models) > 0 and made and np.array_equal(models.records.ids, target.ids)


def _of_attack(proof: Proof, whole: ShadowModels, target: Target, parts: ClassifierParts) -> Figures:
    """Return the figures of an attack on the first models; raise AttackError if it takes what they do not give."""
    areas, rates = list[float](), list[dict[str, float | None]]()
    trained_on, fewest = whole.trained_on.numpy(), len(whole)
    for place in range(min(len(whole), MOST)):
        score, had = _scores(proof, whole, place, target, parts)
        curve = roc(score, trained_on[place])
        areas.append(area(curve).value)
        fewest = min(fewest, had)
        rates.append(
            {
                f"{rate:g}": None if unresolved(curve.others, rate) else float(curve.true_positive_rate[curve.within(rate)])
                for rate in FALSE_POSITIVE_RATES
            }
        )
    by_rate = {name: [one[name] for one in rates] for name in rates[0]}
    return {
        "targets": len(areas),
        "models": fewest,
        "auc": _summary(areas),
        "tpr_at_fpr": {name: None if None in values else _summary(values) for name, values in by_rate.items()},
    }


def _summary(values: Sequence[float | None]) -> dict[str, float]:
    array = np.array(values, dtype=np.float64)
    mean, sd = float(array.mean()), float(array.std(ddof=1))
    return {"mean": mean, "sd": sd, "lowest": float(array.min()), "highest": float(array.max())}


def _scores(
    proof: Proof, whole: ShadowModels, place: int, target: Target, parts: ClassifierParts
) -> tuple[NDArray[np.float64], int]:
    """Return the scores of an attack on one model in the target's place, float64 (n,), and how many models of its own it had."""
    rule = proof.yields[goal(proof.planned.attack.id)]
    run, asked = proof.run, oracles(_Kept(whole.models[place], parts), scored=True, counted=False)
    arguments: dict[str, Any] = {CANDIDATES: target.records(Ledger(), with_label="record.label" in rule.needs)}
    used = 0
    for need in rule.needs:
        name = run.terms[need].handle
        if not name:
            continue
        if need in asked:
            arguments[name] = asked[need](Ledger())
        elif need == "loss-threshold":
            arguments[name] = LossThreshold(name, None, Ledger())  # it cuts scores, and makes none
        else:
            arguments[name], used = _models(proof.handle(need, Ledger()), whole, place, target, parts)
    function = run.engine.code.function(str(run.plan.entries[proof.planned.attack.id].run))
    result = function(**arguments, **proof.params(rule))
    score: NDArray[np.float64] = (result.score if isinstance(result, Scored) else result).double().numpy()
    return score, used


def _models(given: Any, whole: ShadowModels, place: int, target: Target, parts: ClassifierParts) -> tuple[Any, int]:
    """Return what stands for the adversary's models where one of them is the target, and how many they are."""
    if isinstance(given, ReferenceModels):
        own = given.own
        return ReferenceModels(_kept(own, range(len(own)), parts)), len(own)
    if not isinstance(given, ShadowModels) or not _is_own(given, parts, target):
        raise UnsuitableError("it takes something else than models by the training function")
    # The target shares all of its members, one of its deal none, and one of another deal some of them.
    shared = (given.trained_on & whole.trained_on[place]).sum(dim=1)
    left = [k for k, count in enumerate(shared.tolist()) if 0 < count < int(whole.trained_on[place].sum())]
    if len(left) < 2:
        raise UnsuitableError("too few shadow models are left")
    return _kept(given, left, parts), len(left)


def _kept(models: ShadowModels, places: Sequence[int], parts: ClassifierParts) -> ShadowModels:
    chosen = [_Kept(models.models[k], parts) for k in places]
    return ShadowModels(chosen, models.records, models.trained_on[list(places)])  # type: ignore[arg-type]


class _Kept:
    """A trained model that answers about records of the audit, and about nothing for which it would be trained again."""

    def __init__(self, model: Any, parts: ClassifierParts):
        assert parts.rows is not None, "a training function takes features"
        self._model, self._rows = model, parts.rows
        self.fingerprint: str = model.fingerprint
        self.resolution = parts.answers.resolution

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes); raise UnsuitableError for records that it was never asked about."""
        if (self._rows.places(x) < 0).any():
            raise UnsuitableError("it asks about changed records, for which models would have to be trained again")
        found: Tensor = self._model.log_probs(x)
        return found

    log_probs = kept_log_probs = bounded = __call__
