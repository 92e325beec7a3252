"""`kind: callable`: a function of one's own, a batch in, scores or labels out."""

from __future__ import annotations

from pathlib import Path

from attacks.audit.functions import Function
from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.specs import CallableSpec
from attacks.seeds import digest


def load(spec: CallableSpec, function: Function, folder: Path) -> OwnModel:
    """Return the model behind a function; what it raises is told with its line when it is first asked."""
    predict = function.load()
    classes = None if spec.classes is None else [str(name) for name in spec.classes]
    return OwnModel(
        lambda rows: predict(rows),
        digest(["callable", function.identity, spec.scale, spec.answers]),
        classes,
        spec.scale,
        spec.answers,
        noun=f"{function.file.name}:{function.name}",
    )
