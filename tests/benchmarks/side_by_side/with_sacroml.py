"""Audit a work with the LiRA of sacroml: python with_sacroml.py WORK SEED OUT MODE FOLDER

MODE is one of its modes, or `online-fixed`: online with one variance for all. The shadow models in FOLDER are used again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from judge import judged
from works import MODELS, made

name, seed, out, mode, folder = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
work = made(name, seed)
model, (x_in, y_in), (x_out, y_out) = work.model, work.members, work.others
chosen = {"mode": "online-carlini" if mode == "online-fixed" else mode, "fix_variance": mode == "online-fixed"}
more = {**chosen, "write_report": False}
if name == "A":
    # user: A
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.target import Target

    target = Target(model=model, X_train=x_in, y_train=y_in, X_test=x_out, y_test=y_out)
    found = LIRAAttack(output_dir=folder, n_shadow_models=MODELS, report_individual=True, **more).attack(target)
    # end
else:
    # user: B
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.target import Target

    files = {"model_module_path": "net.py", "model_name": "Network", "model_params": {}, "train_module_path": "net.py"}
    sides = {"X_train": x_in, "y_train": y_in, "X_test": x_out, "y_test": y_out}
    target = Target(model=model, train_params={}, batch_size=64, **files, **sides)
    found = LIRAAttack(output_dir=folder, n_shadow_models=MODELS, report_individual=True, **more).attack(target)
    # end
score = found["attack_experiment_logger"]["attack_instance_logger"]["instance_0"]["individual"]["member_prob"]
Path(out).write_text(json.dumps({"attacks": 1, "scores": {f"LiRA, {mode}": judged(score, len(x_in))}}))
