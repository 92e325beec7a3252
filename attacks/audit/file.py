"""The audit file: what the user hands over, each part of which is a grant. Read strictly, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, create_model

from attacks.audit.kinds.specs import KINDS, ArraysSpec, ClassifierSpec, ModelSpec, SamplesSpec, TransformersSpec
from taxonomy import yamlfile
from taxonomy.entries import EntryId, Parameter
from taxonomy.findings import CatalogError, Finding, InputError, nearest
from taxonomy.reader import validate
from taxonomy.terms import Strict, TermId, Text

SIDES = ("members", "non_members", "population")
# A function of one's own: a file of Python, below a folder that is trusted, and a name in it.
FunctionPath = Annotated[str, StringConstraints(pattern=r"^[^:]+\.py:[A-Za-z_][A-Za-z0-9_]*$")]


def _alone(key: str, kind: type, form: type[Strict]) -> BeforeValidator:
    """Return what reads a value that stands where a mapping may as a mapping of this key alone: the only one that is needed."""

    def read(given: Any) -> Any:
        if isinstance(given, kind):
            return {key: given}
        if not isinstance(given, Mapping | Strict):
            raise ValueError(f"expected its {key} alone, or a mapping with the keys {', '.join(form.model_fields)}")
        return given

    return BeforeValidator(read)


class Part(Strict):
    """Records of one side: a file, or a pattern of file names, and which of its columns are label, identity and text."""

    file: Text
    label: Text | None = None
    id: Text | None = None
    text: Text | None = None


class Training(Strict):
    """A function `(x, y, seed) -> model` that trains as the target was trained; `hidden` says that its models show no weights.

    Torch's generator is seeded before it is called; whatever else it draws from, the function seeds with `seed`.
    """

    function: FunctionPath
    hidden: bool = False


class References(Strict):
    """Answers of models of one's own to all candidates, with who was trained on what: a file of npz."""

    file: Text


class AuditLimits(Strict):
    """How much may be spent: calls to a service, and models to train."""

    queries: int | None = Field(default=None, ge=0)
    models: int | None = Field(default=None, ge=0)


class InlineThreatModel(Strict):
    """A threat model that stands in the audit file itself; its model type and frame are those of what is audited."""

    id: EntryId
    title: Text = "A threat model of the audit file"
    observation: Literal["black-box", "white-box"]
    knows: list[TermId]


class Coins(Strict):
    """Says that a fair coin decided for each candidate whether it was trained on: then guesses bound the privacy from below."""

    delta: float = Field(gt=0, lt=1)


class Sets(Strict):
    """Candidates in sets of one size: as many sets as can be dealt, some without any member and some that hold a share of them.

    With every set go as many records of the population, which its owner kept back. The size alone stands for the defaults.
    """

    size: int = Field(ge=2)
    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[1.0], min_length=1)
    level: float = Field(default=0.05, gt=0, lt=1, description="the p-value at which a set counts as found")


class StatedDefense(Strict):
    """A mask by its id (mia defenses) that is put on top of the model's answers; `adaptive`: the adversary knows of it.

    The id alone stands for the mask with its default parameters.
    """

    id: EntryId
    params: dict[Text, Parameter] = Field(default_factory=dict)
    adaptive: bool = True


class AuditFile(Strict):
    """What stands in an audit file. Members, non-members and a model are required."""

    schema_: Literal[1] = Field(alias="schema")
    name: EntryId
    members: Part
    non_members: Part
    population: Part | None = None
    model: Any
    train: Training | None = None
    references: References | None = None
    features: list[Text] | None = None
    missing_values: bool = False
    records: Literal["picture", "table", "text", "signal", "genotype"] | None = None
    training_size: int | None = Field(default=None, ge=1, description="records the model was trained on; unstated, the members")
    coins: Coins | None = None
    sets: Annotated[Sets, _alone("size", int, Sets)] | None = None
    defense: Annotated[StatedDefense, _alone("id", str, StatedDefense)] | None = None
    threat_models: list[Text | InlineThreatModel] = Field(default_factory=list)
    attacks: list[EntryId] = Field(default_factory=list)
    groups: list[Text] = Field(default_factory=list)
    limits: AuditLimits = Field(default_factory=AuditLimits)


