"""`kind: onnx`: models of scikit-learn and of torch answer as they do at home; wrong files are told before anything is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parent))
import pictures

from attacks.audit import answers
from attacks.audit.kinds import onnx as kind
from attacks.audit.kinds.specs import OnnxSpec
from taxonomy.findings import InputError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
from onnx import TensorProto, helper  # noqa: E402
from skl2onnx.common.data_types import FloatTensorType, StringTensorType  # noqa: E402

Change = Callable[[Path], None]
MODEL = "{kind: onnx, file: model.onnx, scale: logits}"


def loaded(folder: Path, **said: object):
    return kind.load(OnnxSpec(kind="onnx", file="model.onnx", **said), folder)


def write(folder: Path, model, like, **options: object) -> None:
    (folder / "model.onnx").write_bytes(skl2onnx.to_onnx(model, like, **options).SerializeToString())


def linear(path: Path, *, batch: int | None = None, kind: int = TensorProto.FLOAT, more: int = 0) -> None:
    """Write a linear model on pictures, and `more` outputs that are the same: logits (n, 10), `batch` records at a time."""
    weights = pictures.network()[1].weight.detach().numpy()[:10].T.copy()
    nodes = [
        helper.make_node("Cast", ["pictures"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        *(helper.make_node("Identity", ["logits"], [f"copy_{k}"]) for k in range(more)),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("pictures", kind, [batch, 8, 8])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 10])
            for name in ["logits", *(f"copy_{k}" for k in range(more))]
        ],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel())],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(made.SerializeToString())


def expected(x: np.ndarray) -> np.ndarray:
    weights = pictures.network()[1].weight.detach().numpy()[:10]
    return x.reshape(len(x), -1).astype(np.float64) @ weights.T.astype(np.float64)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_classifier_of_scikit_learn_names_its_classes(tmp_path):
    """ZipMap: a mapping a record, whose keys are the classes, also where they are text and in another order than stated."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 4)).astype(np.float32)
    y = np.array(["well", "ill", "very ill"])[generator.integers(0, 3, 300)]
    forest = RandomForestClassifier(25, random_state=0).fit(x, y)
    write(tmp_path, forest, x[:1])
    found = loaded(tmp_path)
    assert found.classes == ["ill", "very ill", "well"] == forest.classes_.tolist()
    np.testing.assert_allclose(found.answer(x), forest.predict_proba(x), atol=1e-6)
    turned = loaded(tmp_path, classes=["well", "ill", "very ill"])
    np.testing.assert_array_equal(turned.answer(x), found.answer(x)[:, [2, 0, 1]])
    # Sums of float32 end a little below 0, which is no error.
    assert np.isfinite(np.exp(answers.log_probs(found.answer(x), "probabilities", "it"))).all()


def test_whole_numbers_are_classes_by_name_and_arrays_by_place(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4)).astype(np.float32)
    model = LogisticRegression().fit(x, generator.integers(0, 2, 200) + 3)
    write(tmp_path, model, x[:1])
    assert loaded(tmp_path).classes == ["3", "4"]
    write(tmp_path, model, x[:1], options={"zipmap": False})
    found = loaded(tmp_path)
    assert found.classes is None
    np.testing.assert_allclose(found.answer(x), model.predict_proba(x), atol=1e-6)


def test_a_model_with_an_input_a_column_takes_a_table_by_names(tmp_path):
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": generator.normal(size=200).astype(np.float32), "sex": np.array(["f", "m"])[generator.integers(0, 2, 200)]}
    )
    model = make_pipeline(ColumnTransformer([("sex", OneHotEncoder(), ["sex"])], remainder="passthrough"), LogisticRegression())
    model.fit(table, (table["sex"] == "f").to_numpy() ^ (generator.random(200) < 0.2))
    types = [("age", FloatTensorType([None, 1])), ("sex", StringTensorType([None, 1]))]
    (tmp_path / "model.onnx").write_bytes(skl2onnx.to_onnx(model, initial_types=types).SerializeToString())
    found = loaded(tmp_path, classes=[0, 1])
    assert found.columns == ["age", "sex"]
    np.testing.assert_allclose(found.answer(table[["sex", "age"]]), model.predict_proba(table), atol=1e-6)
    with pytest.raises(InputError, match="has 2 inputs, one a column by name"):
        found.answer(np.zeros((3, 2)))


@pytest.mark.parametrize("batch", [None, 1, 7])
def test_a_model_is_asked_as_many_at_a_time_as_it_takes(tmp_path, batch):
    x, _ = pictures.digits()
    linear(tmp_path / "model.onnx", batch=batch)
    np.testing.assert_allclose(loaded(tmp_path).answer(x[:600]), expected(x[:600]), atol=1e-4)


def test_records_are_cast_to_what_the_input_takes(tmp_path):
    linear(tmp_path / "model.onnx", kind=TensorProto.UINT8)
    rows = np.random.default_rng(0).integers(0, 255, (20, 8, 8))
    np.testing.assert_allclose(loaded(tmp_path).answer(rows.astype(np.float64)), expected(rows), rtol=1e-4, atol=1e-2)


def test_one_of_several_outputs_is_named(tmp_path):
    x, _ = pictures.digits()
    linear(tmp_path / "model.onnx", more=1)
    named, other = loaded(tmp_path, output="copy_0"), loaded(tmp_path, output="logits")
    np.testing.assert_array_equal(named.answer(x[:9]), other.answer(x[:9]))
    assert named.identity != other.identity


