"""Files of torch, told apart by what stands in them and read as far as they are trusted: weights, and whole networks.

Weights are numbers and nothing else: a safetensors file, or a checkpoint of `torch.save` read with `weights_only=True`; a pickle
that holds more is refused. A file that holds a network whole is a program. TorchScript runs no Python, and yet it can write
files as soon as it is read (`torch.save` is among its operators, and `__setstate__` runs); `torch.export.load` unpickles, which
can run anything. Such a file is read only if `--trust-pickle` names it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attacks.audit.functions import blamed
from taxonomy.findings import InputError, nearest, printable, quoted, relative

# Under which of its keys a checkpoint of a training run holds the weights.
WITHIN = ("state_dict", "model")
# What a file can be.
WEIGHTS, CHECKPOINT, SCRIPT, EXPORTED = "safetensors", "a checkpoint", "TorchScript", "an exported program"


def form(path: Path, content: bytes) -> str:
    """Return what a file is by what stands in it, with nothing of it run; raise InputError for one that is nothing of torch."""
    if path.suffix.lower() == ".safetensors":
        return WEIGHTS
    if content[:2] != b"PK":
        if content[:1] == b"\x80":
            return CHECKPOINT  # as torch.save wrote them before 1.6, or another pickle
        raise InputError(
            f"{relative(path)} is no file of torch: weights are a safetensors file or a checkpoint of torch.save, a whole "
            "network is TorchScript or torch.export's .pt2"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise InputError(f"{relative(path)} is cut short or broken ({error})") from error
    if "archive_format" in inside:
        return EXPORTED
    if "constants.pkl" in inside:
        return SCRIPT
    return CHECKPOINT


def whole(path: Path, content: bytes, form: str, trusted: Sequence[Path]) -> Any:
    """Return what answers of a file that holds a network whole; raise InputError unless it is one, and trusted."""
    where = relative(path)
    if form in (WEIGHTS, CHECKPOINT):
        weights(path, content, form)  # what is a pickled network, and no weights, is told there
        raise InputError(f"{where} holds weights alone; name the function that builds the network (`function: net.py:build`)")
    if path.resolve() not in {one.resolve() for one in trusted}:
        raise InputError(
            f"{where} is {form}, a program that can write files or run code when it is read; if you made it yourself, add "
            f"--trust-pickle {where}, or hand over `function: net.py:build` and the weights as safetensors"
        )
    try:
        with _quiet():
            if form == EXPORTED:
                return torch.export.load(io.BytesIO(content)).module()
            return torch.jit.load(io.BytesIO(content), map_location="cpu").eval()
    except Exception as error:
        raise InputError(f"{where} cannot be read as {form} ({said(error, form, path.parent)})") from error


def weights(path: Path, content: bytes, form: str) -> Mapping[str, Any]:
    """Return the weights by name that a file holds; raise InputError, with the reason, for one that holds anything else."""
    where = relative(path)
    if form == WEIGHTS:
        from safetensors import SafetensorError
        from safetensors.torch import load as read

        try:
            return read(content)
        except SafetensorError as error:
            raise InputError(f"{where} is no safetensors file that can be read ({error})") from error
    try:
        with _quiet():
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{where} holds more than weights, or is no checkpoint, and is not unpickled since that can run any code "
            f"({_reason(error)}); save torch.save(network.state_dict(), ...), or safetensors"
        ) from error
    return _state(found, where)


def _state(found: Any, where: str) -> Mapping[str, Any]:
    """Return the weights by name that a checkpoint holds: it is a state_dict, or holds one."""
    if isinstance(found, Mapping):
        for key in WITHIN:
            if isinstance(found.get(key), Mapping):
                found = found[key]
                break
        if found and all(isinstance(name, str) for name in found) and any(isinstance(one, Tensor) for one in found.values()):
            weights: Mapping[str, Any] = found
            return weights
    held = f"the keys {', '.join(map(str, list(found)[:5]))}" if isinstance(found, Mapping) else f"a {type(found).__name__}"
    raise InputError(f"{where} holds {held}; a checkpoint is a state_dict, or holds one as {' or '.join(map(quoted, WITHIN))}")


def fill(network: nn.Module, weights: Mapping[str, Any], where: str, noun: str) -> None:
    """Load weights into a network in place; raise InputError that names the first one which does not fit."""
    own = network.state_dict()
    missing = [name for name in own if name not in weights]
    unexpected = [name for name in weights if name not in own]
    if missing:
        raise InputError(
            f"{where} lacks {quoted(missing[0])}, which the network of {noun} has ({len(missing)} of {len(own)} are missing; "
            f"{nearest(missing[0], unexpected or weights)})"
        )
    if unexpected:
        raise InputError(
            f"{where} holds {quoted(unexpected[0])}, which the network of {noun} does not have ({len(unexpected)} such)"
        )
    for name, value in own.items():
        given = weights[name]
        if isinstance(value, Tensor) and (not isinstance(given, Tensor) or given.shape != value.shape):
            shape = tuple(given.shape) if isinstance(given, Tensor) else f"a {type(given).__name__}"
            raise InputError(f"{where}: {quoted(name)} is of shape {shape}, and the network of {noun} has {tuple(value.shape)}")
        if isinstance(given, Tensor) and given.is_floating_point() and not bool(given.isfinite().all()):
            raise InputError(f"{where}: {quoted(name)} holds not-a-number or infinity")
    network.load_state_dict(dict(weights))


def _reason(error: Exception) -> str:
    """Return what torch says of a pickle, without its advice to unpickle it all the same."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next((line for line in lines if "Unsupported" in line or "WeightsUnpickler error" in line), lines[0] if lines else "")
    said = said.removeprefix("WeightsUnpickler error:").strip()
    return printable(said.split(" was not an allowed global")[0].split(". In PyTorch")[0])


def said(error: BaseException, form: str, home: Path) -> str:
    """Return an error with the user's own line; TorchScript puts its whole trace into the message, of which the end counts."""
    if form not in (SCRIPT, EXPORTED):
        return blamed(error, home)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1] if lines else type(error).__name__)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from logging the trace of an error that is told in one sentence, and from warning about old forms."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
