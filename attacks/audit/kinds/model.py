"""What every kind of model has in common for an audit: it answers the user's own rows, with scores or labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from attacks.audit.functions import aside, blamed
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from torch import nn

# What answers: rows as the user gave them, (n, ...) or a data frame, in; raw scores (n, classes) or labels (n,) out.
Answering = Callable[[Any], Any]


@dataclass(frozen=True)
class OwnModel:
    """A model that was handed over.

    `classes` are the names of its outputs in order, where it knows them; `scale` says what its scores are; `answers` is "scores"
    or "labels". `identity` is a hash of all that its answers follow from. Calls of a `service` are counted. `recorded` are
    answers that cannot be asked for again: float64 (members + non-members, classes). `noun` names it in messages.
    `columns` are the names of the features that it was trained on, where it knows them. `again` answers anew what
    `answer` may have kept. `network` is the network itself, in evaluation mode, where one can look into it.
    """

    answer: Answering | None
    identity: str
    classes: list[str] | None = None
    scale: str = "probabilities"
    answers: str = "scores"
    service: bool = False
    recorded: NDArray[Any] | None = None
    noun: str = "the model"
    columns: list[str] | None = None
    again: Answering | None = None
    network: nn.Module | None = None

    def ask(self, features: Any, *, again: bool = False) -> Any:
        """Return what the model answers; raise InputError with the user's line for one that raises."""
        answer = self.again if again and self.again is not None else self.answer
        assert answer is not None, "recorded answers are not asked for"
        try:
            with aside():
                return answer(features)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"{self.noun} does not answer: {blamed(error, Path.cwd())}") from error
