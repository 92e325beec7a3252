"""`kind: torch`: a network of one's own, as a factory function with weights from a file, or as one file that holds it whole."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.audit.functions import Function, aside, blamed
from attacks.audit.kinds import network_files
from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.network_files import EXPORTED, SCRIPT
from attacks.audit.kinds.specs import TorchSpec
from attacks.models.training import one_thread
from attacks.seeds import digest
from taxonomy.findings import InputError, nearest, quoted, relative

# So many records go through a network at a time.
BATCH = 256


def load(spec: TorchSpec, folder: Path, function: Function | None, trusted: Sequence[Path]) -> OwnModel:
    """Return a network as a model of an audit; raise InputError, in one sentence, for a file or a function that gives none.

    `trusted` are the files that may be programs. The network answers rows (n, ...), cast to float32, on the CPU.
    """
    if spec.file is None:
        wanted = f"the weights of the network that {function.name} builds" if function else "weights, or a whole network"
        raise InputError(f"kind torch takes `file`: {wanted} (`weights.safetensors`)")
    path = folder / spec.file
    if not path.is_file():
        others = [one.name for one in path.parent.iterdir() if one.is_file()] if path.parent.is_dir() else []
        raise InputError(f"model: no such file {relative(path)}" + (f" ({nearest(path.name, others)})" if others else ""))
    content = path.read_bytes()
    form = network_files.form(path, content)
    if function is None:
        network, noun, home = network_files.whole(path, content, form, trusted), relative(path), folder.resolve()
    else:
        if form in (SCRIPT, EXPORTED):
            raise InputError(f"{relative(path)} is {form}, which holds the network whole: leave out `function`, or give weights")
        noun, home = f"{function.file.name}:{function.name}", function.folder
        network = built(function)
        network_files.fill(network, network_files.weights(path, content, form), relative(path), noun)
        network.eval()
    identity = digest(["torch", hashlib.sha256(content).hexdigest(), function.identity if function else ""])

    def answer(rows: Any) -> Tensor:
        try:
            return outputs(network, rows)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            fixed = "; was it exported with a first dimension of any size (`dynamic_shapes`)?" if form == EXPORTED else ""
            said = network_files.said(error, form, home)
            raise InputError(f"{noun} does not answer a batch of shape {np.shape(rows)} as float32: {said}{fixed}") from error

    names = None if spec.classes is None else [str(name) for name in spec.classes]
    # A program (TorchScript, torch.export) has no modules of Python, of which gradients record by record could be had.
    return OwnModel(answer, identity, names, spec.scale, noun=noun, network=network if function is not None else None)


def built(function: Function) -> nn.Module:
    """Return the network that a factory function makes, called without arguments; raise InputError for anything else."""
    make, name = function.load(), f"{function.file.name}:{function.name}"
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise InputError(f"{name} is called without arguments to build the network, and takes some ({error})") from error
    try:
        with aside():
            network = make()
    except (Exception, SystemExit) as error:
        raise InputError(f"{name} builds no network: {blamed(error, function.folder)}") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"{name} returns {type(network).__name__}; a factory returns a torch.nn.Module")
    return network.cpu()


def outputs(network: nn.Module, rows: Any) -> Tensor:
    """Return what a network in evaluation mode makes of rows (n, ...): float32 (n, classes), without gradients, in batches.

    It runs on one thread, so that the bits do not hang on the number of processors. Raises InputError for rows with text.
    """
    x = torch.from_numpy(floats(rows))
    with one_thread(), torch.no_grad():
        parts = [network(part) for part in x.split(BATCH)]
    for part, given in zip(parts, x.split(BATCH), strict=True):
        if not isinstance(part, Tensor) or part.ndim != 2 or len(part) != len(given):
            found = f"of shape {tuple(part.shape)}" if isinstance(part, Tensor) else f"a {type(part).__name__}"
            raise InputError(
                f"a network answers a batch of shape {tuple(given.shape)} with logits ({len(given)}, classes), and this one's "
                f"answer is {found}"
            )
    return torch.cat(parts)


def floats(rows: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return rows, an array (n, ...) or a data frame, as float32; raise InputError with the column for one that holds text."""
    if not isinstance(rows, np.ndarray):
        for column, kind in rows.dtypes.items():
            if kind.kind not in "fiub":
                raise InputError(
                    f"the column {quoted(str(column))} holds text, and a network takes numbers; leave it out (`features:`), or "
                    "encode it within a function of your own (`kind: callable`)"
                )
    return np.ascontiguousarray(rows, dtype=np.float32)
