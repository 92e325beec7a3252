"""`kind: torch`: the same answers whatever file holds the network, and wrong files told before anything is asked."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import pictures

from attacks.audit import own_training
from attacks.audit.functions import Function
from attacks.audit.kinds import networks
from attacks.audit.kinds.specs import TorchSpec
from taxonomy.findings import InputError

Change = Callable[[Path], None]
BUILD = "net.py:build"
SCRIPTED, EXPORTED = "model: {kind: torch, file: model.ts}\n", "model: {kind: torch, file: model.pt2}\n"


def loaded(folder: Path, file: str, *, function: bool = True, trusted: bool = False):
    spec = TorchSpec(kind="torch", function=BUILD if function else None, file=file)
    factory = Function(folder / "net.py", "build", folder) if function else None
    return networks.load(spec, folder, factory, [folder / file] if trusted else [])


def script(network: nn.Module, path: Path) -> None:
    torch.jit.trace(network, torch.zeros(2, 8, 8)).save(str(path))


def exported(network: nn.Module, path: Path, **how: object) -> None:
    torch.export.save(torch.export.export(network, (torch.zeros(2, 8, 8),), **how), path)


def test_every_file_of_weights_gives_the_network_to_the_bit(tmp_path):
    x, _, network = pictures.write(tmp_path)
    state = network.state_dict()
    torch.save(state, tmp_path / "state.pt")
    torch.save({"epoch": 3, "model": state}, tmp_path / "model.pt")
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "lightning.ckpt")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with torch.no_grad():
        expected = network(torch.from_numpy(x))
    for file in ("weights.safetensors", "state.pt", "model.pt", "lightning.ckpt", "old.pth"):
        torch.testing.assert_close(loaded(tmp_path, file).answer(x), expected, rtol=1e-6, atol=1e-6)
    assert loaded(tmp_path, "state.pt").identity != loaded(tmp_path, "model.pt").identity


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_whole_network_answers_as_the_one_that_was_saved(tmp_path):
    x, _, network = pictures.write(tmp_path)
    script(network, tmp_path / "model.ts")
    exported(network, tmp_path / "model.pt2", dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    with torch.no_grad():
        expected = network(torch.from_numpy(x))
    for file in ("model.ts", "model.pt2"):
        found = loaded(tmp_path, file, function=False, trusted=True).answer(x)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_network_is_asked_in_evaluation_mode_in_batches_and_without_gradients(tmp_path):
    seen = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.last = nn.Dropout(0.9), nn.Linear(64, 10)

        def forward(self, x):
            seen.append((len(x), x.dtype, torch.is_grad_enabled(), self.training, torch.get_num_threads()))
            return self.last(self.drop(x.flatten(1)))

    rows = np.random.default_rng(0).integers(0, 255, (600, 8, 8), dtype=np.uint8)
    answer, _, scale = own_training.answering(Watched(), "probabilities")
    found = answer(rows)
    assert found.shape == (600, 10) and not found.requires_grad and scale == "logits"
    assert seen == [
        (256, torch.float32, False, False, 1),
        (256, torch.float32, False, False, 1),
        (88, torch.float32, False, False, 1),
    ]


class Keeper:
    """What a checkpoint holds that is no weight: unpickling it runs code."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_pickle_is_unpickled(tmp_path):
    pictures.write(tmp_path)
    mark = tmp_path / "was-run"
    torch.save({"state_dict": pictures.network().state_dict(), "more": Keeper(mark)}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Keeper(mark)))
    for file in ("zip.pt", "plain.pt"):
        with pytest.raises(InputError, match="holds more than weights"):
            loaded(tmp_path, file)
    torch.load(tmp_path / "zip.pt", weights_only=False)
    assert mark.exists(), "it would have run"


