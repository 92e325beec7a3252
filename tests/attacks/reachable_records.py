"""Everything that code could reach from an object that it holds."""

from __future__ import annotations

import gc
import types

import numpy as np
import torch


def reachable(found: object, size: int) -> np.ndarray:
    """Every record of `size` float32 values that can be reached from an object, but for what modules hold, float32 (n, size)."""
    seen, waiting, rows = set(), [found], [np.empty((0, size), np.float32)]
    while waiting:
        at = waiting.pop()
        if id(at) in seen or isinstance(at, (types.ModuleType, type)):
            continue
        seen.add(id(at))
        if isinstance(at, (torch.Tensor, np.ndarray)):
            values = np.asarray(at.detach() if isinstance(at, torch.Tensor) else at)
            if values.dtype == np.float32 and values.ndim > 1 and values[:1].size == size:
                rows.append(values.reshape(-1, size))
            continue
        if isinstance(at, types.FunctionType):
            waiting += [cell.cell_contents for cell in at.__closure__ or ()]
            continue
        waiting += gc.get_referents(at)
    return np.concatenate(rows)
