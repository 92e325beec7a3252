"""Training by a function of a catalog's own code, `train(x, y, seed) -> model`, in place of our training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models import own_code
from attacks.models.architectures import OF_SCIKIT_LEARN, Estimator


def fit(trainer: str, x: Tensor, y: Tensor, seed: int, classes: int, empty: Callable[[], nn.Module]) -> nn.Module:
    """Return what a trainer makes of records x float32 (n, ...) and labels y int64 (n,), numpy copies, and a seed below 2^32.

    It returns a torch module that answers with one logit a class, of the same structure as the network `empty()` of the recipe's
    architecture, so that its weights are enough to have it again; or an estimator of scikit-learn with `predict_proba`. Raises
    AttackError for anything else.
    """
    model = own_code.call(trainer, "(x, y, seed) -> model", x.numpy().copy(), y.numpy().copy(), seed % 2**32)
    if isinstance(model, nn.Module):
        weights = {name: value.detach().cpu() for name, value in model.state_dict().items()}
        return _with_weights(trainer, empty, weights).eval()
    if hasattr(model, "predict_proba") and hasattr(model, "classes_"):
        return _estimator(trainer, model, classes).eval()
    raise AttackError(
        f"{trainer} returned a {type(model).__name__}; a trainer returns a torch module, or a fitted classifier of scikit-learn"
    )


def _with_weights(trainer: str, empty: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> nn.Module:
    try:
        network = empty()
        network.load_state_dict(dict(weights))
    except (RuntimeError, ValueError, AttributeError) as error:
        raise AttackError(
            f"{trainer} returned a torch module that the recipe's `architecture` does not build, so it could not be had again "
            f"from its weights; name the function that builds it, (shape, classes, hidden) -> nn.Module ({error})"
        ) from error
    return network


def _estimator(trainer: str, model: Any, classes: int) -> Estimator:
    from skops import io

    known = [int(label) for label in model.classes_]
    if not set(known) <= set(range(classes)):
        raise AttackError(f"{trainer} returned a classifier with the classes {known}; the labels are from 0 to {classes - 1}")
    if others := sorted(set(io.get_untrusted_types(data=io.dumps(model))) - set(OF_SCIKIT_LEARN)):
        raise AttackError(
            f"{trainer} returned a {type(model).__name__} that holds {', '.join(others)}; the store makes types of scikit-learn "
            "and numpy again, and runs no other code to have a model back"
        )
    return Estimator("", classes, model)