@pytest.mark.slow
def test_a_network_in_the_format_of_onnx_is_audited_like_the_network_itself(mia_json, tmp_path, monkeypatch):
    x, _, network = pictures.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    last = network[3].weight.detach(), network[3].bias.detach()
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["sums"], transB=1),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"], transB=1),
    ]
    kept = {"w1": network[1].weight.detach(), "b1": network[1].bias.detach(), "w2": last[0], "b2": last[1]}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])],
        [helper.make_tensor(name, TensorProto.FLOAT, value.shape, value.numpy().ravel()) for name, value in kept.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    with torch.no_grad():
        np.testing.assert_allclose(loaded(tmp_path, scale="logits").answer(x), network(torch.from_numpy(x)), atol=1e-5)
    torch_model = '{kind: torch, function: "net.py:build", file: weights.safetensors}'
    (tmp_path / "audit.yaml").write_text(pictures.AUDIT + "attacks: [yeom-2018-loss]\n")
    (tmp_path / "onnx.yaml").write_text((tmp_path / "audit.yaml").read_text().replace(torch_model, MODEL))
    one = mia_json("audit", tmp_path / "audit.yaml", "--trust-code", tmp_path, "--out", tmp_path / "one")
    other = mia_json("audit", tmp_path / "onnx.yaml", "--out", tmp_path / "other")
    (of_torch,), (of_onnx,) = (found["threat_models"][0]["results"] for found in (one, other))
    assert of_torch["auc"] == pytest.approx(of_onnx["auc"], abs=1e-3)


# -- wrong files -------------------------------------------------------------------------------------------------------


def text(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        content = (folder / "audit.yaml").read_text()
        assert old in content
        (folder / "audit.yaml").write_text(content.replace(old, new))

    return change


def model(**how: object) -> Change:
    return lambda folder: linear(folder / "model.onnx", **how)


def bytes_of(data: bytes) -> Change:
    return lambda folder: (folder / "model.onnx").write_bytes(data) and None


def records(edit: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(folder: Path) -> None:
        for name in ("members", "non_members"):
            with np.load(folder / f"{name}.npz") as file:
                x, y = edit(file["x"]), file["y"]
            np.savez(folder / f"{name}.npz", x=x, y=y)

    return change


def labels_alone(folder: Path) -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"], axis=1),
            helper.make_node("ArgMax", ["flat"], ["label"], axis=1, keepdims=0),
        ],
        "labels",
        [info("x", TensorProto.FLOAT, [None, 8, 8])],
        [info("label", TensorProto.INT64, [None])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "model.onnx").write_bytes(made.SerializeToString())


def forest(folder: Path) -> None:
    """Put a forest with ZipMap in place of the model, and rows of 64 numbers in place of pictures."""
    records(lambda x: x.reshape(len(x), -1))(folder)
    with np.load(folder / "members.npz") as file:
        made = RandomForestClassifier(5, random_state=0).fit(file["x"], file["y"])
        write(folder, made, file["x"][:1])
    text("scale: logits", "classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ten]")(folder)


WRONG: dict[str, tuple[Change, str]] = {
    "no such file": (text("model.onnx", "modle.onnx"), "no such file modle.onnx (did you mean model.onnx?)"),
    "no file": (text("file: model.onnx, ", ""), "the key 'file' is missing"),
    "an empty file": (bytes_of(b""), "is no ONNX model that onnxruntime can run"),
    "no model": (bytes_of(b"hello" * 99), "is no ONNX model that onnxruntime can run (Load model from model.onnx failed"),
    "no such output": (text("scale: logits", "scale: logits, output: logit"), "no output 'logit' (did you mean logits?)"),
    "which output": (model(more=1), "has 2 outputs that can be scores; say which by `output:`"),
    "labels alone": (labels_alone, "has no output of scores: its outputs are label (tensor(int64))"),
    "records of another shape": (records(lambda x: x[:, :7]), "the input 'pictures' takes records of 8 x 8, and these are 7 x 8"),
    "records of another rank": (records(lambda x: x.reshape(len(x), -1)), "takes records of 8 x 8, and these are 64"),
    "whole numbers": (model(kind=TensorProto.INT32), "takes whole numbers (tensor(int32)), and these records hold others"),
    "logits called probabilities": (text("scale: logits", "scale: probabilities"), "these look like logits (`scale: logits`)"),
    "logits unstated": (text(", scale: logits", ""), "these look like logits (`scale: logits`)"),
    "classes too few": (
        text("scale: logits", "scale: logits, classes: [0, 1, 2]"),
        "has the label '3'; the model has no output of it",
    ),
    "classes of other names": (forest, "and `classes` states 0, 1, 2, 3, 4, 5, 6, 7: 'ten' is among one of them only"),
    "another key": (text("scale: logits", "scale: logits, threads: 4"), "threads"),
    "another scale": (text("scale: logits", "scale: logit"), "(did you mean logits?)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_models(case, mia, tmp_path, monkeypatch):
    change, said = WRONG[case]
    pictures.write(tmp_path)
    linear(tmp_path / "model.onnx")
    audit = tmp_path / "audit.yaml"
    audit.write_text(audit.read_text().split("model:")[0] + f"model: {MODEL}\n")
    change(tmp_path)
    pictures.refused(mia, tmp_path, monkeypatch, said)


def test_without_onnxruntime_the_message_says_what_to_install(mia, tmp_path, monkeypatch):
    pictures.write(tmp_path)
    audit = tmp_path / "audit.yaml"
    audit.write_text(audit.read_text().split("model:")[0] + f"model: {MODEL}\n")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    pictures.refused(mia, tmp_path, monkeypatch, "kind onnx takes onnxruntime: pip install 'mia-atlas[onnx]'")
