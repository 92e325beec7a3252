"""What finished work depends on beside code and data: versions of what is installed, and where networks train."""

from __future__ import annotations

import functools
import importlib.metadata
import sys

import numpy as np
import torch

from attacks.models import paths
from attacks.models.devices import CPU


@functools.cache
def _version(package: str) -> str:
    """Return the version of an installed package without loading it, which takes longer than a run from the store."""
    return importlib.metadata.version(package)


def environment(path: str = paths.BLOCKS, device: str = CPU) -> dict[str, str]:
    """Return the versions that finished work depends on, and the path by which and the device on which its models were trained.

    What rests on many models rests on blocks, where their recipe comes in blocks.
    """
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": _version("scipy"),
        "scikit-learn": _version("scikit-learn"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "device": device,
        "path": path,
    }
