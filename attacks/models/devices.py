"""On which processor networks are trained and answer: the CPU, or an accelerator of this machine. Loads no torch for the CPU."""

from __future__ import annotations

from taxonomy.findings import InputError, unknown

CPU, AUTO = "cpu", "auto"
# Accelerators as torch calls them, the one first that `auto` takes first.
ACCELERATORS = ("cuda", "mps")
NAMES = (AUTO, CPU, *ACCELERATORS)


def chosen(name: str) -> str:
    """Return the device that a name stands for here, which for `auto` is the first accelerator, or the CPU where there is none.

    Raises InputError for another name, and for a device that is not there.
    """
    if name == CPU:
        return CPU
    if name not in NAMES:
        raise unknown("device", name, NAMES)
    there = [*accelerators(), CPU]
    if name == AUTO:
        return there[0]
    if name not in there:
        raise InputError(f"there is no device {name!r} here, or this PyTorch was built without it; there is {', '.join(there)}")
    return name


def accelerators() -> list[str]:
    """Return the accelerators of this machine that the installed torch can use."""
    import torch

    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name in ACCELERATORS if usable[name]]
