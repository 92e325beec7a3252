"""`kind: transformers`: a causal language model from a folder, read without running any code that lies in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attacks.models.generators.language import PADDING, picked
from taxonomy.findings import InputError, relative

CONFIG, WEIGHTS, PICKLES = "config.json", "*.safetensors", ("*.bin", "*.pt", "*.pth")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
# So many logits are held at a time.
LOGITS = 2**25


def load(folder: Path, noun: str) -> CausalModel:
    """Return the language model of a folder; raise InputError with what the folder lacks, in one sentence."""
    check(folder, noun)
    try:
        import transformers
    except ImportError as error:
        raise InputError("language models are read by transformers: pip install 'mia-atlas[transformers]'") from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **local)
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), use_safetensors=True, **local)
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise InputError(f"{noun}: {relative(folder)} is no causal language model that can be read ({first})") from error
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        raise InputError(f"{noun}: the tokenizer of {relative(folder)} names neither a bos_token nor an eos_token to begin with")
    return CausalModel(model.float().eval(), tokenizer)


def check(folder: Path, noun: str) -> None:
    """Raise InputError unless the folder holds a configuration, a tokenizer and weights in a format that runs no code."""
    where = relative(folder)
    if not folder.is_dir():
        raise InputError(f"{noun}: no such folder {where}")
    if not (folder / CONFIG).is_file():
        raise InputError(f"{noun}: there is no {CONFIG} in {where}; save the model with model.save_pretrained({folder.name!r})")
    if not any(folder.glob(WEIGHTS)):
        pickles = [path.name for pattern in PICKLES for path in sorted(folder.glob(pattern))]
        why = f"{pickles[0]} is a pickle, which can run any code" if pickles else "there are no weights"
        raise InputError(f"{noun}: {why} in {where}; save the model as safetensors with model.save_pretrained({folder.name!r})")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise InputError(f"{noun}: there is no tokenizer in {where}; save it with tokenizer.save_pretrained({folder.name!r})")


class CausalModel:
    """A causal language model at home. Records are its own tokens, float32 (n, length), filled up at the end with PADDING.

    What stands before the first token is the token by which its texts begin.
    """

    def __init__(self, model: Any, tokenizer: Any):
        self._model, self._tokenizer = model, tokenizer
        start = tokenizer.bos_token_id
        self._start = tokenizer.eos_token_id if start is None else start
        self.symbols: int = model.get_output_embeddings().weight.shape[0]

    @property
    def longest(self) -> int | None:
        """How many tokens of a text the model can look at, if that is limited."""
        limit = getattr(self._model.config, "max_position_embeddings", None)
        return None if limit is None else int(limit) - 1

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without any that the tokenizer would add."""
        found: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return found

    def chunk(self, length: int) -> int:
        """Return how many records of this length are asked about at a time."""
        return max(1, LOGITS // (self.symbols * max(length, 1)))

    def scores(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of every token at each place, float64 (n, length, symbols)."""
        start = torch.full((len(x), 1), self._start)
        before = torch.cat([start, x[:, :-1].long().clamp(min=0)], dim=1)
        with torch.no_grad():
            # What fills a text up stands behind it, where a causal model does not look.
            logits: Tensor = self._model(input_ids=before).logits
        return torch.log_softmax(logits.double(), dim=-1)

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each token after those before it, float64 (n, length)."""
        found = torch.zeros(x.shape, dtype=torch.float64)
        length = (x != PADDING).sum(dim=1)
        # Texts of like length are asked about together, so that little is filled up.
        order = length.argsort(stable=True)
        for rows in order.split(self.chunk(x.shape[1])):
            most = int(length[rows].max())
            part = x[rows, :most]
            own = self.scores(part).gather(-1, part.long().clamp(min=0)[..., None])[..., 0]
            found[rows, :most] = own.masked_fill(part == PADDING, 0.0)
        return found

    def continued(self, prompts: Tensor, length: int, levels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return how texts go on after prompts (n, any): tokens float32 (n, length), and their log-probabilities, float64.

        `levels` float64 (n, length) from 0 to 1 each pick a token by the inverse of the distribution function; without them each
        is the likeliest one.
        """
        parts = prompts.split(max(1, LOGITS // (self.symbols * (prompts.shape[1] + 1))))
        found, done = [], 0
        for part in parts:
            found.append(self._continued(part, length, None if levels is None else levels[done : done + len(part)]))
            done += len(part)
        return torch.cat([text for text, _ in found]), torch.cat([log_probs for _, log_probs in found])

    def _continued(self, prompts: Tensor, length: int, levels: Tensor | None) -> tuple[Tensor, Tensor]:
        asked = torch.cat([torch.full((len(prompts), 1), self._start), prompts.long()], dim=1)
        found = []
        for place in range(length):
            with torch.no_grad():
                logits: Tensor = self._model(input_ids=asked).logits[:, -1]
            scores = torch.log_softmax(logits.double(), dim=-1)
            code = picked(scores, None if levels is None else levels[:, place])[:, None]
            asked = torch.cat([asked, code], dim=1)
            found.append(scores.gather(-1, code))
        return asked[:, -length:].float(), torch.cat(found, dim=1)
