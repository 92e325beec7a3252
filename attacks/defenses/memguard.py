"""Noise on scores that is made against a classifier of members, which the defender trains on answers of its own model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from attacks.defenses.answers import keeps_label
from attacks.defenses.owner import Owner
from attacks.errors import AttackError
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest_arrays, record_ids, streams

# The authors' layers, length and number of steps, and weights of the three terms, of which that of the distortion grows tenfold
# to its last.
HIDDEN = (256, 128, 64)
STEP, STEPS = 0.1, 299
UNDECIDED, LABEL, DISTORTION, GROWTH, LAST = 1.0, 10.0, 0.1, 10.0, 1e5
# They take 400 epochs of plain descent; with Adam the classifier is done after fewer.
EPOCHS, BATCH, RATE = 50, 64, 0.001
# So near to undecided an answer is shown as it is.
NEAR = 1e-5
NO_OTHERS = "the defender trains a classifier of members, and has no records of others to do so"
# Of so many owners the classifier is at hand: of the target, and of shadow models of an adversary who does the same.
OWNERS = 64
# One attack after another makes owners anew of the same models, and asks about the same candidates: so many classifiers, and
# so many answers with noise, are kept by the answers that they are made of.
CLASSIFIERS, QUESTIONS = 512, 512
# What descent does at logits (m, classes) of some rows (m,): returns the log-odds there (m,), and the step (m, classes).
Descent = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@keeps_label
def guard(log_probs: Tensor, x: Tensor, owner: Owner, *, budget: float, seed: int) -> Tensor:
    """Show scores with noise for which a membership classifier of the owner's is undecided, float64 (n, classes).

    Jia et al. 2019, Section 4. In the first phase descent finds noise that moves the classifier across its boundary, keeps the
    highest class, and distorts the scores little: the weight of the distortion grows for as long as it succeeds. In the second
    the noise is shown with the probability at which the mean distance (L1) of scores shown and true is the `budget` at most, 0
    where the classifier is no nearer to undecided; which it is follows from the record and the seed, so that a repeated
    question tells nothing. In difference to the authors' code the classifier sees scores sorted at every step, as it does when
    it is asked, and is trained by Adam. Raises AttackError if the owner has no records of others.
    """
    classifier = _classifier(owner, seed)
    noisy = _noise(classifier, _Answers.of(log_probs))
    distance = (noisy.exp() - log_probs.exp()).abs().sum(dim=-1)
    undecided = [(torch.sigmoid(classifier(one)) - 0.5).abs() for one in (log_probs, noisy)]
    chance = torch.where(undecided[1] < undecided[0], (budget / distance.clamp(min=1e-12)).clamp(max=1), 0.0)
    drawn = [stream.random() for stream in streams(derive_seed(seed, "shown"), record_ids(x.numpy()))]
    return torch.where((torch.from_numpy(np.array(drawn)) < chance).unsqueeze(-1), noisy, log_probs)


@keeps_label
def fool(log_probs: Tensor, x: Tensor, owner: Owner, *, step: float, steps: int, seed: int) -> Tensor:
    """Show scores as near to their own as so many steps are across the boundary of the owner's classifier, float64 (n, classes).

    The method of basic iteration (Kurakin et al. 2017), by which pictures are altered, on logits: each of the `steps` moves all
    of them by `step`, up or down as the classifier's odds ask for, and the first point across is shown at which the highest
    class is the model's own. Where there is none the scores stay. As in Xue et al. 2020 it follows from the answer alone.
    Raises AttackError if the owner has no records of others.
    """
    classifier = _classifier(owner, seed)

    def descent(logits: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        odds, slope = _differentiated(logits, classifier, lambda at, odds: odds.abs())
        return odds, step * slope.sign()

    moved, crossed = _descended(log_probs, steps, descent)
    return torch.where(crossed.unsqueeze(-1), moved.log_softmax(dim=-1), log_probs)


def guard_suits(recipe: Recipe, *, others: bool = True, **settings: object) -> None:
    """Raise AttackError for an owner without records of others."""
    if not others:
        raise AttackError(NO_OTHERS)


fool_suits = guard_suits


class _Classifier(nn.Module):
    """Log-probabilities (n, classes) -> log-odds of membership float64 (n,), by the probabilities in order of size."""

    def __init__(self, classes: int):
        super().__init__()
        widths = (classes, *HIDDEN)
        layers = [part for a, b in zip(widths, HIDDEN, strict=False) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], 1))

    def forward(self, log_probs: Tensor) -> Tensor:
        odds: Tensor = self.layers(log_probs.softmax(dim=-1).sort(dim=-1).values.float()).squeeze(-1)
        return odds.double()


@dataclass(frozen=True)
class _Answers:
    """Log-probabilities (n, classes), which are the same as others where their hash is."""

    name: str
    log_probs: Tensor = field(compare=False)

    @classmethod
    def of(cls, log_probs: Tensor) -> _Answers:
        return cls(digest_arrays(log_probs.numpy()), log_probs)


@lru_cache(maxsize=OWNERS)
def _classifier(owner: Owner, seed: int) -> _Classifier:
    """Return a classifier that tells answers about the owner's members from those about as many others."""
    if not len(owner.data.x) or not len(owner.reference.x):
        raise AttackError(NO_OTHERS)
    many = min(len(owner.data.x), len(owner.reference.x))
    generator = torch.Generator().manual_seed(derive_seed(seed, "chosen"))
    chosen = [part.x[torch.randperm(len(part.x), generator=generator)[:many]] for part in (owner.data, owner.reference)]
    return _trained(_Answers.of(torch.cat([owner.model.log_probs(x) for x in chosen])), seed)


