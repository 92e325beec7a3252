"""Surrogates: models of the adversary's own that were trained to answer as the target does."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, LabelOracle, ModelType, Records, ScoreOracle, ShadowData, Surrogate
from attacks.models import surrogate_training
from attacks.seeds import derive_seed, hash_records


def by_labels(
    records: Records,
    labels: LabelOracle,
    shadow_data: ShadowData,
    *,
    queries: int = 5000,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> Surrogate:
    """Train on the target's labels of the shadow data, at most `queries` of them. Li and Zhang 2021 (transfer attack).

    The shadow data's own labels tell only how many classes there are. Papers guess a network that suits the data; here it is a
    multilayer perceptron with one hidden layer.
    """
    x = _asked(shadow_data, queries, seed)
    answers = labels(x)
    classes = 1 + int(max(answers.max(), shadow_data.label.max()))
    model = surrogate_training.network(x, answers, classes, hidden=hidden, epochs=epochs, seed=derive_seed(seed, "model"))
    return Surrogate(model)


def by_distillation(
    records: Records,
    scores: ScoreOracle,
    shadow_data: ShadowData,
    *,
    queries: int = 10000,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> Surrogate:
    """Train on the target's scores of the shadow data, at most `queries` of them. Ye et al. 2022 (Attack-D's distilled models).

    The loss is the cross-entropy with the target's probabilities, at temperature 1.
    """
    x = _asked(shadow_data, queries, seed)
    answers = scores(x)
    model = surrogate_training.network(
        x, answers, answers.shape[1], hidden=hidden, epochs=epochs, seed=derive_seed(seed, "model")
    )
    return Surrogate(model)


def by_extraction(
    records: Records,
    scores: ScoreOracle,
    model_type: ModelType,
    *,
    queries: int = 10000,
    hidden: int = 128,
    epochs: int = 60,
    seed: int = 0,
) -> Surrogate:
    """Train a model of the target's type on the target's scores of random inputs. Tramèr et al. 2016, Section 4.1.

    The range of the inputs is read off the candidates; the target is not asked about them. Types that no network imitates raise
    AttackError.
    """
    architecture, width = surrogate_training.of_type(model_type.value, hidden)
    generator = torch.Generator().manual_seed(derive_seed(seed, "inputs"))
    x = surrogate_training.random_inputs(records.x, queries, generator)
    answers = scores(x)
    model = surrogate_training.network(
        x, answers, answers.shape[1], architecture=architecture, hidden=width, epochs=epochs, seed=derive_seed(seed, "model")
    )
    return Surrogate(model)


def _asked(shadow_data: ShadowData, queries: int, seed: int) -> torch.Tensor:
    """Return the records that the target is asked about: a hash of seed and record decides, whatever their order."""
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, shadow_data.ids), kind="stable")[: max(0, queries)]
    if len(order) < 2:
        raise AttackError("there are no records to ask the target about; shadow data and at least two queries are needed")
    return shadow_data.x[torch.from_numpy(order)]
