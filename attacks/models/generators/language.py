"""Language models: a recurrent network that predicts one character after the other (Mikolov et al. 2010, Cho et al. 2014)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.models.generators.recipe import GeneratorRecipe

# What training records are filled up with; it is never predicted, and no record that is asked about has it.
PADDING = -1
# Records are answered in chunks, so that memory does not grow with their number.
CHUNK = 500


class Gru(nn.Module):
    """A gated recurrent unit over embedded characters; `hidden` are the widths of the embedding and of the unit.

    Records are codes of characters, whole numbers from 0 to `classes` - 1, and may be of any length. The first character is
    predicted from a code of its own that stands for the start.
    """

    family = "gru"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__()
        self.recipe = recipe
        embedding, width = recipe.hidden
        self.embedding = nn.Embedding(recipe.classes + 1, embedding)
        self.unit = nn.GRU(embedding, width, batch_first=True)
        self.output = nn.Linear(width, recipe.classes)

    @property
    def latent(self) -> int:
        """Length of the noise from which a sample is drawn: one number a character."""
        return self.recipe.shape[0]

    def logits(self, x: Tensor) -> Tensor:
        """Return for codes x int64 (n, length) those of each character from the ones before it, (n, length, classes)."""
        start = torch.full((len(x), 1), self.recipe.classes)
        before = torch.cat([start, x[:, :-1].clamp(min=0)], dim=1)
        output: Tensor = self.output(self.unit(self.embedding(before))[0])
        return output

    def scores(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of every character at each place, float64 (n, length, classes).

        Those at one place depend on the characters before it and on no others.
        """
        with torch.no_grad():
            return torch.cat([torch.log_softmax(self.logits(chunk.long()).double(), dim=-1) for chunk in x.split(CHUNK)])

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each character after those before it, float64 (n, length)."""
        return torch.cat([self.scores(chunk).gather(-1, chunk.long()[..., None])[..., 0] for chunk in x.split(CHUNK)])

    def decode(self, z: Tensor) -> Tensor:
        """Return the text of each noise z (n, length), float32 codes (n, length); normal noise draws from the model.

        Each number picks one character, by the inverse of the distribution function over the alphabet.
        """
        level = torch.special.ndtr(z.double())
        with torch.no_grad():
            code = torch.full((len(z),), self.recipe.classes)
            state, drawn = None, []
            for place in range(z.shape[1]):
                output, state = self.unit(self.embedding(code)[:, None], state)
                reached = torch.softmax(self.output(output[:, 0]).double(), dim=-1).cumsum(dim=-1)
                # The last step of the distribution function is 1, but for rounding.
                code = (reached < level[:, place, None]).sum(dim=-1).clamp(max=self.recipe.classes - 1)
                drawn.append(code)
        return torch.stack(drawn, dim=1).float()

    def continued(self, prompts: Tensor, length: int, levels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return how texts go on after prompts (n, any), float32 codes (n, length), with the log-probability of each character.

        `levels` float64 (n, length), from 0 to 1, each pick a character by the inverse of the distribution function over the
        alphabet, so that uniform ones draw from the model; without them each is the likeliest one. Log-probabilities are float64.
        """
        start = torch.full((len(prompts), 1), self.recipe.classes)
        with torch.no_grad():
            output, state = self.unit(self.embedding(torch.cat([start, prompts.long()], dim=1)))
            drawn, found = [], []
            for place in range(length):
                scores = torch.log_softmax(self.output(output[:, -1]).double(), dim=-1)
                code = picked(scores, None if levels is None else levels[:, place])
                drawn.append(code)
                found.append(scores.gather(-1, code[:, None])[:, 0])
                output, state = self.unit(self.embedding(code)[:, None], state)
        return torch.stack(drawn, dim=1).float(), torch.stack(found, dim=1)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, length) by the cross-entropy of every character, with Adam."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.recipe.learning_rate, fused=True)
        loss = nn.CrossEntropyLoss(ignore_index=PADDING)
        codes = x.long()
        for _ in range(self.recipe.epochs):
            for chunk in torch.randperm(len(x)).split(self.recipe.batch):
                optimizer.zero_grad(set_to_none=True)
                loss(self.logits(codes[chunk]).flatten(0, 1), codes[chunk].flatten()).backward()
                optimizer.step()


def picked(scores: Tensor, level: Tensor | None) -> Tensor:
    """Return one symbol for each row of log-probabilities (n, symbols), int64 (n,): the likeliest, or that at a level (n,)."""
    if level is None:
        return scores.argmax(dim=-1)
    reached = scores.exp().cumsum(dim=-1)
    # The last step of the distribution function is 1, but for rounding.
    return (reached < level[:, None]).sum(dim=-1).clamp(max=scores.shape[-1] - 1)