@lru_cache(maxsize=CLASSIFIERS)
def _trained(answers: _Answers, seed: int) -> _Classifier:
    """Return a classifier of answers of which the first half is about members."""
    log_probs, many = answers.log_probs, len(answers.log_probs) // 2
    member = torch.arange(2 * many) < many
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive_seed(seed, "classifier"))
        found = _Classifier(log_probs.shape[-1])
        optimizer = torch.optim.Adam(found.parameters(), lr=RATE, fused=True)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(log_probs)).split(BATCH):
                optimizer.zero_grad(set_to_none=True)
                nn.functional.binary_cross_entropy_with_logits(found(log_probs[rows]), member[rows].double()).backward()
                optimizer.step()
    return found.requires_grad_(False)


@lru_cache(maxsize=QUESTIONS)
def _noise(classifier: _Classifier, answers: _Answers) -> Tensor:
    """Return noisy log-probabilities, float64 (n, classes), or those that are given where no noise was found."""
    log_probs, weight = answers.log_probs, DISTORTION
    found = log_probs.clone()
    rows = ((torch.sigmoid(classifier(log_probs)) - 0.5).abs() > NEAR).nonzero().squeeze(-1)
    while len(rows) and weight <= LAST:
        moved, crossed = _descended(log_probs[rows], STEPS, _weighed(classifier, log_probs[rows], weight))
        rows = rows[crossed]
        found[rows] = moved[crossed].log_softmax(dim=-1)
        weight *= GROWTH
    return found


def _weighed(classifier: _Classifier, log_probs: Tensor, weight: float) -> Descent:
    """Return the descent on the sum of three terms, of which the distortion has this weight; steps are of one length."""
    label, scores = log_probs.argmax(dim=-1, keepdim=True), log_probs.exp()

    def descent(logits: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        def total(at: Tensor, odds: Tensor) -> Tensor:
            rival = (at.scatter(-1, label[rows], -math.inf).amax(dim=-1) - at.gather(-1, label[rows]).squeeze(-1)).relu()
            distortion = (at.softmax(dim=-1) - scores[rows]).abs().sum(dim=-1)
            return UNDECIDED * odds.abs() + LABEL * rival + weight * distortion

        odds, slope = _differentiated(logits, classifier, total)
        # Where no term moves, as of a classifier whose units are all off, there is no direction.
        return odds, STEP * nn.functional.normalize(slope, dim=-1, eps=1e-300)

    return descent


def _differentiated(logits: Tensor, classifier: _Classifier, value: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the log-odds at logits (n, classes), and the slope (n, classes) of a value (n,) of both."""
    with torch.enable_grad():
        at = logits.detach().requires_grad_()
        odds = classifier(at)
        (slope,) = torch.autograd.grad(value(at, odds).sum(), at)
    return odds.detach(), slope


def _descended(start: Tensor, steps: int, descent: Descent) -> tuple[Tensor, Tensor]:
    """Return logits (n, classes) after descent from `start`, and whether each crossed with its label kept, bool (n,).

    Each stops where it does so first.
    """
    label = start.argmax(dim=-1, keepdim=True)
    found, rows, before = start.clone(), torch.arange(len(start)), torch.zeros(len(start), dtype=start.dtype)
    for number in range(steps + 1):
        odds, step = descent(found[rows], rows)
        if not number:
            before = odds.sign()
        others = found[rows].scatter(-1, label[rows], -math.inf).amax(dim=-1)
        kept = found[rows].gather(-1, label[rows]).squeeze(-1) > others
        going = ~kept | (odds.sign() == before[rows])
        rows, step = rows[going], step[going]
        if number == steps or not len(rows):
            break
        found[rows] -= step
    crossed = torch.ones(len(start), dtype=torch.bool)
    crossed[rows] = False
    return found, crossed
