"""Attacks on a surrogate in the target's place."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import LabelOracle, Records, Surrogate
from attacks.models import signals

WRONG = 100.0  # the loss of a record that the target mislabels, as in the authors' code


def transfer(records: Records, labels: LabelOracle, surrogate: Surrogate) -> Tensor:
    """Minus the surrogate's loss of the true label, float64 (n,), and -100 where the target mislabels the record.

    Li and Zhang 2021 (transfer attack). The target labelled the records that the surrogate was trained on, the
    candidates are not among them: what is measured is how the target's boundaries, as learned by the surrogate, lie around a
    record. No record has a loss above that of mislabelled ones, and a class that the surrogate does not know is one of them.
    """
    x, label = records.x, records.label
    answers = surrogate.log_probs(x)
    wrong = (labels(x) != label) | (label >= answers.shape[1])
    loss = signals.loss(answers, label.clamp(max=answers.shape[1] - 1)).clamp(max=WRONG)
    return -torch.where(wrong, WRONG, loss)
