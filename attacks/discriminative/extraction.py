"""Extraction: attacks that steal the model itself. What they return is a model of the adversary's own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, LabelOracle, ModelType, Records, ScoreOracle, ShadowData
from attacks.models import surrogate_training
from attacks.models.training import CHUNK, Model
from attacks.seeds import derive_seed, hash_records


def from_scores(
    records: Records,
    scores: ScoreOracle,
    model_type: ModelType,
    *,
    queries: int = 5000,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> Model:
    """Return a model of the target's type that explains the target's scores of `queries` random inputs.

    Tramèr et al. 2016, Section 4.1: each answer is an equation for the model's parameters. For networks and for logistic
    regression with several classes the equations have no closed solution, and the paper minimises the loss over them, as is
    done here: a logistic regression is a network without a hidden layer, and its loss has one minimum. The closed solution for
    two classes and the paths through decision trees are left out. Range and shape of the inputs are read off the candidates,
    which are not asked about; the width of a hidden layer is a guess. Raises AttackError for any other type of model.
    """
    architecture, width = surrogate_training.of_type(model_type.value, hidden)
    if queries < 2:
        raise AttackError(f"queries must be at least 2 (found {queries})")
    x = surrogate_training.random_inputs(records.x, queries, torch.Generator().manual_seed(derive_seed(seed, "inputs")))
    answers = scores(x)
    return surrogate_training.network(
        x, answers, answers.shape[1], architecture=architecture, hidden=width, epochs=epochs, seed=derive_seed(seed, "model")
    )


def by_jacobian(
    records: Records,
    labels: LabelOracle,
    shadow_data: ShadowData,
    *,
    initial: int = 150,
    queries: int = 2400,
    step: float = 0.1,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> Model:
    """Return a substitute: a network trained on the labels that the target gives to `queries` records, most of them made up.

    Papernot et al. 2017, Section 4 (Algorithm 1): the target labels `initial` records and a substitute is trained on them. Then
    each record x so far gets a companion x + step * sign(gradient of the substitute's answer for x's label), the target labels
    the companions, and the substitute is trained anew on all; so they double until `queries` labels are spent. A step is a share
    of the range that a feature has in the initial records: the paper's features lie between 0 and 1. The substitute is a guessed
    network with one hidden layer, trained from scratch in every round.
    """
    if initial < 2 or queries < initial:
        raise AttackError(f"a substitute needs 2 initial records or more, and a query for each (found {initial} and {queries})")
    order = np.argsort(hash_records(derive_seed(seed, "initial"), 0, shadow_data.ids), kind="stable")[:initial]
    if len(order) < 2:
        raise AttackError("there are no records for the target to label; a substitute starts from shadow data")
    x = shadow_data.x[torch.from_numpy(order)]
    reach = step * (x.amax(0) - x.amin(0))
    label = labels(x)
    spent, turn = len(x), 0
    while True:
        classes = 1 + int(max(label.max(), shadow_data.label.max()))
        model = surrogate_training.network(x, label, classes, hidden=hidden, epochs=epochs, seed=derive_seed(seed, "model", turn))
        more = min(len(x), queries - spent)
        if more < 1:
            return model
        made = x[:more] + reach * _direction(model, x[:more], label[:more])
        x, label = torch.cat([x, made]), torch.cat([label, labels(made)])
        spent, turn = spent + more, turn + 1


def _direction(model: Model, x: Tensor, label: Tensor) -> Tensor:
    """Return the sign of the gradient of a model's answer for each label, float32 (n, ...): -1, 0 or 1.

    The logarithm of a probability grows where it does, and has a gradient also where the probability rounds to 1.
    """
    module = model.recipe.build()
    module.load_state_dict(model.parameters())
    signs = []
    for part, wanted in zip(x.split(CHUNK), label.split(CHUNK), strict=True):
        with torch.enable_grad():
            point = part.double().requires_grad_()
            answer = torch.log_softmax(module.double()(point), dim=-1).gather(1, wanted[:, None]).sum()
            (gradient,) = torch.autograd.grad(answer, point)
        signs.append(gradient.sign().float())
    return torch.cat(signs)
