"""One bad catalog for each code of finding: files to write, and where the finding must stand."""

from __future__ import annotations

ATTACK = """\
schema: 1
id: bad-attack
title: A bad attack
summary: Something is wrong here.
needs: [discriminative, Q.scores]
"""
DEFENSE = """\
schema: 1
id: bad-defense
title: A bad defense
summary: Something is wrong here.
category: generalization
standing: later
mechanism: It does nothing.
changes: training
utility_cost: Nobody knows.
fits: [generative]
targets: [digits-mlp]
"""
STEP = """\
schema: 1
id: bad-step
title: A bad step
summary: Something is wrong here.
needs: [discriminative, Q.scores]
yields: shadow-data
because: It must.
"""
PUBLISHED = """\
published:
  - name: paper
    observation: black-box
    knows: [{knows}]
    model: discriminative
    frame: stand-alone
    source: memory
"""
SURVEYED = """\
surveyed:
  row: A row
  setting: paper
  observation: black-box
  knows: [{knows}]
  model: discriminative
  frame: stand-alone
"""
TERM = """\
schema: 1
terms:
  - {{id: {id}, title: A term, aspect: artifact, definition: A term., extension: true}}
"""
FACTOR = """\
schema: 1
id: bad-factor
title: A bad factor
summary: Something is wrong here.
where: Nowhere
measure: Somehow.
varies:
  axis: epochs
  parameter: target.epochs
  values: [1, 1]
  targets: [digits-mlp]
  attacks: [yeom-2018-loss]
"""
STATEMENT = """\
schema: 1
id: bad-statement
title: A bad statement
summary: Something is wrong here.
kind: cause
where: Nowhere
measured_by: {}
"""
EVIDENCE = """\
{"schema": 1, "attack": "bad-attack", "versions": {}, "targets": [{"target": "digits-mlp", "role": "power", "fingerprint": "old",
 "seeds": [{"seed": 0, "target": {}, "queries": 1, "models": 0, "command": "mia run bad-attack"}]}]}
"""
ORDERING = """\
schema: 1
id: bad-ordering
title: A bad ordering
summary: Something is wrong here.
better: yeom-2018-loss
worse: yeom-2018-loss
metric: auc
targets: [digits-mlp]
where: Nowhere
source: memory
safe: false
"""
_evidence = "evidence/bad-attack.json"
_attack, _step = "attacks/bad-attack.yaml", "steps/bad-step.yaml"

# code -> (files, file of the finding, line of the finding, part of the message or hint)
# A step of one's own; its code lies in a folder that is trusted.
BAD_STEP = """\
from dataclasses import dataclass
from torch import Tensor

@dataclass
class Pool:
    x: Tensor
    open: "set[int]"

def make(records, scores) -> Pool: ...
"""

