"""`kind: transformers`: a causal language model from a folder, read without running any code that lies in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attacks.models.causal import CausalNetwork
from taxonomy.findings import InputError, relative

CONFIG, WEIGHTS, PICKLES = "config.json", "*.safetensors", ("*.bin", "*.pt", "*.pth")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")


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


class CausalModel(CausalNetwork):
    """A causal language model with its tokenizer. What stands before the first token is the token by which its texts begin."""

    def __init__(self, model: Any, tokenizer: Any):
        start = tokenizer.bos_token_id
        super().__init__(model, tokenizer.eos_token_id if start is None else start)
        self._tokenizer = tokenizer

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without any that the tokenizer would add."""
        found: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return found
