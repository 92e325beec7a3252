"""Language models of GPT-2's shape that were pre-trained on a long text and fine-tuned on records, built by `transformers`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.models import training
from attacks.models.causal import CausalNetwork
from attacks.models.generators.language import PADDING
from attacks.seeds import digest_arrays

# The token that stands between texts and before them; the network's loss leaves out what is IGNORED.
START, IGNORED = 0, -100
BASE, TUNED = "base ", "tuned "


@dataclass(frozen=True)
class TunedRecipe:
    """Structure of the network and how it is trained, twice.

    It knows `symbols` tokens and looks at `positions` of them. Pre-training is one pass over the text in blocks of as many
    tokens, `blocks` at a time, at a rate that falls to 0 along a line; fine-tuning takes `epochs` over the records, `batch` at a
    time, at a constant rate. Both use AdamW, and no unit is dropped.
    """

    symbols: int
    positions: int
    width: int
    layers: int
    heads: int
    blocks: int
    pretraining_rate: float
    epochs: int
    batch: int
    learning_rate: float

    def build(self) -> nn.Module:
        """Return an untrained network. Radford et al. 2019, as `transformers` builds it."""
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=self.symbols,
            n_positions=self.positions,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            bos_token_id=START,
            eos_token_id=START,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            # GPT-2's own activation, in one operation of torch.
            activation_function="gelu_pytorch_tanh",
        )
        network: nn.Module = GPT2LMHeadModel(config)
        return network


@dataclass(frozen=True)
class TunedModel:
    """A fine-tuned model, and the one that it was before; `content` is a hash of the weights of both."""

    base: CausalNetwork
    tuned: CausalNetwork
    content: str


def fit(recipe: TunedRecipe, text: Tensor, records: Tensor, seed: int) -> TunedModel:
    """Pre-train on the tokens of a text int64 (length,), and fine-tune on records float32 (n, length) filled up with PADDING.

    A finished model is taken from the store, if there is one at work. The same recipe, data and seed give the same bits.
    """
    import transformers

    keep = getattr(training.workshop.get(), "keep", None)
    if keep is None:
        return _unpacked(recipe, _trained(recipe, text, records, seed))
    data = digest_arrays(text.numpy(), records.numpy())
    what = {"recipe": asdict(recipe), "data": data, "seed": seed, "transformers": transformers.__version__}
    made = keep("attacks.models.fine_tuning:fit", "language model", what, lambda: _trained(recipe, text, records, seed))
    return _unpacked(recipe, made)


def _trained(recipe: TunedRecipe, text: Tensor, records: Tensor, seed: int) -> dict[str, NDArray[Any]]:
    """Return the weights before and after fine-tuning, by name."""
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network = recipe.build().train()
        _pretrain(recipe, network, text)
        base = copy.deepcopy(network.state_dict())
        _tune(recipe, network, records.long())
    kept = {BASE: base, TUNED: network.state_dict()}
    return {prefix + name: value.numpy() for prefix, weights in kept.items() for name, value in weights.items()}


def _pretrain(recipe: TunedRecipe, network: Any, text: Tensor) -> None:
    blocks = text[: len(text) // recipe.positions * recipe.positions].view(-1, recipe.positions)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.pretraining_rate, fused=True)
    batches = torch.randperm(len(blocks)).split(recipe.blocks)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=len(batches))
    for rows in batches:
        _step(network, optimizer, blocks[rows], blocks[rows])
        falling.step()


def _tune(recipe: TunedRecipe, network: Any, records: Tensor) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, fused=True)
    asked = nn.functional.pad(records, (1, 0), value=START)
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(asked)).split(recipe.batch):
            most = int((asked[rows] != PADDING).sum(dim=1).max())
            chunk = asked[rows, :most]
            _step(network, optimizer, chunk.clamp(min=0), chunk.masked_fill(chunk == PADDING, IGNORED))


def _step(network: Any, optimizer: torch.optim.Optimizer, tokens: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    logits = network(input_ids=tokens).logits[:, :-1]
    nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED).backward()
    optimizer.step()


def _unpacked(recipe: TunedRecipe, arrays: Mapping[str, NDArray[Any]]) -> TunedModel:
    def network(prefix: str) -> CausalNetwork:
        # Building draws first weights, and whoever asks in the middle of an attack draws the same numbers as without it.
        with torch.random.fork_rng(devices=[]):
            built = recipe.build()
        weights = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        built.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        return CausalNetwork(built.eval().requires_grad_(False), START)

    content = digest_arrays(*(np.asarray(arrays[name]) for name in sorted(arrays)))
    return TunedModel(network(BASE), network(TUNED), content)
