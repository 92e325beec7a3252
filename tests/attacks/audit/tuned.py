"""A small language model shaped like GPT-2, with a tokenizer and texts of the Jargon File, in the folders of an audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from attacks.models import alphabet
from attacks.models.training import one_thread
from attacks.targets.data import corpus

AUDIT = """\
schema: 1
name: jargon-tuned
members: {file: train.jsonl, id: entry}
non_members: {file: holdout.jsonl, id: entry}
model: {kind: transformers, folder: tuned}
"""
COUNT, LENGTH = 40, 80
# So many tokens the model looks at, which is more than any text has.
POSITIONS = 80


def passages() -> list[str]:
    """Return passages of several lengths."""
    found = [alphabet.text(torch.from_numpy(one)) for one in corpus.jargon(LENGTH)[: 5 * COUNT]]
    return [text[: LENGTH - 10 * (k % 4)].strip() for k, text in enumerate(found)]


def tokenizer(texts: list[str]) -> Any:
    """Return a tokenizer of byte pairs that was trained on texts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(texts, vocab_size=320, special_tokens=["<|endoftext|>"])
    found = PreTrainedTokenizerFast(tokenizer_object=made._tokenizer)
    found.add_special_tokens(dict.fromkeys(["bos_token", "eos_token"], "<|endoftext|>"))
    return found


def train(texts: list[str], made: Any, epochs: int, start: Any = None) -> Any:
    """Return a small model that was trained on texts, from the weights of another one if there is one."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(made), n_positions=POSITIONS, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    )
    if start is not None:
        model.load_state_dict(start.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    codes = [torch.tensor([0, *made(text)["input_ids"]])[:POSITIONS] for text in texts]
    batch = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True, padding_value=-100)
    model.train()
    for epoch in range(epochs):
        for rows in torch.randperm(len(batch), generator=torch.Generator().manual_seed(epoch)).split(20):
            loss = model(input_ids=batch[rows].clamp(min=0), labels=batch[rows]).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def write(folder: Path) -> None:
    """Write the files of an audit: a base model of other text, and one that was tuned on the members until it knows them.

    `others.jsonl` holds texts that neither model saw.
    """
    texts = passages()
    made = tokenizer(texts[2 * COUNT :])
    with one_thread():
        base = train(texts[3 * COUNT :], made, 3)
        tuned = train(texts[:COUNT], made, 20, base)
    for name, model in (("base", base), ("tuned", tuned)):
        model.save_pretrained(folder / name)
        made.save_pretrained(folder / name)
    for name, part in (("train", texts[:COUNT]), ("holdout", texts[COUNT : 2 * COUNT]), ("others", texts[2 * COUNT : 3 * COUNT])):
        lines = [json.dumps({"entry": f"{name}-{k}", "text": text}) for k, text in enumerate(part)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "audit.yaml").write_text(AUDIT)
