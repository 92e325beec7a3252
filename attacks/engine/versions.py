"""What finished work depends on beside code and data: versions of what is installed, and where networks train."""

from __future__ import annotations

import functools
import importlib.metadata
import sys

from attacks.models import paths
from attacks.models.devices import CPU


@functools.cache
def installed(package: str) -> str:
    """Return the version of an installed package without loading it, which takes longer than a run from the store."""
    return importlib.metadata.version(package)


# What the code of a module rests on beside these: extras, which need not be there.
BESIDE = {"attacks.defenses.dp_sgd": "opacus", "attacks.defenses.encrypted": "tenseal"}


def beside(run: str) -> str:
    """Return which version of an extra is installed that the function behind a path rests on; "" without one."""
    package = BESIDE.get(run.partition(":")[0])
    try:
        return installed(package) if package else ""
    except importlib.metadata.PackageNotFoundError:
        return ""


def environment(path: str = paths.BLOCKS, device: str = CPU) -> dict[str, str]:
    """Return the versions that finished work depends on, and the path by which and the device on which its models were trained.

    What rests on many models rests on blocks, where their recipe comes in blocks.
    """
    # Here, so that asking for a version loads neither.
    import numpy as np
    import torch

    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": installed("scipy"),
        "scikit-learn": installed("scikit-learn"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "device": device,
        "path": path,
    }
