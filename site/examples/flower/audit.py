"""Attacks what the server recorded. Usage: python audit.py recordings/RUN NODE, with the node whose records are asked about."""

import sys

from candidates import candidates
from digits_federation import task

from attacks import metrics
from attacks.discriminative.threshold import bounded_loss
from attacks.handles import Ledger, Records, ScoreOracle
from attacks.models.federation import Weights
from attacks.models.training import Model, Recipe
from attacks.seeds import record_ids
from attacks.targets.recordings import load


def audit(folder: str, victim: str) -> dict[str, float]:
    """Return the area under the ROC curve of the loss: on the final global model, and on the victim's last upload."""
    ledger = Ledger()
    seen = load(folder).as_server(victim, ledger)
    x, label, member = candidates()
    records = Records(x, label, record_ids(x.numpy()), ledger)

    def scores(weights: Weights) -> ScoreOracle:
        net = task.model()
        net.load_state_dict(weights)
        return ScoreOracle("scores", Model(Recipe("own", (64,), 10), net, "own").log_probs, ledger, counted=False)

    assert seen.updates is not None
    found = {
        "final global model": seen.rounds.last,
        "victim's last upload": seen.updates.upload(len(seen.updates) - 1, seen.updates.victim),
    }
    return {
        name: metrics.summarize(bounded_loss(records, scores(weights)).numpy(), member.numpy(), None)["auc"]
        for name, weights in found.items()
    }


if __name__ == "__main__":
    for name, auc in audit(*sys.argv[1:]).items():
        print(f"{name}: {auc:.3f}")
