"""Architectures of targets and shadow models, by name: networks of torch, and estimators of scikit-learn behind the same face."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models import own_code
from attacks.models.resolution import bounded
from attacks.models.unet import UNet
from taxonomy.named_code import is_path

# What has a probability of exactly 0 is raised to this where nothing else is known: the answers of a decision tree, which knows 0
# and 1 alone, so that any bound tells the same, and classes that a training set did not hold.
CLIP = 1e-6

TREES, NEIGHBOURS = 100, 5


def mlp(shape: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Module:
    """Multilayer perceptron with ReLU: the shape of a record, the widths of the hidden layers, one logit a class."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, classes))


def cnn(shape: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Module:
    """Convolutional network for pictures of shape (height, width) or (colours, height, width), one logit a class.

    Two 5 x 5 convolutions of 16 and 32 channels, each halved by pooling, then hidden layers of these widths.
    """
    *colours, height, width = shape
    flat = 32 * (height // 4) * (width // 4)
    return nn.Sequential(
        nn.Identity() if colours else nn.Unflatten(1, (1, height)),
        nn.Conv2d(math.prod(colours), 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        mlp((flat,), classes, hidden),
    )


def unet(shape: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Module:
    """U-Net for pictures of shape (height, width): one level for each of these widths, one logit a class at every pixel."""
    halvings = 2 ** (len(hidden) - 1)
    if not hidden or any(side % halvings for side in shape):
        raise ValueError(f"a U-Net of {len(hidden)} levels cannot halve pictures of {tuple(shape)} that often")
    return UNet(classes, hidden)


NETWORKS: dict[str, Callable[[Sequence[int], int, Sequence[int]], nn.Module]] = {"mlp": mlp, "cnn": cnn, "unet": unet}


def _logistic_regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def _decision_tree(seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed)


def _random_forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=TREES, random_state=seed, n_jobs=1)


def _nearest_neighbours(seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=NEIGHBOURS)


def _naive_bayes(seed: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


# The settings are those of Truex et al. 2019 where they state them (five neighbours), else scikit-learn's own.
ESTIMATORS: dict[str, Callable[[int], Any]] = {
    "logistic-regression": _logistic_regression,
    "decision-tree": _decision_tree,
    "random-forest": _random_forest,
    "nearest-neighbours": _nearest_neighbours,
    "naive-bayes": _naive_bayes,
}


def step_of(fitted: Any) -> float:
    """Return the step in which the probabilities of a fitted estimator without logits move, or 0 for one that has logits.

    Fully grown trees vote, and so do neighbours; half of a step bounds 0 and 1.
    """
    kind = type(fitted).__name__
    if kind == "DecisionTreeClassifier":
        return 2 * CLIP
    if kind in ("RandomForestClassifier", "ExtraTreesClassifier"):
        return 1 / float(fitted.n_estimators)
    return 1 / float(fitted.n_neighbors) if kind == "KNeighborsClassifier" else 0.0


# What skops makes besides of the estimators above: trees, and the index of neighbours where records have few features.
OF_SCIKIT_LEARN = [
    "sklearn.tree._tree.Tree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
]


# The one name in the state of an estimator.
ARCHIVE = "skops"


class Estimator(nn.Module):
    """An estimator of scikit-learn that answers as a network does. Its state is the archive of skops: data, never a pickle."""

    def __init__(self, name: str, classes: int, fitted: Any = None):
        super().__init__()
        self.name, self.classes = name, classes
        self._fitted = fitted
        # Two archives of one estimator differ: they hold addresses and unset bytes of memory. So the first one stays its state.
        self._archive: Tensor | None = None

    def fit(self, x: Tensor, y: Tensor, seed: int) -> None:
        """Fit to records x (n, ...) with labels y (n,)."""
        self._archive = None
        self._fitted = ESTIMATORS[self.name](seed % 2**32).fit(x.flatten(1).numpy(), y.numpy())

    def forward(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), all of them finite.

        Probabilities that move in steps are raised to where their resolution ends (attacks/resolution.py). Other estimators give
        every class that they were trained on a probability above 0; where one is 0 nevertheless, it is raised to that of the
        least likely other class, and at most to `CLIP`.
        """
        answer = torch.full((len(x), self.classes), -math.inf, dtype=torch.float64)
        if not len(x):
            return answer
        # Classes that the training set did not hold have no column.
        answer[:, torch.from_numpy(self._fitted.classes_)] = self._of_known_classes(x.flatten(1).numpy())
        if self.resolution:
            return bounded(answer, self.resolution)
        missing = answer.isneginf()
        least = answer.masked_fill(missing, math.inf).amin(dim=-1, keepdim=True).clamp(max=math.log(CLIP))
        return torch.log_softmax(torch.where(missing, least, answer), dim=-1)

    @property
    def resolution(self) -> float:
        """The step between two probabilities, or 0 where there are logits."""
        return step_of(self._fitted)

    @property
    def stored(self) -> tuple[Tensor, Tensor] | None:
        """The records that the fitted estimator cannot predict without, x float32 (n, features) and labels int64 (n,).

        They are read where scikit-learn keeps them. None of an estimator that keeps none.
        """
        if type(self._fitted).__name__ != "KNeighborsClassifier":
            return None
        x, y = self._fitted._fit_X, self._fitted.classes_[self._fitted._y]
        return torch.from_numpy(np.array(x, dtype=np.float32)), torch.from_numpy(np.array(y, dtype=np.int64))

    def _of_known_classes(self, x: NDArray[np.float32]) -> Tensor:
        """Return log-probabilities float64 (n, known classes), -inf where a probability is 0."""
        if self.resolution:
            return torch.from_numpy(self._fitted.predict_proba(x)).double().log()
        # Asked in float32, some of these would answer in float32.
        exact = x.astype(np.float64)
        if hasattr(self._fitted, "decision_function"):
            # Logits keep apart what probabilities round to 1; of two classes there is one.
            logits = torch.from_numpy(self._fitted.decision_function(exact)).double()
            logits = torch.stack([torch.zeros_like(logits), logits], dim=-1) if logits.ndim == 1 else logits
            return torch.log_softmax(logits, dim=-1)
        return torch.from_numpy(self._fitted.predict_log_proba(exact)).double()

    def state_dict(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the fitted estimator as one array of bytes."""
        from skops import io

        if self._archive is None:
            with _undated():
                self._archive = torch.from_numpy(np.frombuffer(io.dumps(self._fitted), np.uint8).copy())
        return {ARCHIVE: self._archive}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take over a fitted estimator; only types of scikit-learn are made."""
        from skops import io

        self._archive = state_dict[ARCHIVE].clone()
        self._fitted = io.loads(self._archive.numpy().tobytes(), trusted=OF_SCIKIT_LEARN)


@contextmanager
def _undated() -> Iterator[None]:
    """Leave out the time in zip archives, which cannot hold it where a machine's clock stands before 1980."""
    dated = ZipFile.writestr

    def writestr(self: ZipFile, name: str | ZipInfo, *arguments: Any, **more: Any) -> None:
        dated(self, ZipInfo(name) if isinstance(name, str) else name, *arguments, **more)

    ZipFile.writestr = writestr  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        ZipFile.writestr = dated  # type: ignore[method-assign]


def _of_own(name: str, network: Any, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return a network that a function of somebody's own built; raise AttackError unless it answers with one logit a class."""
    if not isinstance(network, nn.Module) or not any(True for _ in network.parameters()):
        what = "a module without parameters" if isinstance(network, nn.Module) else f"a {type(network).__name__}"
        raise AttackError(f"{name} returned {what}; an architecture is an nn.Module that can be trained")
    try:
        with torch.no_grad():
            answer = network.eval()(torch.zeros(2, *shape))
    except Exception as error:
        raise AttackError(
            f"the network of {name} does not take records of shape {shape}, float32: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(answer, Tensor) or tuple(answer.shape[:2]) != (2, classes):
        found = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise AttackError(
            f"the network of {name} answers {found} for 2 records; it takes one logit for each of {classes} classes"
        )
    return network.train()


def build(name: str, shape: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Module:
    """Return an untrained model; raise ValueError if there is no such architecture.

    A name that is a path is that of a function `(shape, classes, hidden) -> nn.Module` of a catalog's own code.
    """
    if is_path(name):
        made = own_code.call(name, "(shape, classes, hidden) -> nn.Module", tuple(shape), classes, tuple(hidden))
        return _of_own(name, made, tuple(shape), classes)
    if name in ESTIMATORS:
        return Estimator(name, classes)
    if name not in NETWORKS:
        raise ValueError(f"there is no architecture {name!r}; there are {', '.join(sorted({*NETWORKS, *ESTIMATORS}))}")
    return NETWORKS[name](shape, classes, hidden)
