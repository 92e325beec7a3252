"""What every handle offers is read off the code: all of it, with shapes and costs, and CONTRIBUTING shows what is true now."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attacks import handles
from attacks.handles import Ledger, ScoreOracle
from taxonomy import source
from taxonomy.check import package
from taxonomy.findings import InputError
from taxonomy.handles import block, imports, offered, packages
from taxonomy.loading import load
from taxonomy.offers import Types

ROOT = Path(__file__).parents[3]
CATALOG = load()
FOUND = {one.name: one for one in offered(CATALOG, packages())}
TYPES = {kind.type.name: kind.type for one in FOUND.values() for kind in one.kinds}
# What is there for the engine, and for it alone.
INNER = {"ledger", "fingerprint", "kept_log_probs", "network", "layers"}


def offers(name):
    return {offer.name: offer for offer in TYPES[name].offers}


def test_every_term_with_a_handle_has_types_and_the_candidates_come_first():
    assert next(iter(FOUND)) == "records" and [k.type.name for k in FOUND["records"].kinds] == ["Records"]
    assert {name for name in FOUND if name != "records"} == {term.handle for term in CATALOG.terms.values() if term.handle}
    assert [name for name, one in FOUND.items() if not one.kinds] == []
    named = {term for one in FOUND.values() for term in one.terms}
    assert named == {term.id for term in CATALOG.terms.values() if term.handle}


def test_a_handle_of_several_types_says_which_is_whose():
    whose = {kind.type.name: FOUND["trainer"].where(kind) for kind in FOUND["trainer"].kinds}
    assert whose == {
        "Trainer": "discriminative",
        "GeneratorTrainer": "generative",
        "FederatedTrainer": "discriminative, in a federation",
    }
    assert [kind.type.name for kind in FOUND["training_set"].kinds] == ["OwnTrainingSet"], "a view takes a base of it"
    assert FOUND["scores"].where(FOUND["scores"].kinds[0]) == ""


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_what_is_read_is_what_there_is(kind):
    """The public names of the class at work, but for what only the engine uses."""
    real = getattr(handles, kind.name)
    members = {name for name, _ in inspect.getmembers(real) if not name.startswith("_") and hasattr(real, name)}
    members |= {name for name in ("__call__", "__len__") if name in dir(real)}
    members |= set(getattr(real, "__dataclass_fields__", ()))
    assert members - INNER <= {offer.name for offer in kind.offers}
    kept = {
        name
        for one in real.__mro__
        if "__init__" in vars(one) and one is not object
        for name in re.findall(r"self\.(?!_)(\w+)(?:, self\.\w+)* = ", inspect.getsource(one))
    }
    assert kept - INNER <= {offer.name for offer in kind.offers}, "the docstring says what it is, in backticks"


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_all_of_it_is_told_with_shapes_where_there_are_tensors(kind):
    assert kind.doc and kind.offers
    for offer in kind.offers:
        assert offer.doc, (kind.name, offer.name)
        returned = offer.typed.rpartition("->")[2] if "->" in offer.typed else offer.typed.rpartition(": ")[2]
        if "Tensor" in returned:
            text = offer.doc + (kind.doc if offer.doc.startswith("`") else "")
            assert re.search(r"float32|float64|int64|int8|uint64|bool|records x \(n, \.\.\.\)", text), (kind.name, offer.doc)


def test_what_is_charged_is_told():
    """Every type whose code charges queries says so, and none that does not."""
    charges = re.compile(r"ledger\.charge\(|self\._ask\(")
    charging = {name for name in TYPES if charges.search(inspect.getsource(getattr(handles, name)))}
    telling = {name for name, kind in TYPES.items() if any("quer" in offer.cost for offer in kind.offers)}
    # Of these the oracle counts that they are made of.
    assert telling - charging == {"LabelOracle", "MaskOracle", "TopScoreOracle", "ThresholdedScoreOracle"}
    assert charging <= telling
    assert offers("ScoreOracle")["__call__"].cost == "one query for each of `x`, free at home"
    assert offers("RetrievalOracle")["__call__"].cost == "one query for each of `questions`"
    assert offers("SampleOracle")["__call__"].cost == "`count` queries, free at home"
    assert (
        offers("UpdatedScores")["after"].cost == offers("UpdatedScores")["before"].cost == offers("ScoreOracle")["__call__"].cost
    )
    assert "one model" in offers("Platform")["fit_many"].cost and "one model" in offers("Seat")["run"].cost
    assert offers("NoisePredictor")["noised"].cost == offers("Records")["x"].cost == offers("Aggregates")["values"].cost == ""


def test_type_variables_are_filled_in():
    """Trainers of several kinds share one form."""
    whose = {"Trainer": ("Recipe", "Model"), "GeneratorTrainer": ("GeneratorRecipe", "Generator")}
    for name, (recipe, model) in whose.items():
        assert offers(name)["recipe"].typed == f".recipe: {recipe}"
        assert offers(name)["fit_many"].typed == f".fit_many(sets: Sequence[TrainingSet]) -> list[{model}]"
    found = offers("GeneratorPlatform")["fit_many"]
    assert found.typed.endswith("-> list[ReferenceGenerator]")
    assert found.types == (("attacks.models.training", "TrainingSet"), ("attacks.handles.generative", "ReferenceGenerator"))


def test_what_is_told_is_what_is_charged():
    ledger = Ledger()
    ScoreOracle("scores", lambda x: torch.full((len(x), 2), 0.5).double().log(), ledger)(torch.zeros(7, 1))
    assert ledger.queries == 7


def test_calls_are_written_as_code_writes_them():
    found = offers("ShadowModels")
    assert found["log_probs"].written("shadow_models") == "shadow_models.log_probs(model, changed=None)"
    assert found["__len__"].written("shadow_models", typed=True) == "len(shadow_models) -> int"
    assert found["trained_on"].written("m", typed=True) == "m.trained_on: Tensor"
    assert offers("ScoreOracle")["__call__"].written("scores", typed=True) == "scores(x: Tensor) -> Tensor"
    assert ("attacks.handles.records", "ShadowData") in found["records"].types
    typed = offers("CompletionOracle")["__call__"].typed
    assert typed == "(prompts: Tensor, length: int, seeds: Seeds = None) -> Tensor"


def test_types_are_read_and_never_imported(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "own" / "base.py").write_text(
        "class Base:\n    def of(self, a: int = 1) -> float:\n        '''What it is.'''\n\n"
        "    def __len__(self) -> int:\n        pass\n"
    )
    (tmp_path / "own" / "thing.py").write_text(
        "from own.base import Base as Other\n\n\nclass Thing(Other):\n    '''A thing with a `size`.'''\n\n"
        "    def __init__(self, size: int, hidden: int):\n        self.size, self._hidden, self.shown = size, hidden, 3\n\n"
        "    @property\n    def label(self) -> str:\n        '''Its label.'''\n\n"
        "    def __call__(self, x: 'a|b') -> int:\n        pass\n"
    )
    found = Types(source.packages_in(tmp_path)).find("own.thing", "Thing")
    assert found is not None and found.doc == "A thing with a `size`."
    assert [offer.written("t", typed=True) for offer in found.offers] == [
        "t(x: 'a|b') -> int",
        "t.of(a: int = 1) -> float",
        "len(t) -> int",
        "t.label: str",
        "t.size: int",
    ]
    assert Types(source.packages_in(tmp_path)).find("own.thing", "Missing") is None


ODD = """
import typing


