"""Hand kinds of wrong input to a tool, and write what it says of each: python bad_input.py TOOL OUT

"silent": it returns a result and warns of nothing but what it warns of anyway. "warned": it returns one, and says something.
"stopped": it raises.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from works import made

tool, out = sys.argv[1:]
work = made("A", 0)
(x_in, y_in), (x_out, y_out) = work.members, work.others
right = work.model.predict_proba


def ours(x_in, y_in, x_out, y_out, answer):
    from attacks import audit

    sides = {"members": (x_in, y_in), "non_members": (x_out, y_out)}
    result = audit.run(model=answer, **sides, attacks=["yeom-2018-loss"], class_names=["0", "1"])
    # What it warns of stands on the first page of its report.
    said.lines += [one["message"] for one in result.data["checks"] if one["severity"] != "info"]


def sacroml(x_in, y_in, x_out, y_out, answer):
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.target import Target
    from sacroml.attacks.worst_case_attack import WorstCaseAttack

    sides = {"X_train": x_in, "y_train": y_in, "X_test": x_out, "y_test": y_out}
    with tempfile.TemporaryDirectory() as folder:
        if answer is right:
            LIRAAttack(output_dir=folder, n_shadow_models=4, write_report=False).attack(Target(model=work.model, **sides))
        else:
            answers = {"proba_train": answer(x_in), "proba_test": answer(x_out)}
            WorstCaseAttack(output_dir=folder, n_reps=1, write_report=False).attack(Target(**sides, **answers))


def art(x_in, y_in, x_out, y_out, answer):
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification.scikitlearn import ScikitlearnRandomForestClassifier

    attack = MembershipInferenceBlackBox(ScikitlearnRandomForestClassifier(work.model), attack_model_type="rf")
    answers = (None, None) if answer is right else (answer(x_in), answer(x_out))
    attack.fit(x_in, y_in, x_out, y_out, *answers)
    attack.infer(x_in, y_in, pred=answers[0])


def logits(rows):
    p = np.clip(right(rows), 1 / 200, 1 - 1 / 200)
    return np.log(p) - np.log1p(-p)


def not_numbers(rows):
    p = right(rows)
    p[3] = np.nan
    return p


missing = x_in.copy()
missing[3, 5] = np.nan
one_class = y_in == 1
both = np.concatenate([x_out, x_in[:100]]), np.concatenate([y_out, y_in[:100]])
CASES = {
    "NaN in a feature of a member": (missing, y_in, x_out, y_out, right),
    "100 members stand among the non-members too": (x_in, y_in, *both, right),
    "the non-members are the members": (x_in, y_in, x_in, y_in, right),
    "one member": (x_in[:1], y_in[:1], x_out, y_out, right),
    "one of the two classes lacks among the members": (x_in[one_class], y_in[one_class], x_out, y_out, right),
    "one label fewer than records": (x_in, y_in[:-1], x_out, y_out, right),
    "one-hot labels": (x_in, np.eye(2)[y_in], x_out, np.eye(2)[y_out], right),
    "probabilities that sum to 0.9": (x_in, y_in, x_out, y_out, lambda rows: 0.9 * right(rows)),
    "probabilities that sum to 3": (x_in, y_in, x_out, y_out, lambda rows: 3 * right(rows)),
    "a probability that is not-a-number": (x_in, y_in, x_out, y_out, not_numbers),
    "logits handed over as probabilities": (x_in, y_in, x_out, y_out, logits),
}


class Said(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def told(given):
    said.lines.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        {"ours": ours, "sacroml": sacroml, "art": art}[tool](*given)
    return [*said.lines, *(str(one.message) for one in caught if issubclass(one.category, UserWarning))]


found = {}
said = Said()
logging.getLogger().addHandler(said)
usual = told((x_in, y_in, x_out, y_out, right))
for case, given in CASES.items():
    try:
        lines = [line for line in told(given) if line not in usual]
        found[case] = {"outcome": "warned", "said": lines[0].splitlines()[0]} if lines else {"outcome": "silent", "said": ""}
    except Exception as error:
        text = (str(error).strip() or "nothing").splitlines()[0]
        found[case] = {"outcome": "stopped", "said": f"{type(error).__name__}: {text}"}
Path(out).write_text(json.dumps(found))
