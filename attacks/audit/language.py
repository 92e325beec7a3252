"""`kind: transformers`: a causal language model at home, its texts, and a base model to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import checks, texts
from attacks.audit.checks import Check
from attacks.audit.file import Audit
from attacks.audit.kinds import causal
from attacks.audit.kinds.causal import CausalModel
from attacks.audit.kinds.specs import TransformersSpec
from attacks.audit.parts import Ids, Parts
from attacks.audit.tables import Wanted
from attacks.handles import (
    BaseModel,
    CompletionOracle,
    GeneratedLikelihoodOracle,
    HandedLanguageModel,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    Number,
    Population,
    TopSymbolOracle,
    UnsuitableError,
)
from attacks.handles.language import Seeds, levels_of, top_symbols
from attacks.models.generators.language import PADDING
from attacks.seeds import digest, record_ids
from attacks.targets.target import HandleMaker
from taxonomy.findings import InputError

# A classifier that never sees the model reads how often words stand in a text, in so many columns.
WORDS = 1024
REFERENCE, BASE = "reference-language-model", "M2.base"


def read(audit: Audit, spec: TransformersSpec) -> LanguageParts:
    """Return the parts of an audit of a language model; raise InputError for anything wrong."""
    stated, folder = audit.stated, audit.folder
    if stated.features is not None:
        raise audit.wrong("a language model takes no `features`; what it is compared with is `base`, another model", "features")
    wanted = Wanted(groups=stated.groups)
    members, of_members = texts.read(folder, "members", stated.members, wanted)
    others, of_others = texts.read(folder, "non_members", stated.non_members, wanted)
    checks.refuse_overlap(members, others, None)
    texts.refuse_overlap(members, of_members, others, of_others)
    population, of_population = texts.read(folder, "population", stated.population, Wanted()) if stated.population else (None, [])
    everything, known = [*of_members, *of_others, *of_population], set(of_population)
    model = causal.load(folder / spec.folder, "model")
    tokens = model.tokens(everything)
    base = _base(audit, spec, everything, tokens)
    x, cut = padded(tokens, [model.longest, base.longest if base else None])
    hashes = {str(path): _sha256(path) for path in spec.files(folder)}
    return LanguageParts(
        name=stated.name,
        members=members,
        others=others,
        population=population,
        rows=None,
        training_size=stated.training_size,
        records="text",
        texts=everything[: len(members) + len(others)],
        x=x[: len(members) + len(others)],
        pool=x[len(members) + len(others) :],
        shared=sum(text in known for text in (*of_members, *of_others)),
        cut=cut,
        model=model,
        base=base,
        files=digest(hashes),
    )


def _base(audit: Audit, spec: TransformersSpec, everything: Sequence[str], tokens: list[list[int]]) -> CausalModel | None:
    """Return the base model, if one is stated; raise InputError for one whose tokens are others."""
    if spec.base is None:
        return None
    base = causal.load(audit.folder / spec.base, "base")
    if base.tokens(everything) != tokens:
        raise InputError(f"base: the tokenizer of {spec.base} cuts texts otherwise than that of {spec.folder}; use one for both")
    return base


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def padded(tokens: Sequence[Sequence[int]], limits: Sequence[int | None]) -> tuple[Tensor, int]:
    """Return tokens as float32 (n, length), filled up at the end, and how many texts were cut to the smallest limit."""
    longest = max(len(text) for text in tokens)
    length = min([longest, *(limit for limit in limits if limit is not None)])
    x = torch.full((len(tokens), length), float(PADDING))
    for row, text in zip(x, tokens, strict=True):
        row[: len(text)] = torch.tensor(text[:length], dtype=torch.float32)
    return x, sum(len(text) > length for text in tokens)


@dataclass(kw_only=True)
class LanguageParts(Parts):
    """What the audit file of a language model grants: texts, the model itself, and another one.

    `x` float32 (n, length) are the candidates as tokens, and `pool` float32 (m, length) the texts of the population, in which
    `shared` candidates stand; `cut` texts are longer than the model can look at. `files` is a hash of the models' files.
    """

    model_type = "generative"
    answered = ("answers-sequence",)

    texts: list[str]
    x: Tensor
    pool: Tensor
    shared: int
    cut: int
    model: CausalModel
    base: CausalModel | None
    files: str

    @property
    def beyond(self) -> frozenset[str]:
        """Terms for which the audit file of such a model has no part."""
        return super().beyond | {"M2", "M3"}

    def tried(self, seed: int) -> tuple[list[Check], float | None]:
        """Nothing of a model at home has to be tried: it was read, and it is deterministic."""
        return [], None

    def asked(self) -> list[Check]:
        """Ask how likely the texts are, and say how much less surprised the model is by members."""
        self._known = self.model.likelihood(self.x)
        mean = (self._known.sum(dim=1) / (self.x != PADDING).sum(dim=1)).numpy()
        inside, outside = (float(np.exp(-part.mean())) for part in np.split(mean, [len(self.members)]))
        text = f"the model's perplexity is {inside:.4g} on the members and {outside:.4g} on the non-members"
        found = [Check("generalisation", "info", text)]
        if self.cut:
            text = f"{self.cut:,} texts are longer than the {self.x.shape[1]:,} tokens that the model can look at, and are cut"
            found.append(Check("cut", "warning", text))
        if self.shared:
            text = f"{self.shared:,} candidates stand in the population too; what the adversary holds is no candidate"
            found.append(Check("population-overlap", "error", text))
        for name, part in (("members", self.texts[: len(self.members)]), ("non-members", self.texts[len(self.members) :])):
            if copies := len(part) - len(set(part)):
                found.append(Check("copies", "warning", f"{copies:,} of {len(part):,} {name} are exact copies of others of them"))
        return found

    def candidates(self) -> tuple[Tensor, Tensor, Ids]:
        """Return the texts as they stand in the files: x float32 (n, length), label int64 (n,) of zeros, ids uint64 (n,)."""
        return self.x, torch.zeros(self.count, dtype=torch.int64), self.keys()

    @property
    def content(self) -> Ids | None:
        """A hash of each text, uint64 (n,), where it has no other name than its row's number."""
        return None if self.identified else np.array([int(digest(text)[:16], 16) for text in self.texts], dtype=np.uint64)

    def keys(self) -> Ids:
        """Return a hash of each text's tokens, uint64 (n,)."""
        return record_ids(self.x.numpy())

    def identity(self) -> str:
        """Return a hash of the files of both models."""
        return self.files

    def identities(self) -> dict[str, str]:
        """Return hashes of what the models' terms show."""
        return {term: digest([self.files, term]) for term in self.makers() if term.startswith(("Q.", REFERENCE, BASE))}

    def blind(self) -> Callable[[], NDArray[np.float64]]:
        """Return what counts words, which is all that a classifier reads that never sees the model."""
        return self._words

    @property
    def written(self) -> list[str]:
        """The texts."""
        return self.texts

    def _words(self) -> NDArray[np.float64]:
        """Return how often words stand in each text, float64 (n, WORDS + 1), with how long it is."""
        from sklearn.feature_extraction.text import HashingVectorizer

        counts = HashingVectorizer(n_features=WORDS, norm=None, alternate_sign=False).transform(self.texts).toarray()
        return np.column_stack([counts, [len(text) for text in self.texts]]).astype(np.float64)

    def _likelihood(self, x: Tensor) -> Tensor:
        longest = self.model.longest
        if longest is not None and x.shape[1] > longest:
            raise UnsuitableError(f"it puts text before each record, and the model looks at no more than {longest:,} tokens")
        return self._known[self.order] if torch.equal(x, self.x[self.order]) else self.model.likelihood(x)

    def _top_symbols(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return top_symbols(self.model.scores, x, self.model.chunk(x.shape[1]))

    def makers(self) -> dict[str, HandleMaker]:
        """Return what makes a fresh handle for each term on offer."""
        model = self.model

        def written(prompts: Tensor, length: int, seeds: Seeds) -> tuple[Tensor, Tensor]:
            return model.continued(prompts, length, levels_of(seeds, length))

        def completions(ledger: Ledger) -> CompletionOracle:
            return CompletionOracle("completions", lambda *asked: written(*asked)[0], ledger)

        def every_symbol(ledger: Ledger) -> NextSymbolOracle:
            return NextSymbolOracle("next_symbol", model.scores, ledger, chunk=model.chunk(self.x.shape[1]))

        makers: dict[str, Any] = {
            "Q.likelihood": lambda ledger: LikelihoodOracle("likelihood", self._likelihood, ledger),
            "Q.next-symbol": every_symbol,
            "Q.top-symbol": lambda ledger: TopSymbolOracle("top_symbol", self._top_symbols, ledger),
            "Q.completions": completions,
            "Q.generated-likelihood": lambda ledger: GeneratedLikelihoodOracle(
                "generated_likelihood", written, model.symbols, ledger
            ),
            "D1.size": lambda ledger: Number("training_size", self.size, ledger),
        }
        if self.population is not None:
            # By what they are, so that nothing hangs on the order of a file.
            ids = record_ids(self.pool.numpy())
            order = np.argsort(ids, kind="stable")
            held, label = self.pool[order], torch.zeros(len(order), dtype=torch.int64)
            makers["D1.samples"] = lambda ledger: Population("population", held, label, ids[order], ledger)
        if (base := self.base) is not None:
            makers[REFERENCE] = lambda ledger: HandedLanguageModel(base.likelihood, self.files)
            makers[BASE] = lambda ledger: BaseModel("base_model", base.likelihood, self.files, ledger)
        return makers | self.of_sets()
