"""Language models as targets: trained on passages of a text, or on passages and canaries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import (
    CompletionOracle,
    GeneratedLikelihoodOracle,
    GeneratorTrainer,
    Ledger,
    LikelihoodOracle,
    NextSymbolOracle,
    Number,
    Parameters,
    Population,
    RecordFormat,
    SampleOracle,
)
from attacks.handles.language import Seeds, levels_of
from attacks.models.alphabet import ALPHABET
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.generators.language import PADDING, Gru
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets.canaries import CanaryFormat
from attacks.targets.data import corpus as corpora
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

CANARY = "the random number is "


def build(
    *,
    corpus: str,
    length: int,
    members: int,
    non_members: int,
    more: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    pool: int = 0,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split the passages of a corpus by the seed and train a language model on the members.

    Members, non-members, `more` passages that are trained on too, and the adversary's `pool` (0: all that is left) are disjoint.
    With `members_trained` false the model is trained on as many other passages: a control.
    """
    passages = corpora.load(corpus, length).astype(np.float32)
    parts = split(
        len(passages),
        corpus,
        members=members,
        non_members=non_members,
        known_members=more,
        members_trained=members_trained,
        seed=seed,
    )
    recipe = _recipe(length, hidden, epochs, batch, learning_rate)
    x = torch.from_numpy(passages[parts.candidates])
    training = torch.from_numpy(passages[parts.training])
    return _target(
        corpus,
        recipe,
        training,
        x,
        torch.from_numpy(parts.is_member),
        torch.from_numpy(passages[parts.pool[: pool or None]]),
        seed,
    )


def build_with_canaries(
    *,
    corpus: str,
    length: int,
    passages: int,
    canaries: int,
    digits: int,
    insertions: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    pool: int = 0,
    seed: int = 0,
) -> Target:
    """Train a language model on passages of a corpus, among which half of the canaries stand `insertions` times each.

    The candidates are the canaries: sentences with a random number of so many digits, no two of them the same. With `insertions`
    0 none was trained on: a control.
    """
    secret = CanaryFormat(CANARY, digits)
    text = corpora.load(corpus, length).astype(np.float32)
    if passages > len(text):
        raise InputError(f"the corpus {corpus} has {len(text):,} passages; the target asks for {passages:,}")
    if canaries > secret.size or len(CANARY) + digits > length:
        raise InputError(f"{canaries:,} canaries with {digits} digits do not fit passages of {length} characters")
    order = np.random.default_rng(derive_seed(seed, "split", corpus)).permutation(len(text))
    generator = np.random.default_rng(derive_seed(seed, "canaries", corpus))
    x = secret.records(generator.choice(secret.size, size=canaries, replace=False))
    member = torch.from_numpy(generator.permutation(canaries) < canaries // 2)
    filled = torch.nn.functional.pad(x[member], (0, length - x.shape[1]), value=PADDING)
    training = torch.cat([torch.from_numpy(text[np.sort(order[:passages])]), filled.repeat(insertions, 1)])
    recipe = _recipe(length, hidden, epochs, batch, learning_rate)
    own = torch.from_numpy(text[order[passages:][: pool or None]])
    target = _target(corpus, recipe, training, x, member, own, seed)
    target.makers["record.format"] = lambda ledger: RecordFormat("record_format", secret.size, secret.records, ledger)
    return target


def _recipe(length: int, hidden: Sequence[int], epochs: int, batch: int, learning_rate: float) -> GeneratorRecipe:
    return GeneratorRecipe(
        Gru.family,
        (length,),
        tuple(hidden),
        classes=len(ALPHABET),
        unit=False,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
    )


def _target(
    name: str, recipe: GeneratorRecipe, training: Tensor, x: Tensor, member: Tensor, population: Tensor, seed: int
) -> Target:
    """Train the model and return the target with these candidates; texts have no labels, so that all of them are 0."""
    training_set = TrainingSet(training, _no_labels(training), derive_seed(seed, "target", name))
    (made,) = generators.fit_many(recipe, [training_set], "target")
    module = made.module
    population_ids: NDArray[np.uint64] = record_ids(population.numpy())

    def samples(ledger: Ledger) -> SampleOracle:
        noise = torch.Generator().manual_seed(derive_seed(seed, "samples") % 2**63)
        return SampleOracle("samples", lambda count: module.decode(torch.randn(count, module.latent, generator=noise)), ledger)

    def written(prompts: Tensor, length: int, seeds: Seeds) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = module.continued(prompts, length, levels_of(seeds, length))
        return found

    def completions(ledger: Ledger) -> CompletionOracle:
        return CompletionOracle("completions", lambda *asked: written(*asked)[0], ledger)

    makers: dict[str, HandleMaker] = {
        "Q.samples": samples,
        "Q.completions": completions,
        "Q.generated-likelihood": lambda ledger: GeneratedLikelihoodOracle(
            "generated_likelihood", written, recipe.classes, ledger
        ),
        "Q.likelihood": lambda ledger: LikelihoodOracle("likelihood", module.likelihood, ledger),
        "Q.next-symbol": lambda ledger: NextSymbolOracle("next_symbol", module.scores, ledger),
        "M1.parameters": lambda ledger: Parameters("parameters", made.parameters(), ledger),
        "M2": lambda ledger: GeneratorTrainer("trainer", recipe, len(training), ledger),
        "D1.samples": lambda ledger: Population("population", population, _no_labels(population), population_ids, ledger),
        "D1.size": lambda ledger: Number("training_size", len(training), ledger),
    }
    return Target(
        id=name,
        x=x,
        label=_no_labels(x),
        ids=record_ids(x.numpy()),
        member=member,
        makers=makers,
        fingerprint=digest([made.fingerprint, digest_arrays(x.numpy(), population.numpy())]),
        facts={"training_size": len(training), "pool_size": len(population)},
        blind=lambda: _counts(x),
    )


def _counts(x: Tensor) -> NDArray[np.float64]:
    """Return how often each symbol stands in each text, float64 (n, symbols): codes themselves are no quantities."""
    return np.stack([(x == code).sum(dim=1).numpy() for code in range(len(ALPHABET) + 1)], axis=1).astype(np.float64)


def _no_labels(x: Tensor) -> Tensor:
    return torch.zeros(len(x), dtype=torch.int64)