class Loop(Loop): ...


class A(typing.Generic):
    '''Its `a`.'''

    def __init__(self, inner: 'A', *, other: A):
        self.a, *self.rest = 1, 2, 3
        self._inner = other

    def one(self, /, b, *c: int, d=(1, 2), **e: str):
        return self.two(b)

    def two(self, b):
        self.ledger.charge(queries=1)
        return self.one(b) or self._inner(b)

    def __call__(self):
        self.ledger.charge(3)

    @staticmethod
    def free(x): ...
"""


def test_odd_source_is_read_as_far_as_it_goes(tmp_path):
    """Types that inherit from themselves, hold themselves, or call themselves in a circle; arguments of all sorts."""
    (tmp_path / "odd.py").write_text(ODD)
    types = Types(source.packages_in(tmp_path))
    found = types.find("odd", "A")
    assert found is not None
    assert [o.written("a") for o in found.offers] == ["a()", "a.one(b, *c, d=(1, 2), **e)", "a.two(b)", "a.free(x)", "a.a"]
    assert [o.cost for o in found.offers] == ["`3` queries", "", "", "", ""]
    assert types.find("odd", "Loop") is not None and types.find("odd", "typing") is None


def test_a_term_of_ones_own_is_listed_with_trusted_code(tmp_path, mia_json):
    (tmp_path / "catalog" / "steps").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(
        "class Curve:\n    '''A curve of mine.'''\n\n    def at(self, x: float) -> float:\n        '''Its height.'''\n\n\n"
        "def step(records, surrogate: Curve):\n    return None\n"
    )
    (tmp_path / "catalog" / "steps" / "mine.yaml").write_text(
        "schema: 1\nid: mine\ntitle: Mine\nsummary: Mine.\nneeds: [discriminative, surrogate]\nyields: shadow-data\n"
        "because: It is mine.\nrun: mine:step\n"
    )
    asked = ["terms", "--aspect", "artifact", "--handles", "--catalog", tmp_path / "catalog"]
    plain, trusting = mia_json(*asked), mia_json(*asked, "--trust-code", tmp_path / "code")
    kinds = [{h["handle"]: [t["type"] for t in h["types"]] for h in answer["handles"]} for answer in (plain, trusting)]
    assert kinds[0]["surrogate"] == ["Surrogate"] and kinds[1]["surrogate"] == ["Surrogate", "Curve"]
    assert "records" not in kinds[0] and "scores" not in kinds[0]


def test_what_a_step_of_ones_own_returns_is_a_type_of_what_it_yields(tmp_path):
    """Also where no function takes it yet, and where another package defines it; code that is no Python tells nothing."""
    (tmp_path / "catalog" / "steps").mkdir(parents=True)
    (tmp_path / "code" / "own").mkdir(parents=True)
    texts = {
        "__init__.py": "from own.curves import Curve\n",
        "curves.py": "class Curve: ...\n",
        "make.py": "from own.curves import Curve as C\nfrom elsewhere import Hills as H\n\ndef curve(records) -> C | H: ...\n",
        "broken.py": "def hills(records -> C: ...\n",
    }
    for name, text in texts.items():
        (tmp_path / "code" / "own" / name).write_text(text)
    terms = "".join(
        f"  - {{id: {name}, title: x, aspect: artifact, extension: true, handle: {name}, definition: x.}}\n"
        for name in ("curve", "hills")
    )
    (tmp_path / "catalog" / "taxonomy.yaml").write_text(f"schema: 1\nterms:\n{terms}")
    for name, module in {"curve": "make", "hills": "broken"}.items():
        (tmp_path / "catalog" / "steps" / f"make-{name}.yaml").write_text(
            f"schema: 1\nid: make-{name}\ntitle: x\nsummary: x.\nneeds: [discriminative, D1.samples]\nyields: {name}\n"
            f"because: x.\nrun: own.{module}:{name}\n"
        )
    catalog, known = load([tmp_path / "catalog"]), packages([*source.packages_in(tmp_path / "code").values()])
    found = {one.name: [kind.type.place for kind in one.kinds] for one in offered(catalog, known, strict=False)}
    assert found["curve"] == [("own.curves", "Curve"), ("elsewhere", "Hills")] and found["hills"] == []
    with pytest.raises(InputError, match="this is no Python"):
        offered(catalog, known)
    new = imports(catalog, known, "discriminative", "stand-alone")
    assert new["curve"] == ("own", "Curve") and "hills" not in new, "imported from the package that hands it on"


def test_new_code_takes_the_type_of_its_model_type_and_frame():
    said = {
        (model, frame): imports(CATALOG, packages(), model, frame)
        for model in ("discriminative", "generative")
        for frame in ("stand-alone", "federated")
    }
    assert {place[0] for found in said.values() for place in found.values()} == {"attacks.handles"}
    assert {handle for found in said.values() for handle in found} == set(FOUND)
    trainers = {where: found["trainer"][1] for where, found in said.items()}
    assert trainers["discriminative", "stand-alone"] == "Trainer" and trainers["generative", "stand-alone"] == "GeneratorTrainer"
    assert trainers["discriminative", "federated"] == "FederatedTrainer"
    assert said["discriminative", "stand-alone"]["architecture"][1] == "Architecture"
    assert said["generative", "stand-alone"]["architecture"][1] == "GeneratorArchitecture", "though only views name it"


def test_the_terminal_shows_them(mia):
    text = " ".join(mia("terms", "--aspect", "query", "--handles").stdout.split())
    assert "scores: ScoreOracle (Q.scores)" in text and "scores(x: Tensor) -> Tensor" in text
    assert "It takes one query for each of `x`, free at home." in text and "trainer:" not in text


def test_the_table_in_contributing_is_up_to_date():
    sys.path.insert(0, str(ROOT / "site"))
    import contributing

    text = contributing.PLACE.read_text(encoding="utf-8")
    assert contributing.rewritten(text) == text, "run `python site/contributing.py`"
    assert contributing.rewritten(text.replace("`scores: ScoreOracle`", "`scores: Old`")) == text
    with pytest.raises(ValueError, match="do not stand in the text"):
        contributing.rewritten("no comments")


def test_a_table_is_a_table():
    """Every row has the four cells of its head, whatever a signature holds."""
    rows = block(list(FOUND.values())).splitlines()
    assert len(rows) == 2 + sum(len(one.kinds) for one in FOUND.values())
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_no_model_is_loaded_for_them():
    """They are read as text: neither the packages' code nor torch is imported."""
    code = (
        "import sys\nfrom taxonomy import handles\nfrom taxonomy.loading import load\n"
        "assert handles.offered(load(), handles.packages())\n"
        "assert not {'torch', 'attacks.handles'} & set(sys.modules), 'imported'\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert package("attacks").module_path("attacks.handles.oracles") is not None
