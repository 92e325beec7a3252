"""Writes what the audit is about: documentation of Python's own modules, and a small GPT-2 that is tuned on some of it."""

import ast
import json
import sysconfig
from pathlib import Path

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

COUNT, LENGTH, END = 100, 160, "<|endoftext|>"


def passages():
    """Return names and texts of descriptions of functions and classes, no text twice, in an order that tells nothing."""
    found = {}
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                text = " ".join((ast.get_docstring(node) or "").split())[:LENGTH]
                if len(text) >= LENGTH // 2:
                    found.setdefault(text[: LENGTH // 4], (f"{file.stem}.{node.name}:{node.lineno}", text))
    texts = list(found.values())
    return [texts[k] for k in np.random.default_rng(0).permutation(len(texts))]


def fit(model, texts, epochs):
    """Train a model on texts, in batches of 20."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    codes = [torch.tensor([0, *tokenizer(text)["input_ids"]])[:96] for text in texts]
    rows = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True, padding_value=-100)
    model.train()
    for epoch in range(epochs):
        for batch in torch.randperm(len(rows), generator=torch.Generator().manual_seed(epoch)).split(20):
            optimizer.zero_grad()
            model(input_ids=rows[batch].clamp(min=0), labels=rows[batch]).loss.backward()
            optimizer.step()


def save(model, folder):
    """Write a model and its tokenizer as transformers does."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


named = passages()
earlier = [text for _, text in named[2 * COUNT : 12 * COUNT]]
trained = ByteLevelBPETokenizer()
trained.train_from_iterator(earlier, vocab_size=1000, special_tokens=[END])
tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer)
tokenizer.add_special_tokens({"bos_token": END, "eos_token": END})

torch.set_num_threads(1)  # a network as small as this one is slower on several
torch.manual_seed(0)
shape = GPT2Config(vocab_size=len(tokenizer), n_positions=96, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(shape)
fit(model, earlier, epochs=3)
save(model, "base")
fit(model, [text for _, text in named[:COUNT]], epochs=5)
save(model, "tuned")
for name, part in (("tuned_on", named[:COUNT]), ("held_out", named[COUNT : 2 * COUNT])):
    lines = [json.dumps({"name": key, "text": text}) for key, text in part]
    Path(f"{name}.jsonl").write_text("\n".join(lines) + "\n")
