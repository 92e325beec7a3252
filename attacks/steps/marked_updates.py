"""Updates with and without a property: computed by the adversary at each round's global model, and their features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, MarkedRecords, PropertyUpdates, Rounds
from attacks.models.federation import Federation

# Larger matrices are pooled, as in the authors' code.
LARGE = 5000
# Which share of a batch has the property, one after the other: the authors' code learns from mixed batches too.
SHARES = (1.0, 0.8, 0.6, 0.4)


def features(update: Mapping[str, Tensor]) -> Tensor:
    """Return what a classifier sees of an update, float64 (d,): absolute values, pooled where they are many, of length 1.

    Biases are left out. The kernels of a convolution are pooled, and large convolutions are left out; of a large matrix
    (units, inputs) the maximum over the units is taken. The authors' code of Melis et al. 2019.
    """
    found = []
    for value in update.values():
        size = value.double().abs()
        if size.dim() == 4 and size.shape[0] * size.shape[1] <= LARGE:
            found.append(size.flatten(2).amax(-1).flatten())
        elif size.dim() == 2:
            found.append((size.amax(0) if size.numel() > LARGE else size).flatten())
    return nn.functional.normalize(torch.cat(found), dim=0, eps=1e-30)


def simulated(
    rounds: Rounds, federation: Federation, property_data: MarkedRecords, others: int, batches: int, seed: int
) -> PropertyUpdates:
    """Return features of updates that `others` participants would send, computed from the adversary's own records.

    At the global model of each round, `batches` times with the property and as often without: one participant's batch has it or
    not, that of all others never, and their gradients are averaged. Of a batch that has it, a share of the records does,
    by turns as in `SHARES`. Melis et al. 2019, Algorithm 3 and Section VII-A. Raises AttackError unless participants send the
    gradient of one batch, or if there are too few marked records to fill one.
    """
    if federation.algorithm != "fedsgd":
        raise AttackError("it tells batches apart, so participants must send the gradient of one batch (fedsgd)")
    x, label, marked = property_data.x, property_data.label, property_data.marked
    having, lacking = marked.nonzero().flatten(), (~marked).nonzero().flatten()
    if min(len(having), len(lacking)) < federation.batch or others < 1 or batches < 1:
        counts = f"{len(having)} records with the property and {len(lacking)} without"
        raise AttackError(f"{counts} fill no batch of {federation.batch}, or none is asked for")
    module, generator = federation.model.build().train(), torch.Generator().manual_seed(seed % 2**63)

    def gradient(share: float) -> list[Tensor]:
        count = round(share * federation.batch)
        parts = ((having, count), (lacking, federation.batch - count))
        rows = torch.cat([of[torch.randperm(len(of), generator=generator)[:some]] for of, some in parts])
        loss = nn.functional.cross_entropy(module(x[rows]), label[rows])
        return list(torch.autograd.grad(loss, list(module.parameters())))

    found, truth = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)  # of dropout, if there is some
        for number in range(len(rounds)):
            module.load_state_dict(rounds.weights(number))
            names = [name for name, _ in module.named_parameters()]
            for k in range(batches):
                for share in (SHARES[k % len(SHARES)], 0.0):
                    sent = [gradient(share), *(gradient(0.0) for _ in range(others - 1))]
                    mean = [torch.stack(parts).mean(0) for parts in zip(*sent, strict=True)]
                    found.append(features(dict(zip(names, mean, strict=True))))
                    truth.append(share > 0)
    return PropertyUpdates(torch.stack(found), torch.tensor(truth))