@dataclass(frozen=True)
class Audit:
    """An audit file that was read, and the folder to which its paths are relative."""

    path: Path
    stated: AuditFile
    document: yamlfile.Document

    @property
    def folder(self) -> Path:
        """The folder to which the paths of the file are relative."""
        return self.path.parent

    @property
    def model(self) -> ModelSpec:
        """What stands under `model`."""
        spec: ModelSpec = self.stated.model
        return spec

    def wrong(self, message: str, *place: str | int, hint: str = "") -> InputError:
        """Return the error that something in the file is wrong, with its line and column."""
        return CatalogError([self.document.finding("MIA008", message, place, hint)])


def read(path: Path) -> Audit:
    """Read an audit file; raise CatalogError with file, line, column and what was expected."""
    if not path.is_file():
        what = "a folder, and no file" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}; `mia audit --init` writes a commented one to begin with")
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(
            f"{path} is no audit file, which is YAML; `mia audit --init --from {path} > audit.yaml` begins one with it"
        )
    document = yamlfile.read(path)
    if document.findings:
        raise CatalogError(document.findings)
    if empty := [key for key, value in document.data.items() if value is None and key in AuditFile.model_fields]:
        said = "state it, or leave the key out: what is empty would be as if it were not there"
        raise CatalogError([document.finding("MIA008", f"the key {key!r} is empty", (key,), said) for key in empty])
    spec = _spec(document)
    form = create_model("AuditFile", __base__=AuditFile, model=(spec, ...))
    stated = validate(form, document)
    if stated is None:
        raise CatalogError(document.findings)
    audit = Audit(path, stated, document)
    _check(audit)
    return audit


def _spec(document: yamlfile.Document) -> type[ModelSpec]:
    """Return the form of `model`, which its `kind` decides."""
    model = document.data.get("model")
    if not isinstance(model, dict):
        keys = "members, non_members and model"
        found: Finding = (
            document.finding("MIA008", "expected a mapping with `kind`", ("model",))
            if "model" in document.data
            else document.finding("MIA007", "the key 'model' is missing", (), f"an audit needs {keys}")
        )
        raise CatalogError([found])
    kind = model.get("kind")
    if kind is None:
        raise CatalogError([document.finding("MIA007", "the key 'kind' is missing", ("model",), f"one of {', '.join(KINDS)}")])
    if kind not in KINDS:
        message = f"unknown kind of model {kind!r}"
        raise CatalogError([document.finding("MIA008", message, ("model", "kind"), nearest(str(kind), KINDS))])
    return KINDS[kind]


def _check(audit: Audit) -> None:
    """Raise CatalogError for parts that do not go together."""
    stated = audit.stated
    if stated.train and isinstance(audit.model, ArraysSpec):
        raise audit.wrong(
            "recorded answers cannot be asked again, so models of one's own have nothing to be compared with by a function; "
            "hand over their answers as `references`, or the model itself",
            "train",
        )
    if not isinstance(audit.model, ClassifierSpec):
        _check_generator(audit)
    if stated.sets is not None and isinstance(audit.model, SamplesSpec):
        raise audit.wrong("no attack on sets is made for samples; `sets` is for classifiers and language models", "sets")
    if not isinstance(audit.model, TransformersSpec):
        for key in SIDES:
            if (part := getattr(stated, key)) is not None and part.text is not None:
                raise audit.wrong(
                    f"`text` is for language models, and this is a model of the kind {audit.model.kind}", key, "text"
                )
    if stated.features == []:
        raise audit.wrong(
            "there is no feature here; leave `features` out, and it is all columns but label, id and answers", "features"
        )
    for key in ("threat_models", "attacks", "groups", "features"):
        given = [item if isinstance(item, str) else item.id for item in getattr(stated, key) or ()]
        for place, name in enumerate(given):
            if name in given[:place]:
                raise audit.wrong(f"{name!r} stands here a second time", key, place)


def _check_generator(audit: Audit) -> None:
    """Raise CatalogError for parts that only classifiers have."""
    stated, kind = audit.stated, audit.model.kind
    for key in ("train", "references"):
        if getattr(stated, key) is not None:
            raise audit.wrong(f"a model of the kind {kind} takes no `{key}`: it is for classifiers", key)
    for key in SIDES:
        part = getattr(stated, key)
        if part is not None and part.label is not None:
            raise audit.wrong(
                f"records of a model of the kind {kind} have no labels; leave `label` out, and its column is one like others",
                key,
                "label",
            )