BAD: dict[str, tuple[dict[str, bytes | str], str, int, str]] = {
    "MIA001": ({_attack: b"schema: \xff"}, _attack, 1, "not UTF-8"),
    "MIA002": ({_attack: "schema: [1\nid: x\n"}, _attack, 2, ""),
    "MIA003": ({_attack: ATTACK.replace("[discriminative, Q.scores]", "&a [*a]")}, _attack, 5, "alias"),
    "MIA004": ({_attack: ATTACK + "title: again\n"}, _attack, 6, "second time"),
    "MIA005": ({_attack: ATTACK + "cost: {queries: 1e3}\n"}, _attack, 6, "1000"),
    "MIA006": ({_attack: ATTACK.replace("needs:", "neads:")}, _attack, 5, "did you mean needs?"),
    "MIA007": ({_attack: ATTACK.replace("title: A bad attack\n", "")}, _attack, 1, "'title'"),
    "MIA008": ({_attack: ATTACK + "goal: membershop\n"}, _attack, 6, "did you mean membership?"),
    "MIA009": ({_attack: ATTACK.replace("bad-attack", "other")}, _attack, 2, "bad-attack"),
    "MIA010": ({"attacks/shokri-2017.yaml": ATTACK.replace("bad-attack", "shokri-2017")}, "attacks/shokri-2017.yaml", 2, "taken"),
    "MIA011": ({"nothing.txt": ""}, "", 1, "no catalog"),
    "MIA012": ({_attack: ATTACK.replace("Q.scores", "Q.scoers")}, _attack, 5, "did you mean Q.scores?"),
    "MIA013": ({_attack: ATTACK + "targets: {power: [digits-mpl]}\n"}, _attack, 6, "did you mean digits-mlp?"),
    "MIA014": ({_attack: ATTACK + "cites: [shokri2071]\n"}, _attack, 6, "did you mean shokri2017?"),
    "MIA015": ({_attack: ATTACK + "run: attacks.discriminative.threshold:los\n"}, _attack, 6, "loss_below_threshold"),
    "MIA016": (
        {_attack: ATTACK + "run: attacks.discriminative.threshold:loss_below_threshold\n"},
        _attack,
        6,
        "(records, scores)",
    ),
    "MIA017": (
        {
            _attack: ATTACK.replace("Q.scores", "Q.top-k")
            + "run: attacks.discriminative.threshold:maximum_posterior\nparams: {x: 1}\n"
        },
        _attack,
        6,
        "(x)",
    ),
    "MIA018": ({_attack: ATTACK + PUBLISHED.format(knows="Q.labels")}, _attack, 9, "Q.scores"),
    "MIA019": ({_attack: ATTACK + PUBLISHED.format(knows="Q.scores, D1.size")}, _attack, 9, "D1.size"),
    "MIA020": ({_attack: ATTACK + PUBLISHED.format(knows="Q.scores") + SURVEYED.format(knows="Q, D1")}, _attack, 13, "TD"),
    "MIA021": ({_step: STEP.replace("Q.scores", "Q.samples")}, _step, 5, ""),
    "MIA022": ({"taxonomy.yaml": TERM.format(id="surrogate-nobody-makes")}, "taxonomy.yaml", 3, "surrogate-nobody-makes"),
    "MIA023": ({_attack: ATTACK.replace("Q.scores", "black-box")}, _attack, 5, "black-box"),
    "MIA024": ({_attack: ATTACK + PUBLISHED.format(knows="M1.parameters, Q.scores")}, _attack, 7, "white-box means"),
    "MIA025": ({_attack: ATTACK.replace("discriminative, ", "")}, _attack, 5, "add discriminative"),
    "MIA026": ({_attack: ATTACK + "params: {count: 3}\ncost: {models: cuont}\n"}, _attack, 7, "did you mean count?"),
    "MIA027": (
        {_attack: ATTACK + PUBLISHED.format(knows="Q.scores") + SURVEYED.format(knows="Q") + "differs: No.\n"},
        _attack,
        20,
        "",
    ),
    "MIA028": (
        {
            _attack: ATTACK.replace("Q.scores", "Q.top-k") + "run: attacks.discriminative.threshold:maximum_posterior\n",
            _evidence: EVIDENCE,
        },
        _evidence,
        1,
        "mia bench bad-attack",
    ),
    "MIA029": (
        {_attack: ATTACK, _evidence: EVIDENCE.replace("digits-mlp", "digits-mpl")},
        _evidence,
        1,
        "did you mean digits-mlp?",
    ),
    "MIA030": ({"orderings/bad-ordering.yaml": ORDERING}, "orderings/bad-ordering.yaml", 8, "both sides are the same"),
    "MIA031": ({_attack: ATTACK + "".join(f"more{i}: 1\n" for i in range(200))}, _attack, 106, "more is wrong"),
    "MIA032": (
        {
            _attack: ATTACK.replace("Q.scores", "Q.top-k")
            + "run: attacks.discriminative.threshold:maximum_posterior\ntargets: {power: [digits-mlp]}\n"
        },
        _attack,
        7,
        "no control",
    ),
    "MIA033": (
        {
            "steps/bad-step.yaml": STEP + "run: bad_step:make\n",
            "code/bad_step.py": BAD_STEP,
        },
        "steps/bad-step.yaml",
        8,
        "its field open is a set",
    ),
    "MIA034": ({"factors/bad-factor.yaml": FACTOR}, "factors/bad-factor.yaml", 10, "shown alike"),
    "MIA035": ({"statements/bad-statement.yaml": STATEMENT}, "statements/bad-statement.yaml", 7, "`untestable`"),
    "MIA036": ({"defenses/bad-defense.yaml": DEFENSE}, "defenses/bad-defense.yaml", 11, "digits-mlp is not generative"),
}