class Writer(nn.Module):
    """A network whose TorchScript writes a file when it is read."""

    def __init__(self):
        super().__init__()
        self.training = False

    @torch.jit.export
    def __getstate__(self):
        return "was-written", self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.training = state[1]
        torch.save(torch.zeros(2), state[0])

    def forward(self, x):
        return x.flatten(1)[:, :10]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_writes_files_and_is_read_only_if_it_is_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.jit.script(Writer()).save("model.ts")
    (tmp_path / "was-written").unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"a program that can write files .* --trust-pickle model\.ts"):
        loaded(tmp_path, "model.ts", function=False)
    assert not (tmp_path / "was-written").exists()
    loaded(tmp_path, "model.ts", function=False, trusted=True)
    assert (tmp_path / "was-written").exists(), "TorchScript is trusted for a reason"


# -- wrong files -------------------------------------------------------------------------------------------------------


def text(old: str, new: str, file: str = "audit.yaml") -> Change:
    def change(folder: Path) -> None:
        content = (folder / file).read_text()
        assert old in content
        (folder / file).write_text(content.replace(old, new))

    return change


def saved(**changed: torch.Tensor | None) -> Change:
    """Return a change of some weights: None leaves one out. A name's dot is written as two underscores."""

    def change(folder: Path) -> None:
        state = pictures.network().state_dict()
        for name, value in changed.items():
            state.pop(name.replace("__", "."), None)
            if value is not None:
                state[name.replace("__", ".")] = value
        save_file(state, folder / "weights.safetensors")

    return change


def checkpoint(made: Callable[[], object]) -> Change:
    """Return a change that has a checkpoint in place of the safetensors file."""

    def change(folder: Path) -> None:
        text("weights.safetensors", "weights.pt")(folder)
        torch.save(made(), folder / "weights.pt")

    return change


def whole(file: str, write: Callable[[Path], None]) -> Change:
    """Return a change that has a whole network in place of a factory and weights."""

    def change(folder: Path) -> None:
        text('function: "net.py:build", file: weights.safetensors', f"file: {file}")(folder)
        write(folder / file)

    return change


def body(code: str) -> Change:
    return text("return nn.Sequential(", f"{code}\n    return nn.Sequential(", "net.py")


def cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def other_pictures(folder: Path) -> None:
    for name in ("members", "non_members"):
        with np.load(folder / f"{name}.npz") as file:
            x, y = file["x"], file["y"]
        np.savez(folder / f"{name}.npz", x=x[:, :7], y=y)


