"""Targets that find text: a store of passages of a corpus, of which a question gets the passage most like it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import Ledger, Population, RetrievalOracle
from attacks.models import alphabet
from attacks.seeds import digest, digest_arrays, record_ids
from attacks.targets.data import corpus as corpora
from attacks.targets.language_model import _counts, _no_labels
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target

# Words are too few in a passage of some characters; pieces of words are found whatever their ending.
PIECES = (3, 5)


def build(*, corpus: str, length: int, members: int, non_members: int, members_stored: bool = True, seed: int = 0) -> Target:
    """Split the passages of a corpus by the seed, and store the members.

    A question gets the stored passage with the nearest frequencies of pieces of words (TF-IDF, cosine), word for word. With
    `members_stored` false as many other passages are stored: a control.
    """
    passages = corpora.load(corpus, length).astype(np.float32)
    parts = split(len(passages), corpus, members=members, non_members=non_members, members_trained=members_stored, seed=seed)
    x, store = torch.from_numpy(passages[parts.candidates]), torch.from_numpy(passages[parts.training])
    found, pool = _Index(store), torch.from_numpy(passages[parts.pool])
    pool_ids: NDArray[np.uint64] = record_ids(pool.numpy())
    makers: dict[str, HandleMaker] = {
        "Q.retrieval": lambda ledger: RetrievalOracle("retrieval", found, ledger),
        "D1.samples": lambda ledger: _population(pool, pool_ids, ledger),
    }
    return Target(
        id=corpus,
        x=x,
        label=_no_labels(x),
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(parts.is_member),
        makers=makers,
        fingerprint=digest(digest_arrays(x.numpy(), store.numpy(), pool.numpy())),
        facts={"stored": len(store), "pool_size": len(pool)},
        blind=lambda: _counts(x),
    )


def _population(pool: Tensor, ids: NDArray[np.uint64], ledger: Ledger) -> Population:
    return Population("population", pool, _no_labels(pool), ids, ledger)


class _Index:
    """Finds the stored passage that is most like a text."""

    def __init__(self, store: Tensor):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._store = store
        self._pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=PIECES)
        self._known = self._pieces.fit_transform([alphabet.text(passage) for passage in store])

    def __call__(self, questions: Tensor) -> Tensor:
        if not len(questions):
            return self._store[:0]
        asked = self._pieces.transform([alphabet.text(question) for question in questions])
        return self._store[torch.from_numpy(np.asarray((asked @ self._known.T).toarray().argmax(axis=1)))]
