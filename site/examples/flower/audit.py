"""Attacks what was recorded. Usage: python audit.py recordings/RUN NODE, where NODE is the participant that is asked about."""

import sys

import torch
from digits_federation import task

from attacks import metrics
from attacks.discriminative.threshold import bounded_loss
from attacks.federation import Weights
from attacks.handles import Ledger, Records, ScoreOracle
from attacks.recordings import load
from attacks.seeds import record_ids
from attacks.training import Model, Recipe


def audit(folder: str, victim: str) -> dict[str, float]:
    """Return the area under the ROC curve of the loss: on the final global model, and on the victim's last upload."""
    seen = load(folder).as_server(victim)
    ledger = Ledger()

    def scores(weights: Weights) -> ScoreOracle:
        net = task.model()
        net.load_state_dict(weights)
        return ScoreOracle("scores", Model(Recipe("digits", (64,), 10), net, "recorded").log_probs, ledger, counted=False)

    # The candidates: the records of participant 1, and as many that belong to nobody.
    first, last, end = task.PARTS[1], task.PARTS[2], task.PARTS[-1]
    members, others = task.records(first, last), task.records(end, end + last - first)
    x, label = (torch.cat(pair) for pair in zip(members, others, strict=True))
    member = torch.arange(len(x)) < last - first
    records = Records(x, label, record_ids(x.numpy()), ledger)
    found = {
        "final global model": bounded_loss(records, scores(seen.rounds.last)),
        "victim's last upload": bounded_loss(records, scores(seen.updates.upload(len(seen.updates) - 1, seen.updates.victim))),
    }
    return {name: metrics.summarize(score.numpy(), member.numpy(), None)["auc"] for name, score in found.items()}


if __name__ == "__main__":
    for name, auc in audit(*sys.argv[1:]).items():
        print(f"{name}: {auc:.3f}")