WRONG: dict[str, tuple[Change, str]] = {
    "no such file": (text("weights.safetensors", "weigths.safetensors"), "did you mean weights.safetensors?"),
    "a factory without weights": (
        text(", file: weights.safetensors", ""),
        "kind torch takes `file`: the weights of the network that build builds",
    ),
    "weights without a factory": (text('function: "net.py:build", ', ""), "name the function that builds the network"),
    "a weight is missing": (
        saved(**{"3__bias": None}),
        "lacks '3.bias', which the network of net.py:build has (1 of 4 are missing",
    ),
    "a weight too many": (
        saved(**{"4__bias": torch.zeros(3)}),
        "holds '4.bias', which the network of net.py:build does not have",
    ),
    "a weight has another name": (
        saved(**{"1__weight": None, "module__1__weight": torch.zeros(16, 64)}),
        "lacks '1.weight', which the network of net.py:build has (1 of 4 are missing",
    ),
    "a weight has another shape": (
        saved(**{"3__bias": torch.zeros(7)}),
        "'3.bias' is of shape (7,), and the network of net.py:build has (10,)",
    ),
    "a weight is NaN": (saved(**{"3__bias": torch.full((10,), torch.nan)}), "'3.bias' holds not-a-number or infinity"),
    "weights are cut short": (cut, "is no safetensors file that can be read"),
    "a whole module in a checkpoint": (checkpoint(pictures.network), "save torch.save(network.state_dict(), ...)"),
    "a checkpoint of nothing": (
        checkpoint(lambda: {"epoch": 3, "loss": 0.1}),
        "holds the keys epoch, loss; a checkpoint is a state_dict",
    ),
    "a checkpoint of a list": (checkpoint(lambda: [1, 2]), "holds a list; a checkpoint is a state_dict"),
    "no file of torch": (whole("model.ts", lambda path: path.write_text("hello")), "model.ts is no file of torch"),
    "a broken zip": (whole("model.ts", lambda path: path.write_bytes(b"PK\x03\x04 and no more")), "is cut short or broken"),
    "TorchScript that nobody trusts": (
        whole("model.ts", lambda path: script(pictures.network(), path)),
        "a program that can write files or run code when it is read; if you made it yourself, add --trust-pickle model.ts",
    ),
    "the factory takes arguments": (text("def build()", "def build(classes)", "net.py"), "is called without arguments"),
    "the factory raises": (body("raise KeyError('oops')"), "builds no network: KeyError: 'oops' (net.py:6"),
    "the factory returns no module": (body("return 3"), "returns int; a factory returns a torch.nn.Module"),
    "no such factory": (text('"net.py:build"', '"net.py:biuld"'), "has no function 'biuld' (did you mean build?)"),
    "records of another shape": (other_pictures, "does not answer a batch of shape (4, 7, 8) as float32: RuntimeError: mat1"),
    "a class too few": (text("weights.safetensors}", "weights.safetensors, classes: [0, 1, 2]}"), "has the label"),
    "logits called probabilities": (
        text("weights.safetensors}", "weights.safetensors, scale: probabilities}"),
        "these look like logits",
    ),
    "answers for every pixel": (
        text("nn.Linear(16, 10))", "nn.Linear(16, 10), nn.Unflatten(1, (10, 1)))", "net.py"),
        "answer is of shape (4, 10, 1)",
    ),
    "another key": (text("weights.safetensors}", "weights.safetensors, device: cuda}"), "device"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_networks(case, mia, tmp_path, monkeypatch):
    change, said = WRONG[case]
    pictures.write(tmp_path)
    change(tmp_path)
    pictures.refused(mia, tmp_path, monkeypatch, said, "--trust-code", ".")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_trusted_file_cannot_do_is_told(tmp_path):
    """A file that was exported for one size of batches says so, and one that is cut short is not read."""
    x, _, network = pictures.write(tmp_path)
    exported(network, tmp_path / "model.pt2")
    with pytest.raises(InputError, match=r"batch of shape \(120, 8, 8\).*dynamic_shapes"):
        loaded(tmp_path, "model.pt2", function=False, trusted=True).answer(x)
    script(network, tmp_path / "model.ts")
    with pytest.raises(InputError, match=r"does not answer a batch of shape \(120, 3\)"):
        loaded(tmp_path, "model.ts", function=False, trusted=True).answer(x[:, :3, 0])


def test_a_training_function_finds_torch_seeded_and_on_one_thread_and_leaves_it_as_it_was():
    threads = []

    def train(x: np.ndarray, y: np.ndarray, seed: int) -> nn.Module:
        threads.append(torch.get_num_threads())
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    method = own_training.Method(tuple("0123456789"), "probabilities", "test", local=train)
    x, y = pictures.digits()
    before, random = torch.get_num_threads(), torch.random.get_rng_state()
    one, again, other = (method.trained(x[:9], y[:9], seed)(x[:9]) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert threads == [1, 1, 1] and torch.get_num_threads() == before
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.slow
def test_models_are_the_same_bits_however_many_workers_train_them(mia_process, tmp_path):
    """Also where the training function seeds nothing: torch's generator is seeded for it."""
    pictures.write(tmp_path)
    (tmp_path / "audit.yaml").write_text(
        pictures.AUDIT + pictures.POPULATION + pictures.TRAIN + "attacks: [carlini-2022-lira, zarifzadeh-2024-rmia]\n"
    )
    found = []
    for workers in ("1", "2"):
        done = mia_process(
            *("audit", "audit.yaml", "--trust-code", ".", "--workers", workers, "--out", f"out-{workers}"),
            MIA_STORE=str(tmp_path / f"store-{workers}"),
        )
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / f"out-{workers}" / "scores.npz") as file:
            found.append({name: file[name] for name in file.files})
    assert {"carlini-2022-lira", "zarifzadeh-2024-rmia"} <= set(found[0])
    for name, scores in found[0].items():
        np.testing.assert_array_equal(scores, found[1][name], err_msg=name)
