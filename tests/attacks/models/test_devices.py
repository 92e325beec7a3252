"""Which device a name stands for, on machines that have one or another."""

from __future__ import annotations

import pytest
import torch

from attacks.models import devices
from taxonomy.findings import InputError


@pytest.mark.parametrize(("there", "expected"), [([], "cpu"), (["mps"], "mps"), (["cuda"], "cuda"), (["cuda", "mps"], "cuda")])
def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch, there, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert devices.chosen("auto") == expected
    assert devices.chosen("cpu") == "cpu"
    assert [devices.chosen(name) for name in there] == there


def test_a_device_that_is_not_there_is_refused_with_what_is(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", lambda: ["mps"])
    with pytest.raises(InputError, match=r"no device 'cuda' here.*there is mps, cpu"):
        devices.chosen("cuda")
    with pytest.raises(InputError, match=r"'cud'.*cuda"):
        devices.chosen("cud")
