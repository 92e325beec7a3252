"""What stands under `model` in an audit file, kind by kind. Loads nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from taxonomy.terms import Strict, Text

FunctionPath = Annotated[str, StringConstraints(pattern=r"^[^:]+\.py:[A-Za-z_][A-Za-z0-9_]*$")]
Scale = Literal["probabilities", "log-probabilities", "logits"]


class ModelSpec(Strict):
    """What all kinds have in common."""

    kind: str

    def files(self, folder: Path) -> list[Path]:
        """Return the files of the model, of which a report shows the hashes."""
        file = getattr(self, "file", None)
        return [folder / file] if isinstance(file, str) else []


class ClassifierSpec(ModelSpec):
    """What all classifiers have in common: the names of the classes, in the order of the outputs."""

    classes: list[str | int] | None = Field(default=None, description="names of the classes in the order of the outputs")


class ArraysSpec(ClassifierSpec):
    """Recorded answers, which stand in the files of the members and non-members: columns, or an array of npz."""

    kind: Literal["arrays"]
    scale: Scale
    columns: Text = "p_*"


class CallableSpec(ClassifierSpec):
    """A function of one's own: a batch in, scores or labels out."""

    kind: Literal["callable"]
    function: FunctionPath
    scale: Scale = "probabilities"
    answers: Literal["scores", "labels"] = "scores"


class SklearnSpec(ClassifierSpec):
    """A classifier of scikit-learn: a skops file, a pickle that the command line trusts, or what a function builds."""

    kind: Literal["sklearn"]
    file: Text | None = None
    function: FunctionPath | None = None


class TorchSpec(ClassifierSpec):
    """A network: a factory function with weights from a file, or one file that holds it whole. It answers with logits."""

    kind: Literal["torch"]
    function: FunctionPath | None = None
    file: Text | None = None
    scale: Scale = "logits"


class OnnxSpec(ClassifierSpec):
    """A model in ONNX's format, run by onnxruntime; `output` names what it answers with where there are several outputs."""

    kind: Literal["onnx"]
    file: Text
    output: Text | None = None
    scale: Scale = "probabilities"


class HttpSpec(ClassifierSpec):
    """A service that speaks the Open Inference Protocol, version 2."""

    kind: Literal["http"]
    url: Text
    model: Text
    version: str = ""
    input: str = ""
    output: str = ""
    datatype: str = ""
    token_variable: str = ""
    batch: int = Field(default=64, ge=1)
    timeout_s: float = Field(default=30.0, gt=0)
    per_second: float | None = Field(default=None, gt=0)
    scale: Scale = "probabilities"
    answers: Literal["scores", "labels"] = "scores"


class SamplesSpec(ModelSpec):
    """A generator of which nothing is known but samples that it made once: a table or pictures."""

    kind: Literal["samples"]
    file: Text
    id: Text | None = None


class TransformersSpec(ModelSpec):
    """A causal language model in a folder, and another one to compare with, such as the one that it was tuned from."""

    kind: Literal["transformers"]
    folder: Text
    base: Text | None = None

    def files(self, folder: Path) -> list[Path]:
        """Return the files of the models, of which a report shows the hashes."""
        named = [folder / name for name in (self.folder, self.base) if name is not None]
        return [
            path for one in named for path in sorted(one.iterdir()) if path.suffix in (".json", ".safetensors", ".txt", ".model")
        ]


KINDS: dict[str, type[ModelSpec]] = {
    "arrays": ArraysSpec,
    "callable": CallableSpec,
    "sklearn": SklearnSpec,
    "torch": TorchSpec,
    "onnx": OnnxSpec,
    "http": HttpSpec,
    "samples": SamplesSpec,
    "transformers": TransformersSpec,
}
