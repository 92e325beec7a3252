"""Accelerators without one: the programs on a device are those of the CPU, and nothing on a device meets what is not there."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from attacks.models import accelerated, training
from attacks.models.devices import CPU
from attacks.models.generators import GeneratorRecipe
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet

RECIPE = Recipe("mlp", (4, 4), 3, hidden=(8,), epochs=2, batch=8, learning_rate=0.01)
CNN = dataclasses.replace(RECIPE, architecture="cnn")
NOISY = dataclasses.replace(RECIPE, clip=1.0, noise=0.5)
VALUES = dataclasses.replace(RECIPE, classes=1, regression=True)
DRAWN = torch.Generator().manual_seed(0)
X, LABEL, VALUE = torch.randn(40, 4, 4, generator=DRAWN), torch.arange(40) % 3, torch.randn(40, generator=DRAWN)
# A device that torch knows everywhere, and that holds no numbers: with fake tensors, what lies there may meet nothing of the CPU.
ELSEWHERE = "meta"


def block(y: torch.Tensor) -> training.Block:
    sets = NumberedSets(X, y, count=3, rows=lambda k: torch.arange(k, k + 20), seed=lambda k: k)
    return sets.blocks(3)[0]


def bits(module: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in module.state_dict().values()]


@pytest.mark.parametrize(("recipe", "y"), [(RECIPE, LABEL), (CNN, LABEL), (NOISY, LABEL), (VALUES, VALUE)])
def test_the_program_of_accelerators_is_that_of_the_cpu(recipe, y):
    data = TrainingSet(X, y, 5)
    assert bits(accelerated.fit(recipe, data, CPU)) == bits(training.fit(recipe, data))
    if recipe.block_size > 1:
        pairs = zip(accelerated.fit_block(recipe, block(y), CPU), training.fit_block(recipe, block(y)), strict=True)
        assert all(bits(ours) == bits(theirs) for ours, theirs in pairs)


@pytest.fixture
def elsewhere(monkeypatch):
    """Moves of whole networks are noted; they are made by hand, since weights that are fake cannot be moved in place."""
    moves = list[str]()

    def moved(network: nn.Module, device: str) -> nn.Module:
        moves.append(device)
        for module in network.modules():
            for name, value in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(value.detach().to(device)))
        return network

    adam = torch.optim.Adam
    monkeypatch.setattr(accelerated, "moved", moved)
    # The fused step is written for each device, and for this one nobody wrote it.
    monkeypatch.setattr(torch.optim, "Adam", lambda weights, lr, fused: adam(weights, lr=lr))
    with FakeTensorMode(allow_non_fake_inputs=True):
        with pytest.raises(RuntimeError, match="same device"):
            torch.ones(3).to(ELSEWHERE).index_select(0, torch.arange(2))
        yield moves


@pytest.mark.parametrize(("recipe", "y"), [(RECIPE, LABEL), (CNN, LABEL), (NOISY, LABEL), (VALUES, VALUE)])
def test_a_network_is_trained_on_the_device_alone_and_comes_back(elsewhere, recipe, y):
    network = accelerated.fit(recipe, TrainingSet(X, y, 5), ELSEWHERE)
    assert elsewhere == [ELSEWHERE, CPU] and {p.device.type for p in network.parameters()} == {CPU}


@pytest.mark.parametrize(("recipe", "y"), [(RECIPE, LABEL), (RECIPE, torch.rand(40, 3)), (VALUES, VALUE)])
def test_a_block_is_trained_on_the_device_alone_and_comes_back(elsewhere, recipe, y):
    networks = accelerated.fit_block(recipe, block(y), ELSEWHERE)
    assert elsewhere == [ELSEWHERE] * 3 + [CPU] * 3
    assert {p.device.type for network in networks for p in network.parameters()} == {CPU}


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # it is copied, which no other test does
def test_logits_come_back_to_the_cpu_in_float32_and_are_cast_there(elsewhere):
    answering = accelerated.Answering(RECIPE.build(), ELSEWHERE)
    assert elsewhere == [ELSEWHERE]
    logits = answering(X)
    assert (logits.device.type, logits.dtype) == (CPU, torch.float32)


def test_answers_through_a_device_are_those_of_the_model():
    network = training.fit(RECIPE, TrainingSet(X, LABEL, 5))
    through = Model(RECIPE, accelerated.Answering(network, CPU), "through").log_probs(X)
    assert through.dtype == torch.float64 and torch.equal(through, Model(RECIPE, network, "itself").log_probs(X))


def test_what_is_no_network_of_a_recipe_stays_on_the_cpu():
    stays = [dataclasses.replace(RECIPE, architecture="decision-tree"), dataclasses.replace(RECIPE, trainer="own.code:train")]
    assert {accelerated.device_of(recipe, "cuda") for recipe in (*stays, GeneratorRecipe("vae", (4, 4)))} == {CPU}
    assert {accelerated.device_of(recipe, "cuda") for recipe in (RECIPE, CNN, NOISY)} == {"cuda"}
