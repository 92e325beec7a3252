"""A language model as they are deployed: of GPT-2's shape, pre-trained on some text and fine-tuned on records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import (
    BaseModel,
    CompletionOracle,
    GeneratedLikelihoodOracle,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    Population,
    TopSymbolOracle,
)
from attacks.handles.language import Seeds, levels_of, top_symbols
from attacks.models.fine_tuning import START, TunedRecipe, fit
from attacks.models.generators.language import PADDING
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets.data.glosses import apart, glosses
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

DATA = "glosses"
NOTHING = "<|endoftext|>"


def build(
    *,
    shortest: int,
    longest: int,
    members: int,
    non_members: int,
    pool: int,
    text: int,
    symbols: int,
    positions: int,
    width: int,
    layers: int,
    heads: int,
    blocks: int,
    pretraining_rate: float,
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split the glosses of WordNet by the seed, pre-train a model on `text` of them, and fine-tune it on the members.

    Candidates and the adversary's `pool` are glosses of `shortest` to `longest` characters that share no five words in a row
    with any other gloss; the model is pre-trained on others, by which its `symbols` tokens, pairs of bytes, are chosen too. With
    `members_trained` false it is fine-tuned on as many other glosses: a control. The rest are settings of a `TunedRecipe`.
    Raises InputError without the extra `transformers`.
    """
    try:
        import transformers
        from tokenizers import ByteLevelBPETokenizer
    except ImportError as error:
        raise InputError("the model is built by transformers: pip install 'mia-atlas[transformers]'") from error
    transformers.utils.logging.set_verbosity_error()
    every = glosses()
    fitting = [shortest <= len(gloss) <= longest for gloss in every]
    chosen = [gloss for gloss, fits, alone in zip(every, fitting, apart(every), strict=True) if fits and alone]
    others = [gloss for gloss, fits in zip(every, fitting, strict=True) if not fits]
    if text > len(others):
        raise InputError(f"there are {len(others):,} glosses to pre-train on; the target asks for {text:,}")
    parts = split(len(chosen), DATA, members=members, non_members=non_members, members_trained=members_trained, seed=seed)
    order = np.random.default_rng(derive_seed(seed, "pre-training", DATA)).permutation(len(others))[:text]
    before = [others[k] for k in order]
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(before, vocab_size=symbols, special_tokens=[NOTHING], show_progress=False)

    def tokens(texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in tokenizer.encode_batch(list(texts))]

    rows = [parts.candidates, parts.training, parts.pool[:pool]]
    x, trained, own = (_padded(tokens([chosen[k] for k in some])) for some in rows)
    stream = torch.tensor([code for gloss in tokens(before) for code in (START, *gloss)])
    recipe = TunedRecipe(symbols, positions, width, layers, heads, blocks, pretraining_rate, epochs, batch, learning_rate)
    model = fit(recipe, stream, trained, derive_seed(seed, "target", DATA))
    base, tuned, own_ids = model.base, model.tuned, record_ids(own.numpy())
    seen = digest([asdict(recipe), digest_arrays(stream.numpy()), model.content])

    def written(prompts: Tensor, length: int, seeds: Seeds) -> tuple[Tensor, Tensor]:
        return tuned.continued(prompts, length, levels_of(seeds, length))

    def top(asked: Tensor) -> tuple[Tensor, Tensor]:
        return top_symbols(tuned.scores, asked, tuned.chunk(asked.shape[1]))

    def every_symbol(ledger: Ledger) -> NextSymbolOracle:
        return NextSymbolOracle("next_symbol", tuned.scores, ledger, chunk=tuned.chunk(positions))

    makers: dict[str, HandleMaker] = {
        "Q.likelihood": lambda ledger: LikelihoodOracle("likelihood", tuned.likelihood, ledger),
        "Q.top-symbol": lambda ledger: TopSymbolOracle("top_symbol", top, ledger),
        "Q.next-symbol": every_symbol,
        "Q.generated-likelihood": lambda ledger: GeneratedLikelihoodOracle(
            "generated_likelihood", written, tuned.symbols, ledger
        ),
        "Q.completions": lambda ledger: CompletionOracle("completions", lambda *asked: written(*asked)[0], ledger),
        "M2.base": lambda ledger: BaseModel("base_model", base.likelihood, seen, ledger),
        "D1.samples": lambda ledger: Population("population", own, _no_labels(own), own_ids, ledger),
    }
    return Target(
        id=DATA,
        x=x,
        label=_no_labels(x),
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(parts.is_member),
        makers=makers,
        fingerprint=digest([seen, digest_arrays(x.numpy(), trained.numpy(), own.numpy())]),
        facts={"training_size": len(trained), "pool_size": len(own), "pretraining_tokens": len(stream)},
        blind=lambda: _counts(x, symbols),
        # What a model of these weights writes follows from them, and asking for it takes longer than any attack.
        identities={term: digest([model.content, term]) for term in makers if term.startswith(("Q.", "M2."))},
        texts=[chosen[k] for k in parts.candidates],
    )


def _padded(tokens: Sequence[Sequence[int]]) -> Tensor:
    """Return texts as tokens float32 (n, length), filled up at the end."""
    x = torch.full((len(tokens), max(map(len, tokens))), float(PADDING))
    for row, codes in zip(x, tokens, strict=True):
        row[: len(codes)] = torch.tensor(codes, dtype=torch.float32)
    return x


def _counts(x: Tensor, symbols: int) -> NDArray[np.float64]:
    """Return how often each token stands in each text, float64 (n, symbols)."""
    own = [row[row != PADDING].long().numpy() for row in x]
    return np.stack([np.bincount(codes, minlength=symbols) for codes in own]).astype(np.float64)


def _no_labels(x: Tensor) -> Tensor:
    return torch.zeros(len(x), dtype=torch.int64)
